//! One entry: what waits, what breaks, and what is asked about it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FaultNode, SampledProbe, Seconds, StopProbe, TriggerNode, WithinProbe};

/// The name of an entry that has none.
pub const DEFAULT_ENTRY_NAME: &str = "Planned Disruption";

/// How long a sustained fault is held when its entry does not say.
pub const DEFAULT_HOLD_SECONDS: u8 = 10;

fn default_name() -> String {
    DEFAULT_ENTRY_NAME.to_owned()
}

/// One entry: a trigger, a fault, and the probes around them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChaosSpec {
    /// Name of the entry, for people and reports.
    #[serde(default = "default_name")]
    pub name: String,
    /// What the entry waits for.
    pub trigger: TriggerNode,
    /// The fault.
    pub action: FaultNode,
    /// Name of the check that is looked at after the undo.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "verification")]
    pub verify: Option<String>,
    /// Seconds for which a sustained fault is held; a finite fault refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<Seconds>,
    /// Probes that must say yes all the time while the fault is in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub during: Vec<SampledProbe>,
    /// A probe that must turn to yes in time after the fault is active: the system noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detect: Option<WithinProbe>,
    /// A probe that ends the fault at once when it says yes or can't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_if: Option<StopProbe>,
    /// Runs trigger and probes once more without the fault, for as long, before it or (in even rounds of `--repeat`) after it. Where the
    /// system was not steady then, or `detect` said yes, the entry is inconclusive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub control: bool,
}

impl ChaosSpec {
    /// An entry of a trigger and a fault, with nothing asked about it.
    pub fn new(trigger: impl Into<TriggerNode>, action: impl Into<FaultNode>) -> Self {
        Self {
            name: default_name(),
            trigger: trigger.into(),
            action: action.into(),
            verify: None,
            duration_seconds: None,
            during: Vec::new(),
            detect: None,
            abort_if: None,
            control: false,
        }
    }
}
