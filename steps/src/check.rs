//! The step that asks a probe.

use std::time::Duration;

use chaos_core::{
    Answer, Check, CheckBody, CheckMode, PluginError, ProbeNode, Reach, Seconds, Step, StepContext, StepEnd, StepHosts,
    StepOutcome, register_step,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asks a probe: once (`assert`), until it says yes (`converge`), or as long as it must stay yes (`hold`).
///
/// A no is a `task_fail`; an answer that can't be had is an `infra_fail`.
///
/// # Example
/// ```yaml
/// type: check
/// name: is-up
/// probe: { type: tcp, address: 127.0.0.1:5432 }
/// mode: converge
/// timeout_seconds: 60
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckStep {
    /// What is asked.
    pub probe: ProbeNode,
    /// How the answer is judged; default `assert`.
    #[serde(default)]
    pub mode: CheckMode,
    /// Seconds for which `converge` asks and `hold` watches; 30 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<Seconds>,
}

impl Step for CheckStep {
    async fn run(&self, cx: &StepContext) -> StepEnd {
        let body = CheckBody::Probe(self.probe.clone());
        let check = Check { body, mode: self.mode, timeout_seconds: self.timeout_seconds };
        let seen = match cx.run().services().get::<StepHosts>().host() {
            Ok(host) => host.check(cx, check).await,
            Err(error) => return StepEnd::new(StepOutcome::InfraFail, error.to_string()),
        };
        let outcome = match seen.answer {
            Answer::Yes => StepOutcome::Pass,
            Answer::No => StepOutcome::TaskFail,
            Answer::Unknown => StepOutcome::InfraFail,
        };
        StepEnd::new(outcome, seen.detail)
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        self.probe.reach()
    }

    fn at_least(&self) -> Duration {
        match self.mode {
            CheckMode::Hold => self.timeout_seconds.unwrap_or_else(|| Seconds::from(30)).get(),
            CheckMode::Assert | CheckMode::Converge => Duration::ZERO,
        }
    }
}

register_step!(CheckStep, "check");
