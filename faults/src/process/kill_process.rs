//! The fault that kills processes.

use chaos_core::{
    Fault, FaultTarget, InjectContext, Injection, Plan, PluginError, ProcessAct, Requirement, RunContext, Sighting,
    SignalName, Span, Undo, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::targeted;

/// Kills processes, and has them started again when the hold ends.
///
/// # What it does
/// The process gets the signal and must end within 5 s. It is down for the whole hold. Several are killed at the same time.
///
/// # What it surfaces
/// State that was only in memory, files that were half written, peers that wait for an answer that never comes, leaders that
/// nobody replaces, clients that do not reconnect.
///
/// # How it is undone
/// A node that the run has started is started again by its supervisor: same command line, environment, folder and ports; the
/// undo waits until it is ready. A process that the run did not start stays dead: the plan says so, it needs the permission
/// `irreversible`, and the result says `not_reversible`.
///
/// # Limits
/// Refused: pid 1, Squall itself and its ancestors, threads, threads of the kernel, protected nodes. A process of another
/// user than ours needs the permission `other_user`. What the process has started is not killed with it. A signal that the
/// process survives is an error; for an undo that can't be made, nothing else is done to it.
///
/// # Example
/// ```yaml
/// type: kill_process
/// target: { node: n1 }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KillProcess {
    /// What is killed.
    #[schemars(extend("x-author-only" = true))]
    pub target: FaultTarget,
    /// The signal; default `SIGKILL`.
    #[serde(default)]
    pub signal: SignalName,
}

impl Fault for KillProcess {
    const SPAN: Span = Span::Sustained;
    const NEEDS: &'static [Requirement] = &[Requirement::LinuxPidfd];

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        targeted::plan(&self.target, ProcessAct::Kill(self.signal), "kill", cx).await
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        targeted::perform(&self.target, ProcessAct::Kill(self.signal), undo, cx).await?;
        Ok(Injection::in_force())
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        targeted::sighting(&self.target, cx, targeted::shows_end).await
    }
}

register_fault!(KillProcess, "kill_process", aliases: ["kill_node"]);

#[cfg(test)]
mod tests;
