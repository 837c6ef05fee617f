//! The resource group of a started node: how it is made, and how a program starts in it.

use std::num::{NonZeroU32, NonZeroU64};

use chaos_core::{Cpus, PluginError};
use chaos_host::{CgroupError, Controller, GroupLimit, OwnGroup, PidFd, TreeMark, moment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

/// Joins groups and becomes the program. Memory that is charged does not move with a process, and only the kernel's own
/// call, which is not safe to make from here, starts one in another group: so the shell joins, and the program replaces it.
const JOIN: &str =
    "n=$1; shift; while [ \"$n\" -gt 0 ]; do echo 0 > \"$1\" || exit 126; shift; n=$((n-1)); done; exec \"$@\"";

/// How many looks: a hang is an error.
const LOOKS: u32 = 5_000;

/// What a node may use, from its start on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeLimits {
    /// Processors: 0.5 is half of the time of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Cpus>,
    /// Bytes of memory; beyond them the kernel kills the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub memory_bytes: Option<NonZeroU64>,
    /// Processes and threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub pids: Option<NonZeroU32>,
}

impl NodeLimits {
    fn all(self) -> impl Iterator<Item = (Controller, GroupLimit)> {
        let cpus = self.cpus.map(|cpus| (Controller::Cpu, GroupLimit::Cpus(cpus.get())));
        let memory = self.memory_bytes.map(|bytes| (Controller::Memory, GroupLimit::MemoryBytes(bytes.get())));
        let pids = self.pids.map(|pids| (Controller::Pids, GroupLimit::Pids(pids.get().into())));
        [cpus, memory, pids].into_iter().flatten()
    }
}

/// The group of a node, and what is set in it.
#[derive(Debug, Clone)]
pub(crate) struct NodeGroup {
    pub(crate) group: OwnGroup,
    limits: NodeLimits,
}

impl NodeGroup {
    /// The group for the node of that mark. Touches nothing.
    pub(crate) fn plan(run: &str, node: &str, mark: &TreeMark, limits: NodeLimits) -> Result<Self, PluginError> {
        // Two runs of one name, as tests have them, must not share a group.
        let name = format!("{node}-{}", mark.text().get(..8).unwrap_or_default());
        let refused = |error| PluginError::refused(format!("a group needs writable cgroups: {error}"));
        let group = OwnGroup::plan(run, &name).map_err(refused)?;
        limits.all().try_for_each(|(controller, _)| group.offers(controller)).map_err(refused)?;
        Ok(Self { group, limits })
    }

    /// Makes it, and sets its limits.
    pub(crate) fn make(&self) -> Result<(), PluginError> {
        let made = || {
            self.group.make()?;
            self.limits.all().try_for_each(|(controller, limit)| self.group.dir(controller)?.limit(limit))
        };
        made().map_err(failed)
    }

    /// The command that starts the program in it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        let procs = self.group.procs();
        command.args(["-c", JOIN, "squall"]).arg(procs.len().to_string()).args(procs).arg(program);
        command
    }

    pub(crate) fn kill_rest(&self) -> Result<(), PluginError> {
        self.group.kill_all().map(drop).map_err(failed)
    }
}

/// Waits until the program has taken the place of what joins; `false` when it has ended before. Blocks for a moment, as
/// every start of a program does.
pub(crate) fn has_joined(held: &PidFd) -> Result<bool, PluginError> {
    let pid = held.pid();
    for _ in 0..LOOKS {
        let stat = held.stat().map_err(|error| crate::held::failed("read the state of", pid, &error))?;
        if stat.is_none_or(|stat| stat.is_dead()) {
            return Ok(false);
        }
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        // Empty for a moment while the program takes its place.
        if !line.is_empty() && line.split(|byte| *byte == 0).nth(2) != Some(JOIN.as_bytes()) {
            return Ok(true);
        }
        moment();
    }
    Err(PluginError::failed(format!("process {pid} does not become its program")))
}

/// An error of a group, once something is done to it.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` passes")]
pub(crate) fn failed(error: CgroupError) -> PluginError {
    PluginError::failed(error.to_string())
}
