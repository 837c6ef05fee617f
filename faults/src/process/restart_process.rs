//! The fault that restarts nodes.

use chaos_core::{
    Evidence, Fault, FaultTarget, InjectContext, Injection, Outcome, Plan, PluginError, ProcessAct, ProcessState,
    ProcessStatus, Requirement, RunContext, Sighting, Span, Undo, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::targeted;

/// Restarts nodes: kills them with SIGKILL, and starts them again at once, as the same nodes.
///
/// # What it does
/// The node's supervisor starts it with the same command line, environment, folder and ports, and waits until the node's own
/// `ready` says yes, within its bound. Several are restarted at the same time.
///
/// # What it surfaces
/// Recovery from disk, peers that keep a connection to the process before, entries of one member that are there twice, caches
/// that nobody warms, ports that are still taken.
///
/// # How it is undone
/// There is nothing to undo once the node is up again. If the run ends in between, the journalled step starts the node, and
/// after a crash the node's own step stops it.
///
/// # Limits
/// Only for nodes that the run has started. Refused: protected nodes. What the node has started is not killed with it.
///
/// # Example
/// ```yaml
/// type: restart_process
/// target: { node: n1 }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestartProcess {
    /// What is restarted.
    #[schemars(extend("x-author-only" = true))]
    pub target: FaultTarget,
}

impl Fault for RestartProcess {
    const SPAN: Span = Span::Finite;
    const NEEDS: &'static [Requirement] = &[Requirement::LinuxPidfd];

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        targeted::plan(&self.target, ProcessAct::Restart, "restart", cx).await
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let before = targeted::statuses(&self.target, cx).await?;
        targeted::perform(&self.target, ProcessAct::Restart, undo, cx).await?;
        let after = targeted::statuses(&self.target, cx).await?;
        let text: Vec<String> =
            before.iter().zip(&after).map(|(a, b)| format!("{} was replaced by {}", a.label, b.label)).collect();
        let evidence = Evidence::new(text.join("; "));
        let replaced = before.iter().zip(&after).all(|(before, after)| is_replaced(before, after));
        Ok(Injection::Finished(if replaced {
            Outcome::landed(evidence)
        } else {
            Outcome::missed("a node does not run as another process", evidence)
        }))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::unknown("its evidence is in its outcome")
    }
}

register_fault!(RestartProcess, "restart_process", aliases: ["restart_node"]);

/// Whether the process before is another one than the one after, which runs.
fn is_replaced(before: &ProcessStatus, after: &ProcessStatus) -> bool {
    after.state == ProcessState::Running && after.identity.is_some() && before.identity != after.identity
}

#[cfg(test)]
mod tests;
