//! The step that waits.

use std::time::Duration;

use chaos_core::{Seconds, Step, StepContext, StepEnd, StepOutcome, register_step};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Waits.
///
/// # Example
/// ```yaml
/// type: wait
/// name: settle
/// seconds: 5
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitStep {
    /// How many seconds.
    pub seconds: Seconds,
}

impl Step for WaitStep {
    async fn run(&self, cx: &StepContext) -> StepEnd {
        let time = self.seconds.get();
        match cx.run().sleep(time).await {
            true => StepEnd::new(StepOutcome::Pass, format!("{} s have passed", time.as_secs_f64())),
            false => StepEnd::new(StepOutcome::InfraFail, "interrupted"),
        }
    }

    fn at_least(&self) -> Duration {
        self.seconds.get()
    }
}

register_step!(WaitStep, "wait");
