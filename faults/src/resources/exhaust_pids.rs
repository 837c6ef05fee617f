//! The fault that takes processes and threads away.

use chaos_core::{
    Fault, FaultTarget, InjectContext, Injection, Plan, PluginError, Requirement, ResourceAct, ResourceLimit,
    ResourceUsage, RunContext, Sighting, Span, Undo, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::targeted;
use crate::shows::Shows;

/// Leaves a node no processes and threads: every further fork, clone and thread fails with `EAGAIN`.
///
/// # What it does
/// Lowers the limit of its group (`pids.max`) to what is there, and `leave` more. What runs keeps running.
///
/// # What it surfaces
/// Servers that start a thread for each request, health checks that start a program, supervisors that can't restart what
/// has ended, thread pools that shrink for good.
///
/// # How it is undone
/// The old value of `pids.max`. A group that is gone needs nothing.
///
/// # Limits
/// A node needs a group (`group: true`), in a cgroup hierarchy with the controller `pids`. A process without one, of a user
/// other than root, gets the limit of its user's processes (`RLIMIT_NPROC`) instead, and then `leave` must be 0. The group
/// of a process that the run did not start may hold others, and needs the permission `root`.
///
/// # Example
/// ```yaml
/// type: exhaust_pids
/// target: { node: n1 }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExhaustPids {
    /// Whose processes.
    #[schemars(extend("x-author-only" = true))]
    pub target: FaultTarget,
    /// How many more it may start; default 0.
    #[serde(default)]
    pub leave: u32,
}

impl ExhaustPids {
    fn act(&self) -> ResourceAct {
        ResourceAct::Limit(ResourceLimit::PidsLeft(self.leave))
    }

    fn shows(usage: &ResourceUsage) -> Shows {
        let label = &usage.label;
        let Some(pids) = usage.pids else { return Shows::No(format!("{label} has no process")) };
        match (pids.room(), pids.limit) {
            // What ends makes room again, so the room says little.
            (Some(room), Some(limit)) if pids.lowered => {
                Shows::Yes(format!("{label} may start {room} more processes (limit {limit}, {} there)", pids.used))
            }
            (Some(room), _) => Shows::No(format!("{label} may start {room} more processes")),
            (None, _) => Shows::No(format!("{label} has no limit of processes")),
        }
    }
}

impl Fault for ExhaustPids {
    const SPAN: Span = Span::Sustained;
    const NEEDS: &'static [Requirement] = &[Requirement::LinuxPidfd, Requirement::CgroupPids];

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        targeted::plan(&self.target, &[self.act()], "take processes from", cx).await
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        targeted::perform(&self.target, &[self.act()], undo, cx).await?;
        Ok(Injection::in_force())
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        targeted::sighting(&self.target, cx, Self::shows).await
    }
}

register_fault!(ExhaustPids, "exhaust_pids");

#[cfg(test)]
mod tests;
