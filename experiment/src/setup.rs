//! An experiment with every default filled in.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use chaos_core::{Confinement, DEFAULT_ERROR_RATIO, FaultNode, HostPattern, HttpUrl, Policy};
use chaos_schema::{Budget, ExperimentSpec, FaultName, LoadShape, Runs, Slo, SloPercentile, StrategyName};

use crate::planner;

/// Connections of a load, at the most, by default.
const CONNECTIONS: u32 = 64;

/// The SLO of a service for which none is given; the bound of errors comes with it.
const DEFAULT_SLO: Slo = Slo::Response { percentile: SloPercentile::P99, most_ms: 200.0 };

/// The resolved experiment.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) goal: String,
    pub(crate) target: HttpUrl,
    pub(crate) allow: Vec<String>,
    pub(crate) slo: Vec<Slo>,
    /// Whether the author named the SLOs.
    pub(crate) slo_given: bool,
    pub(crate) strategy: Option<StrategyName>,
    pub(crate) load: LoadShape,
    pub(crate) fault: Option<FaultNode>,
    pub(crate) runs: Option<u8>,
    pub(crate) budget: Budget,
    /// Hosts that the document names beside the target.
    pub(crate) hosts: Vec<HostPattern>,
}

impl Setup {
    /// Fills the defaults in.
    pub(crate) fn of(spec: ExperimentSpec) -> Self {
        // An SLO in the goal's own words counts where the document names none.
        let given = if spec.slo.is_empty() { planner::slos(spec.goal.as_str()) } else { spec.slo };
        Self {
            allow: allowed_faults(&spec.allow, spec.fault.as_ref()),
            goal: spec.goal.into(),
            target: spec.target,
            slo_given: !given.is_empty(),
            slo: with_errors(if given.is_empty() { vec![DEFAULT_SLO] } else { given }),
            strategy: spec.strategy,
            load: spec.load,
            fault: spec.fault,
            runs: spec.runs.map(Runs::get),
            budget: spec.budget,
            hosts: spec.policy.allow_hosts.unwrap_or_default(),
        }
    }

    /// The only places that anything may reach: the target at its own port, and hosts that the document names.
    pub(crate) fn confined_to(&self) -> Confinement {
        Confinement { target: Some(self.target.host().clone()), hosts: self.hosts.clone() }
    }

    /// Connections of a load.
    pub(crate) fn connections(&self, policy: &Policy) -> u32 {
        self.load.concurrency.map_or_else(|| CONNECTIONS.min(policy.max_concurrency).max(1), NonZeroU32::get)
    }

    /// The greatest rate that is allowed.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from f64 saturates")]
    pub(crate) fn ceiling(&self, policy: &Policy) -> u32 {
        let allowed = (policy.max_qps as u32).max(1);
        self.load.max_qps.map_or(allowed, |most| most.get().min(allowed))
    }

    /// Time at the beginning of a load that is not measured.
    pub(crate) fn warmup(&self) -> Duration {
        self.load.warmup_seconds.map_or(Duration::from_secs(1), chaos_core::Seconds::get)
    }

    /// The percentile that needs the most requests.
    pub(crate) fn percentile(&self) -> SloPercentile {
        highest_percentile(&self.slo).unwrap_or(SloPercentile::P99)
    }
}

/// Adds a bound of errors where none is named: a server that fails fast would meet any bound of the response time.
fn with_errors(mut slo: Vec<Slo>) -> Vec<Slo> {
    if !slo.iter().any(|slo| matches!(slo, Slo::Errors { .. })) {
        slo.push(Slo::Errors { most_ratio: DEFAULT_ERROR_RATIO });
    }
    slo
}

/// The highest percentile that SLOs name.
pub(crate) fn highest_percentile(slo: &[Slo]) -> Option<SloPercentile> {
    let named = slo.iter().filter_map(|slo| match slo {
        Slo::Response { percentile, .. } => Some(*percentile),
        Slo::Errors { .. } => None,
    });
    named.max()
}

/// The faults that an experiment may use, sorted by `type`; naming a fault as the document's own allows it.
pub(crate) fn allowed_faults(allow: &[FaultName], fault: Option<&FaultNode>) -> Vec<String> {
    let names = allow.iter().map(FaultName::as_str).chain(fault.map(FaultNode::type_name));
    let names: BTreeSet<String> = names.map(str::to_owned).collect();
    names.into_iter().collect()
}
