//! The step that is a pod.

use chaos_core::{PluginError, Reach, Step, StepContext, StepEnd, StepOutcome, register_step};

mod attempt;
mod capture;
mod error;
mod follow;
mod object;
mod shape;
mod state;
#[cfg(test)]
mod tests;

use attempt::Attempt;
pub use shape::{PodShape, PodTask};

impl Step for PodTask {
    async fn run(&self, cx: &StepContext) -> StepEnd {
        let checked = self.check().map_err(|error| error.to_string());
        if let Err(why) = checked {
            return StepEnd::new(StepOutcome::InfraFail, why);
        }
        let attempt = match Attempt::prepared(self, cx).await {
            Ok(attempt) => attempt,
            Err(error) => return StepEnd::new(StepOutcome::InfraFail, error.to_string()),
        };
        attempt.ended().await
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        self.check()?;
        let context = self.access().context_name().map_err(|error| PluginError::failed(error.to_string()))?;
        Ok(Reach { clusters: vec![self.touches(&context)], ..Reach::default() })
    }
}

register_step!(PodTask, "pod_task");
