//! The fault that uses memory up.

use std::num::NonZeroU64;

use chaos_core::{
    Fault, FaultTarget, InjectContext, Injection, Plan, PluginError, Requirement, ResourceAct, ResourceLoad,
    ResourceUsage, RunContext, Sighting, Span, Undo, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::targeted;
use crate::shows::Shows;

/// Has a process hold memory beside a node.
///
/// # What it does
/// Starts a process of Squall that takes `bytes` and writes to every page of them: in the group of the node if it has one,
/// so that they count against its limit; on the machine else.
///
/// # What it surfaces
/// Caches that are sized by the whole machine, collectors that run all the time when memory is short, services that are
/// slow rather than dead while the kernel reclaims.
///
/// # How it is undone
/// The process is killed. It ends with Squall in any case, at once, when it is killed; and it is the first that the kernel
/// kills when memory runs out (`oom_score_adj` 1000).
///
/// # Limits
/// `bytes` counts against the ceiling `bytes`. Refused where the machine, the group of Squall, or the group of the node
/// would run out: 256 MiB stay free on the machine and in the group of Squall, whatever is asked for.
///
/// # Example
/// ```yaml
/// type: stress_memory
/// target: { node: n1 }
/// bytes: 67108864
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StressMemory {
    /// Beside whom.
    #[schemars(extend("x-author-only" = true))]
    pub target: FaultTarget,
    /// How many bytes.
    #[schemars(range(min = 1))]
    pub bytes: NonZeroU64,
}

impl StressMemory {
    fn act(&self) -> ResourceAct {
        ResourceAct::Load(ResourceLoad::Memory(self.bytes))
    }

    fn shows(&self, usage: &ResourceUsage) -> Shows {
        let (label, wanted) = (&usage.label, self.bytes);
        let there: u64 = usage.loads.iter().map(|load| load.memory_bytes).sum();
        if there >= wanted.get() {
            Shows::Yes(format!("beside {label}, a process holds {there} bytes of memory"))
        } else {
            Shows::No(format!("beside {label}, {there} of {wanted} bytes of memory are held"))
        }
    }
}

impl Fault for StressMemory {
    const SPAN: Span = Span::Sustained;
    const NEEDS: &'static [Requirement] = &[Requirement::LinuxPidfd];

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        let verb = format!("hold {} bytes of memory beside", self.bytes);
        targeted::plan(&self.target, &[self.act()], &verb, cx).await
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        targeted::perform(&self.target, &[self.act()], undo, cx).await?;
        Ok(Injection::in_force())
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        targeted::sighting(&self.target, cx, |usage| self.shows(usage)).await
    }
}

register_fault!(StressMemory, "stress_memory");

#[cfg(test)]
mod tests;
