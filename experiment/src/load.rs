//! The loads of an experiment, made by the linked fault that makes loads for other programs.

use std::num::NonZeroU32;
use std::time::Duration;

use chaos_core::{Descriptor, DynFault, FAULTS, FaultNode, LoadDuration, LoadRequest, Policy, Seconds};
use chaos_schema::Slo;

use crate::setup::Setup;
use crate::stop::Stop;

/// The shortest timeout of a request, in seconds; as a load of its own has it.
const SHORTEST: f64 = 3.0;

/// A load of the target: the warm-up, and then the measured time.
pub(crate) fn load(setup: &Setup, policy: &Policy, qps: u32, measured: Duration) -> Result<FaultNode, Stop> {
    let time = |time: Duration| LoadDuration::try_from(time).map_err(|error| Stop::Refused(error.to_string()));
    let warmup = setup.warmup();
    let request = LoadRequest {
        qps: NonZeroU32::new(qps).unwrap_or(NonZeroU32::MIN),
        duration: Some(time(warmup + measured)?),
        warmup: Some(time(warmup)?),
        concurrency: NonZeroU32::new(setup.connections(policy)),
        timeout_seconds: timeout(&setup.slo),
        ..LoadRequest::to(setup.target.clone())
    };
    let unlinked = || Stop::Refused("this program has no fault that makes load".to_owned());
    let load_from = load_fault().and_then(|fault| fault.load_from).ok_or_else(unlinked)?;
    Ok(FaultNode::new(load_from(request)))
}

/// After this time a request is given up: above every bound of the SLOs, since one that was given up before a bound says
/// nothing about it.
fn timeout(slo: &[Slo]) -> Seconds {
    let bounds = slo.iter().filter_map(|slo| match slo {
        Slo::Response { most_ms, .. } => Some(most_ms / 1e3),
        Slo::Errors { .. } => None,
    });
    let longest = bounds.fold(0.0, f64::max);
    Seconds::try_from((longest * 1.25).ceil().max(SHORTEST)).unwrap_or_else(|_| Seconds::from(3))
}

/// The linked fault that makes loads for other programs.
pub(crate) fn load_fault() -> Option<&'static Descriptor<dyn DynFault>> {
    FAULTS.all().iter().copied().find(|fault| fault.load_from.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_given_up_after_every_bound_and_not_before() {
        for (slo, seconds) in [("p99<200ms", 3), ("p99<10s", 13), ("p50<2800ms", 4), ("errors<1%", 3)] {
            let bounds = ["p50<1ms".parse().unwrap(), slo.parse().unwrap()];
            assert_eq!(timeout(&bounds).get(), Duration::from_secs(seconds), "{slo}");
        }
    }
}
