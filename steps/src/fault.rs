//! The step that runs an entry.

use std::any::Any;
use std::time::Duration;

use chaos_core::{
    ChaosSpec, DEFAULT_HOLD_SECONDS, Seconds, Span, Step, StepContext, StepEnd, StepHosts, StepOutcome, Verdict,
    register_step,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Runs an entry: trigger, fault, undo, verdict, as in `chaos_spec`. The step ends when the fault is undone.
///
/// `held` and `unchecked` are a `pass`, `deviated` is a `task_fail`, `inconclusive` an `infra_fail`. A fault that may still
/// be in force ends the workflow with exit code 3. A one-shot fault ends when it is done; a sustained one is held for
/// its `duration_seconds`, 10 where absent: no step of this kind needs a deadline to end.
///
/// # Example
/// ```yaml
/// type: fault
/// name: pause
/// entry:
///   trigger: { type: immediate }
///   action: { type: pause_process, pid: 4711 }
///   duration_seconds: 5
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultStep {
    /// The entry.
    #[schemars(schema_with = "entry")]
    pub entry: ChaosSpec,
}

/// What an entry is depends on what is linked; the marker is replaced where schemas are published.
fn entry(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-squall-plugin": "entry" })
}

impl Step for FaultStep {
    async fn run(&self, cx: &StepContext) -> StepEnd {
        let run = async { cx.run().services().get::<StepHosts>().host()?.entry(cx, self.entry.clone()).await };
        let result = match run.await {
            Ok(result) => result,
            Err(error) => return StepEnd::new(StepOutcome::InfraFail, error.to_string()),
        };
        let detail = result.error.unwrap_or_else(|| result.verdict.word().to_owned());
        let outcome = match result.verdict {
            Verdict::Held | Verdict::Unchecked => StepOutcome::Pass,
            Verdict::Deviated => StepOutcome::TaskFail,
            Verdict::Inconclusive | Verdict::RevertFailed => StepOutcome::InfraFail,
        };
        let in_force = (result.verdict == Verdict::RevertFailed).then(|| detail.clone());
        StepEnd { in_force, ..StepEnd::new(outcome, detail) }
    }

    fn at_least(&self) -> Duration {
        let hold = match self.entry.action.span() {
            Span::Sustained => self.entry.duration_seconds.unwrap_or_else(|| Seconds::from(DEFAULT_HOLD_SECONDS)).get(),
            Span::Finite => Duration::ZERO,
        };
        self.entry.trigger.at_least().saturating_add(hold)
    }

    fn entry(&self) -> Option<&dyn Any> {
        Some(&self.entry)
    }
}

register_step!(FaultStep, "fault");
