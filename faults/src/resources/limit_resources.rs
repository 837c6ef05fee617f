//! The fault that limits processor time and memory.

use std::num::NonZeroU64;

use chaos_core::schemars::{Schema, SchemaGenerator};
use chaos_core::{
    Cpus, Fault, FaultTarget, InjectContext, Injection, Plan, PluginError, Requirement, ResourceAct, ResourceLimit,
    ResourceUsage, RunContext, Sighting, Span, Undo, at_least_one_of, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use super::targeted;
use crate::shows::Shows;

/// A lower limit of processor time, of memory, or of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LimitKeys", into = "LimitKeys")]
pub struct LimitResources {
    /// Who is limited.
    pub target: FaultTarget,
    /// How many processors it may use.
    pub cpus: Option<Cpus>,
    /// How many bytes of memory it may use.
    pub memory_bytes: Option<NonZeroU64>,
}

/// Gives a node less processor time, less memory, or less of both.
///
/// # What it does
/// Sets the limits of its group: a quota of processor time in each period of 100 ms, and bytes of memory. With less memory
/// than it asks for later, the kernel first takes its caches and then kills it; `oom` does that at once.
///
/// # What it surfaces
/// Timeouts that are met on an idle machine only, heartbeats that are late under throttling, leaders that are too slow to
/// lead and too alive to be replaced, caches without a bound.
///
/// # How it is undone
/// The old values of the group's files. A group that is gone needs nothing.
///
/// # Limits
/// A node needs a group (`group: true`), in cgroup hierarchies with the controllers `cpu` and `memory`. Memory that it uses
/// already is not taken: a limit below that is refused. Everything in the group shares the limit. The group of a process
/// that the run did not start may hold others, and needs the permission `root`.
///
/// # Example
/// ```yaml
/// type: limit_resources
/// target: { node: n1 }
/// cpus: 0.2
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LimitKeys {
    /// Who is limited.
    #[schemars(extend("x-author-only" = true))]
    target: FaultTarget,
    /// How many processors it may use: 0.2 is a fifth of the time of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpus: Option<Cpus>,
    /// How many bytes of memory it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    memory_bytes: Option<NonZeroU64>,
}

/// A limit of nothing.
#[derive(Debug, thiserror::Error)]
#[error("expected `cpus`, `memory_bytes`, or both")]
struct LimitKeysError;

impl TryFrom<LimitKeys> for LimitResources {
    type Error = LimitKeysError;

    fn try_from(keys: LimitKeys) -> Result<Self, LimitKeysError> {
        let LimitKeys { target, cpus, memory_bytes } = keys;
        if cpus.is_none() && memory_bytes.is_none() {
            return Err(LimitKeysError);
        }
        Ok(Self { target, cpus, memory_bytes })
    }
}

impl From<LimitResources> for LimitKeys {
    fn from(fault: LimitResources) -> Self {
        let LimitResources { target, cpus, memory_bytes } = fault;
        Self { target, cpus, memory_bytes }
    }
}

impl JsonSchema for LimitResources {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "LimitResources".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = LimitKeys::json_schema(generator);
        at_least_one_of(&mut schema, &["cpus", "memory_bytes"]);
        schema
    }
}

impl LimitResources {
    fn acts(&self) -> Vec<ResourceAct> {
        let cpus = self.cpus.map(ResourceLimit::Cpus);
        let memory = self.memory_bytes.map(ResourceLimit::MemoryBytes);
        cpus.into_iter().chain(memory).map(ResourceAct::Limit).collect()
    }

    /// A limit in force may be lower than what was asked for: the kernel rounds down.
    fn shows(&self, usage: &ResourceUsage) -> Shows {
        let (label, mut yes, mut no) = (&usage.label, Vec::new(), Vec::new());
        if let Some(cpus) = self.cpus {
            match usage.cpus {
                Some(now) if now <= cpus => yes.push(format!("{now} processors")),
                Some(now) => no.push(format!("{now} processors")),
                None => no.push("all processors".to_owned()),
            }
        }
        if let Some(bytes) = self.memory_bytes {
            match usage.memory.and_then(|memory| memory.limit) {
                Some(now) if now <= bytes.get() => yes.push(format!("{now} bytes of memory")),
                Some(now) => no.push(format!("{now} bytes of memory")),
                None => no.push("all memory".to_owned()),
            }
        }
        if no.is_empty() {
            Shows::Yes(format!("{label} may use {}", yes.join(" and ")))
        } else {
            Shows::No(format!("{label} may use {}", no.join(" and ")))
        }
    }
}

impl Fault for LimitResources {
    const SPAN: Span = Span::Sustained;
    const NEEDS: &'static [Requirement] = &[Requirement::LinuxPidfd, Requirement::CgroupCpu, Requirement::CgroupMemory];

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        targeted::plan(&self.target, &self.acts(), "limit", cx).await
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        targeted::perform(&self.target, &self.acts(), undo, cx).await?;
        Ok(Injection::in_force())
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        targeted::sighting(&self.target, cx, |usage| self.shows(usage)).await
    }
}

register_fault!(LimitResources, "limit_resources");

#[cfg(test)]
mod tests;
