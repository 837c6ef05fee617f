//! The fault that has the kernel kill a node for want of memory.

use chaos_core::{
    Fault, FaultTarget, InjectContext, Injection, Plan, PluginError, ProcessState, Requirement, ResourceAct,
    ResourceLimit, RunContext, Sighting, Span, Undo, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::targeted;
use crate::shows::{Shows, together};

/// Takes the memory of a node's group away until the kernel kills the node.
///
/// # What it does
/// The node is made the first victim of its group (`oom_score_adj`), and the memory limit of the group is lowered. Version 2
/// of cgroups then kills until the rest fits. Version 1 takes no limit below what is used, so a process of ours asks for
/// more in the group. The node must have ended within 5 s, by the kernel's own count of such kills; it is down for the hold.
///
/// # What it surfaces
/// As `kill_process`, and what tells a kill for want of memory from a crash: restarts that run into the same limit, alerts
/// on the kernel's counter, limits that count caches, children that live on without their parent.
///
/// # How it is undone
/// The old limit, then the node's supervisor starts it again: same command line, environment, folder and ports. A process
/// that the run did not start stays dead: that needs the permission `irreversible`.
///
/// # Limits
/// A node needs a group (`group: true`), in a cgroup hierarchy with the controller `memory`. Others in the group may be
/// killed too. Refused where the group lets its members wait for memory instead.
///
/// # Example
/// ```yaml
/// type: oom
/// target: { node: n1 }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oom {
    /// What is killed.
    #[schemars(extend("x-author-only" = true))]
    pub target: FaultTarget,
}

const ACT: ResourceAct = ResourceAct::Limit(ResourceLimit::OutOfMemory);

impl Fault for Oom {
    const SPAN: Span = Span::Sustained;
    const NEEDS: &'static [Requirement] = &[Requirement::LinuxPidfd, Requirement::CgroupMemory];

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        targeted::plan(&self.target, &[ACT], "have the kernel kill", cx).await
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        targeted::perform(&self.target, &[ACT], undo, cx).await?;
        Ok(Injection::in_force())
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        match self.shown(cx).await {
            Ok(shown) => together(shown),
            Err(error) => targeted::unseen(error),
        }
    }
}

impl Oom {
    /// It is down, and the kernel has counted a kill: neither alone is this fault.
    async fn shown(&self, cx: &RunContext) -> Result<Vec<Shows>, PluginError> {
        let mut shown = Vec::new();
        for member in self.target.resolve(cx)? {
            let kills = member.resources_facet()?.counters().await?.oom_kills;
            let status = member.process_facet()?.status().await?;
            shown.push(match (status.state, kills) {
                (ProcessState::Gone, 1..) => {
                    Shows::Yes(format!("{}; the kernel counts {kills} killed for want of memory", status.detail))
                }
                (ProcessState::Gone, 0) => {
                    Shows::No(format!("{}; the kernel counts none killed for want of memory", status.detail))
                }
                _ => Shows::No(format!("{} is there ({})", status.label, status.detail)),
            });
        }
        Ok(shown)
    }
}

register_fault!(Oom, "oom");

#[cfg(test)]
mod tests;
