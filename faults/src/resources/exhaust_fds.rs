//! The fault that takes file descriptors away.

use chaos_core::{
    Fault, FaultTarget, InjectContext, Injection, Plan, PluginError, Requirement, ResourceAct, ResourceLimit,
    ResourceUsage, RunContext, Sighting, Span, Undo, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::targeted;
use crate::shows::Shows;

/// Leaves a process no file descriptors: every further open, accept and connect fails with `EMFILE`.
///
/// # What it does
/// Lowers the soft limit of open files of the process (`RLIMIT_NOFILE`) to what it has open, and `leave` more. What is open
/// stays usable. The hard limit is never touched: lowering it could not be undone.
///
/// # What it surfaces
/// Servers that spin on a failed accept, leaks that nobody sees before the limit, log files that are not reopened, errors
/// that are taken for a network failure.
///
/// # How it is undone
/// The old soft limit, for the same process alone. One that has ended meanwhile needs nothing.
///
/// # Limits
/// The process itself; what it has started has limits of its own, and what it starts meanwhile keeps the low one. A process
/// of another user needs the capability `CAP_SYS_RESOURCE`, which root need not have. A process that closes descriptors can
/// open as many again.
///
/// # Example
/// ```yaml
/// type: exhaust_fds
/// target: { node: n1 }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExhaustFds {
    /// Whose descriptors.
    #[schemars(extend("x-author-only" = true))]
    pub target: FaultTarget,
    /// How many more it may open; default 0.
    #[serde(default)]
    pub leave: u32,
}

impl ExhaustFds {
    fn act(&self) -> ResourceAct {
        ResourceAct::Limit(ResourceLimit::FdsLeft(self.leave))
    }

    fn shows(usage: &ResourceUsage) -> Shows {
        let label = &usage.label;
        let Some(fds) = usage.fds else { return Shows::No(format!("{label} has no process")) };
        match (fds.room(), fds.limit) {
            // What it closes it may open again, so its room says little.
            (Some(room), Some(limit)) if fds.lowered => {
                Shows::Yes(format!("{label} may open {room} more descriptors (limit {limit} in `/proc/PID/limits`)"))
            }
            (Some(room), _) => Shows::No(format!("{label} may open {room} more descriptors")),
            (None, _) => Shows::No(format!("{label} has no limit of descriptors")),
        }
    }
}

impl Fault for ExhaustFds {
    const SPAN: Span = Span::Sustained;
    const NEEDS: &'static [Requirement] = &[Requirement::LinuxPidfd];

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        targeted::plan(&self.target, &[self.act()], "take descriptors from", cx).await
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        targeted::perform(&self.target, &[self.act()], undo, cx).await?;
        Ok(Injection::in_force())
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        targeted::sighting(&self.target, cx, Self::shows).await
    }
}

register_fault!(ExhaustFds, "exhaust_fds");

#[cfg(test)]
mod tests;
