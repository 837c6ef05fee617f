//! An experiment with every default filled in, as the engine's thread wants it.

use std::num::NonZeroU32;
use std::time::Duration;

use chaos_core::{DurationText, HostPattern, HttpUrl, PluginError, Policy};
use chaos_schema::{Budget, ExperimentSpec, LoadShape, Slo, SloPercentile, StrategyName};
use serde_json::{Value, json};

use crate::planner;

/// Connections that a load opens at the most where nothing is said.
const CONNECTIONS: u32 = 64;

/// The promises of a service of which nothing is said.
const DEFAULT_SLO: [Slo; 2] =
    [Slo::Response { percentile: SloPercentile::P99, most_ms: 200.0 }, Slo::Errors { most_ratio: 0.01 }];

/// The resolved experiment.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) goal: String,
    pub(crate) target: HttpUrl,
    pub(crate) allow: Vec<String>,
    pub(crate) slo: Vec<Slo>,
    /// Whether the author named the promises.
    pub(crate) slo_given: bool,
    pub(crate) strategy: Option<StrategyName>,
    pub(crate) load: LoadShape,
    pub(crate) fault: Option<Value>,
    pub(crate) runs: Option<u8>,
    pub(crate) budget: Budget,
    /// Hosts that the document names beside the target.
    pub(crate) hosts: Vec<HostPattern>,
}

impl Setup {
    /// Fills the defaults in.
    pub(crate) fn of(spec: &ExperimentSpec) -> Result<Self, PluginError> {
        let fault = spec.fault.as_ref().map(serde_json::to_value).transpose();
        let fault = fault.map_err(|error| PluginError::failed(format!("the fault can't be written: {error}")))?;
        // A promise in the goal's own words counts where the document names none.
        let promised = if spec.slo.is_empty() { planner::promises(spec.goal.as_str()) } else { spec.slo.clone() };
        let mut allow: Vec<String> = spec.allow.iter().map(|name| name.as_str().to_owned()).collect();
        // Who writes a fault down wants it used.
        allow.extend(fault.iter().filter_map(|fault| fault["type"].as_str()).map(str::to_owned));
        allow.sort();
        allow.dedup();
        Ok(Self {
            goal: spec.goal.as_str().to_owned(),
            target: spec.target.clone(),
            allow,
            slo_given: !promised.is_empty(),
            slo: if promised.is_empty() { DEFAULT_SLO.to_vec() } else { promised },
            strategy: spec.strategy,
            load: spec.load,
            fault,
            runs: spec.runs.map(chaos_schema::Runs::get),
            budget: spec.budget,
            hosts: spec.policy.allow_hosts.clone().unwrap_or_default(),
        })
    }

    /// The only hosts that anything may reach: the target, and those that the document names.
    pub(crate) fn confined_to(&self) -> Vec<HostPattern> {
        let host = &self.target.host().host;
        // `localhost` is an address to the policy, whatever a resolver says.
        let address = if host == "localhost" || host.ends_with(".localhost") { "127.0.0.1" } else { host };
        address.parse().into_iter().chain(self.hosts.iter().cloned()).collect()
    }

    /// Connections of a load.
    pub(crate) fn connections(&self, policy: &Policy) -> u32 {
        self.load.concurrency.map_or_else(|| CONNECTIONS.min(policy.max_concurrency).max(1), NonZeroU32::get)
    }

    /// The greatest rate that may be asked for.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from f64 saturates")]
    pub(crate) fn ceiling(&self, policy: &Policy) -> u32 {
        let allowed = (policy.max_qps as u32).max(1);
        self.load.max_qps.map_or(allowed, |most| most.get().min(allowed))
    }

    /// Time at the beginning of a load that is not measured.
    pub(crate) fn warmup(&self) -> Duration {
        self.load.warmup_seconds.map_or(Duration::from_secs(1), chaos_core::Seconds::get)
    }

    /// The percentile that needs the most calls.
    pub(crate) fn percentile(&self) -> SloPercentile {
        let asked = self.slo.iter().filter_map(|slo| match slo {
            Slo::Response { percentile, .. } => Some(*percentile),
            Slo::Errors { .. } => None,
        });
        asked.max().unwrap_or(SloPercentile::P99)
    }
}

/// A node of the load fault.
pub(crate) fn load_node(setup: &Setup, policy: &Policy, qps: u32, measured: Duration) -> Value {
    let warmup = setup.warmup();
    let text = |time: Duration| String::from(DurationText::from(time));
    json!({
        "type": "generate_load",
        "target": {
            "service_url": setup.target.as_str(),
            "qps": qps.max(1),
            "duration": text(warmup + measured),
            "warmup": text(warmup),
            "concurrency": setup.connections(policy),
        }
    })
}
