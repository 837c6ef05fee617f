//! The fault that uses processor time up.

use std::num::NonZeroU32;

use chaos_core::{
    Fault, FaultTarget, InjectContext, Injection, Plan, PluginError, Requirement, ResourceAct, ResourceLoad,
    ResourceUsage, RunContext, Sighting, Span, Undo, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::targeted;
use crate::shows::Shows;

/// Has processes compete with a node for the processor.
///
/// # What it does
/// Starts `workers` processes of Squall that do nothing but count, each able to use one processor: in the group of the node
/// if it has one, so that they share its quota; on the machine else.
///
/// # What it surfaces
/// Noisy neighbours: latency that rises with load that is not the service's own, timeouts that were measured on an idle
/// machine, heartbeats that come late.
///
/// # How it is undone
/// The processes are killed. They end with Squall in any case, at once, when it is killed.
///
/// # Limits
/// `workers` counts against the ceiling `concurrency`. A scheduler gives every process its share: it takes more workers than
/// processors to slow a node that needs one.
///
/// # Example
/// ```yaml
/// type: stress_cpu
/// target: { node: n1 }
/// workers: 2
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StressCpu {
    /// Beside whom.
    #[schemars(extend("x-author-only" = true))]
    pub target: FaultTarget,
    /// How many processes; default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub workers: NonZeroU32,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

impl StressCpu {
    fn act(&self) -> ResourceAct {
        ResourceAct::Load(ResourceLoad::Cpu(self.workers))
    }

    fn shows(&self, usage: &ResourceUsage) -> Shows {
        let label = &usage.label;
        let busy: Vec<String> = usage
            .loads
            .iter()
            .filter(|load| load.cpu_ms > 0)
            .map(|load| format!("{} has used the processor for {} ms", load.label, load.cpu_ms))
            .collect();
        let wanted = usize::try_from(self.workers.get()).unwrap_or(usize::MAX);
        if busy.len() >= wanted {
            Shows::Yes(format!("beside {label}, {}", busy.join(", ")))
        } else {
            Shows::No(format!("beside {label}, {} of {wanted} processes use the processor", busy.len()))
        }
    }
}

impl Fault for StressCpu {
    const SPAN: Span = Span::Sustained;
    const NEEDS: &'static [Requirement] = &[Requirement::LinuxPidfd];

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        let verb = format!("use {} processors beside", self.workers);
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

register_fault!(StressCpu, "stress_cpu");

#[cfg(test)]
mod tests;
