//! The resources facet: what a fault may do to what a member can use.

use std::fmt::Debug;
use std::num::{NonZeroU32, NonZeroU64};

use super::cpus::Cpus;
use super::effect::Effect;
use crate::{BoxFuture, Plan, PluginError};

/// What a member can use: processor time, memory, processes, descriptors. The fault says what is done and for how long; the
/// facet knows how, as what, and how it is undone.
pub trait ResourcesFacet: Debug + Send + Sync {
    /// What the act would touch, with the member's label as its summary. May look, never touches.
    ///
    /// # Errors
    /// [`PluginError::Refused`] for what this machine or this member can't do, with what forbids it;
    /// [`PluginError::NotYet`] for a process that may appear.
    fn plan(&self, act: ResourceAct) -> BoxFuture<'_, Result<Plan, PluginError>>;

    /// The effect of the act, and the step that undoes it; done by [`crate::Undo::perform`].
    ///
    /// # Errors
    /// As [`ResourcesFacet::plan`].
    fn effect(&self, act: ResourceAct) -> BoxFuture<'_, Result<Effect, PluginError>>;

    /// What it uses now, and what it may use, read anew.
    ///
    /// # Errors
    /// [`PluginError`] when that can't be told.
    fn usage(&self) -> BoxFuture<'_, Result<ResourceUsage, PluginError>>;

    /// What the kernel has counted since the last effect on it, or since its start.
    ///
    /// # Errors
    /// [`PluginError`] when that can't be told.
    fn counters(&self) -> BoxFuture<'_, Result<ResourceCounters, PluginError>>;
}

/// What a fault does to the resources of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceAct {
    /// Gives it less; undone by the old limit.
    Limit(ResourceLimit),
    /// Uses them up beside it; undone by the end of what uses them.
    Load(ResourceLoad),
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceLimit {
    /// So many processors.
    Cpus(Cpus),
    /// So many bytes of memory; never fewer than it uses.
    MemoryBytes(NonZeroU64),
    /// So little memory that the kernel kills it; its supervisor starts it again.
    OutOfMemory,
    /// Room for so many processes and threads more.
    PidsLeft(u32),
    /// Room for so many descriptors more.
    FdsLeft(u32),
}

/// A load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceLoad {
    /// So many processes that do nothing but count.
    Cpu(NonZeroU32),
    /// A process that holds so many bytes.
    Memory(NonZeroU64),
}

/// What a member uses and may use; absent is what its kind can't tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceUsage {
    /// Which it is: "node `n1`, process 71 (`sleep`)".
    pub label: String,
    /// How many processors it may use, where that is limited.
    pub cpus: Option<Cpus>,
    /// Bytes of memory.
    pub memory: Option<ResourceAmount>,
    /// Processes and threads.
    pub pids: Option<ResourceAmount>,
    /// Descriptors, of those whose number is below the limit.
    pub fds: Option<ResourceAmount>,
    /// What uses resources beside it, by an effect on it.
    pub loads: Vec<LoadUsage>,
}

/// How much is used, and how much may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceAmount {
    /// In use.
    pub used: u64,
    /// The limit; absent without one.
    pub limit: Option<u64>,
    /// Whether that is lower than before the last effect on it.
    pub lowered: bool,
}

impl ResourceAmount {
    /// How much more may be used; `None` without a limit.
    pub fn room(self) -> Option<u64> {
        self.limit.map(|limit| limit.saturating_sub(self.used))
    }
}

/// What one load uses, as the system tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadUsage {
    /// Which it is: "process 72".
    pub label: String,
    /// Milliseconds of processor time since its start.
    pub cpu_ms: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
}

/// What the kernel has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResourceCounters {
    /// How often its processes were kept from the processor.
    pub throttled: u64,
    /// How many of its processes were killed for want of memory.
    pub oom_kills: u64,
    /// How many processes it was refused.
    pub pids_refused: u64,
}

impl ResourceCounters {
    /// What was counted since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            throttled: self.throttled.saturating_sub(before.throttled),
            oom_kills: self.oom_kills.saturating_sub(before.oom_kills),
            pids_refused: self.pids_refused.saturating_sub(before.pids_refused),
        }
    }
}
