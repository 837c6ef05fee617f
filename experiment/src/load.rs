//! The loads of an experiment, made by the linked fault that makes loads for other programs.

use std::num::NonZeroU32;
use std::time::Duration;

use chaos_core::{Descriptor, DynFault, FAULTS, FaultNode, LoadDuration, LoadRequest, Policy};

use crate::setup::Setup;
use crate::stop::Stop;

/// A load of the target: the warm-up, and then the measured time.
pub(crate) fn load(setup: &Setup, policy: &Policy, qps: u32, measured: Duration) -> Result<FaultNode, Stop> {
    let time = |time: Duration| LoadDuration::try_from(time).map_err(|error| Stop::Refused(error.to_string()));
    let warmup = setup.warmup();
    let request = LoadRequest {
        qps: NonZeroU32::new(qps).unwrap_or(NonZeroU32::MIN),
        duration: Some(time(warmup + measured)?),
        warmup: Some(time(warmup)?),
        concurrency: NonZeroU32::new(setup.connections(policy)),
        ..LoadRequest::to(setup.target.clone())
    };
    let unlinked = || Stop::Refused("this program has no fault that makes load".to_owned());
    let load_from = load_fault().and_then(|fault| fault.load_from).ok_or_else(unlinked)?;
    Ok(FaultNode::new(load_from(request)))
}

/// The linked fault that makes loads for other programs.
pub(crate) fn load_fault() -> Option<&'static Descriptor<dyn DynFault>> {
    FAULTS.all().iter().copied().find(|fault| fault.load_from.is_some())
}
