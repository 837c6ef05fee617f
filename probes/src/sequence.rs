//! The probe that asks several probes one after the other.

use chaos_core::{Answer, Observation, PluginError, Probe, Reach, RunContext, register_probe};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::{Checks, every};

/// Asks several probes one after the other, and stops at the first that does not say yes.
///
/// # Answers
/// Yes when all say yes; otherwise the answer of the one at which it stopped. Later ones are not asked.
/// The observation's value lists what each check saw.
///
/// # Example
/// ```yaml
/// type: sequence
/// checks:
///   - type: tcp
///     address: 127.0.0.1:8080
///   - type: tcp
///     address: 127.0.0.1:5432
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    /// The probes.
    pub checks: Checks,
}

impl Probe for Sequence {
    async fn observe(&self, cx: &RunContext) -> Observation {
        let seen = self.checks.ask_in_turn(cx).await;
        self.checks.sum(every(&seen), Answer::Yes, &seen)
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        self.checks.reach()
    }

    fn at_most(&self) -> Option<std::time::Duration> {
        self.checks.all_in_turn()
    }
}

register_probe!(Sequence, "sequence");
