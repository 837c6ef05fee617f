//! The probe that asks several probes at the same time, and wants none of them.

use chaos_core::{Answer, Observation, PluginError, Probe, Reach, RunContext, register_probe};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::{Checks, some};

/// Asks several probes at the same time: yes when none says yes.
///
/// # Answers
/// Kleene "not any": one yes is a no; otherwise one unknown is unknown.
/// The observation's value lists what each check saw.
///
/// # Example
/// ```yaml
/// type: none
/// checks:
///   - type: tcp
///     address: 127.0.0.1:8080
///   - type: tcp
///     address: 127.0.0.1:5432
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoneOf {
    /// The probes.
    pub checks: Checks,
}

impl Probe for NoneOf {
    async fn observe(&self, cx: &RunContext) -> Observation {
        let seen = self.checks.ask_all(cx).await;
        self.checks.sum(some(&seen).not(), Answer::No, &seen)
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        self.checks.reach()
    }

    fn at_most(&self) -> Option<std::time::Duration> {
        self.checks.longest()
    }
}

register_probe!(NoneOf, "none");
