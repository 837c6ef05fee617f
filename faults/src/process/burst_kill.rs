//! The fault that kills several processes within a moment.

use std::num::NonZeroU32;
use std::time::Duration;

use chaos_core::{
    Fault, FaultTarget, InjectContext, Injection, Plan, PluginError, ProcessAct, Requirement, RunContext, Sighting,
    SignalName, Span, Undo, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::targeted;

/// Kills several processes within a moment, and has them started again when the hold ends.
///
/// # What it does
/// All steps are in the journal before the first signal; then all processes are killed at the same time. The time from the
/// first signal until the last of them has ended is measured, and must be `within_ms`.
///
/// # What it surfaces
/// Quorums that are lost at once, replicas that all fail over to the same survivor, membership that only copes with one loss
/// after the other, thundering herds when all come back.
///
/// # How it is undone
/// As `kill_process`: by the supervisors of the nodes.
///
/// # Limits
/// As `kill_process`. Fewer than two processes are refused. One that takes too long makes the run inconclusive, since the
/// system saw single losses then.
///
/// # Example
/// ```yaml
/// type: burst_kill
/// target: { nodes: { role: member }, pick: 3 }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BurstKill {
    /// What is killed; usually `nodes` with `pick`.
    #[schemars(extend("x-author-only" = true))]
    pub target: FaultTarget,
    /// The signal; default `SIGKILL`.
    #[serde(default)]
    pub signal: SignalName,
    /// Milliseconds within which all of them must have ended; default 100.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1))]
    pub within_ms: NonZeroU32,
}

/// As the battery of mesh faults asks for it: shorter than the heartbeat of any system that it was written for.
fn hundred() -> NonZeroU32 {
    const { NonZeroU32::new(100).expect("100 is not 0") }
}

impl Fault for BurstKill {
    const SPAN: Span = Span::Sustained;
    const NEEDS: &'static [Requirement] = &[Requirement::LinuxPidfd];

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        let there = self.target.resolve(cx)?.len();
        if there < 2 {
            let why = format!("a burst needs two processes or more, and {} is one; use `pick`", self.target);
            return Err(PluginError::refused(why));
        }
        targeted::plan(&self.target, ProcessAct::Kill(self.signal), "kill at the same time", cx).await
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let took = targeted::perform(&self.target, ProcessAct::Kill(self.signal), undo, cx).await?;
        let within = Duration::from_millis(self.within_ms.get().into());
        if took > within {
            let (took, within) = (took.as_millis(), within.as_millis());
            return Err(PluginError::failed(format!("the burst took {took} ms, and {within} ms were asked for")));
        }
        cx.note(format!("all of them had ended {} ms after the first signal", took.as_millis()));
        Ok(Injection::in_force())
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        targeted::sighting(&self.target, cx, targeted::shows_end).await
    }
}

register_fault!(BurstKill, "burst_kill");

#[cfg(test)]
mod tests;
