//! Taking a group's memory until the kernel kills its node, and the undo step of that.

use std::time::Duration;

use chaos_core::{PluginError, StepOwner, UndoContext, UndoStep, Undone, register_undo_step};
use chaos_host::{CgroupDir, CgroupVersion, GroupLimit, PidFd, ProcessIdentity, Sought, TreeMark};
use serde::{Deserialize, Serialize};

use super::load::{Load, StopLoad};
use super::restore::RestoreLimit;
use crate::group::failed;
use crate::start_node::StartNode;
use crate::stress::Work;

/// What is left to a group of version 2, which then kills until it fits.
const NOTHING: u64 = 4096;

/// What is left to a group of version 1, which takes no limit below what it uses, so that somebody must use it up. The
/// victim's score counts in parts of the limit, so this must be more than the size of whoever does.
pub(super) const HEADROOM_BYTES: u64 = 128 << 20;

/// The first that the kernel kills in its group.
const FIRST_VICTIM: i32 = 1000;

/// Ends a kill for want of memory: the old limit, and the node again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndOom {
    /// The process, and how likely the kernel was to kill it; absent where that was not changed.
    pub victim: ProcessIdentity,
    /// Its `oom_score_adj` before.
    pub score: i32,
    /// The limit.
    pub limit: RestoreLimit,
    /// What asked for memory.
    pub load: StopLoad,
    /// What starts it again; absent where nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartNode>,
}

impl EndOom {
    /// Puts the score of a victim back that has survived.
    fn spare(&self) -> Result<Undone, PluginError> {
        let pid = self.victim.pid;
        let found = self.victim.find().map_err(|error| PluginError::io(&format!("identify process {pid}"), &error))?;
        let held = match found {
            Sought::Found(held) => held,
            Sought::Gone(why) => return Ok(Undone::NothingToDo(why)),
            Sought::Unclear(why) => return Err(PluginError::failed(why)),
        };
        let failed = |error| PluginError::io(&format!("restore `oom_score_adj` of process {pid}"), &error);
        if held.oom_score_adj().map_err(failed)?.is_none_or(|score| score == self.score) {
            return Ok(Undone::NothingToDo(format!("`oom_score_adj` of process {pid} was the old one")));
        }
        held.set_oom_score_adj(self.score).map_err(failed)?;
        Ok(Undone::Reverted(format!("`oom_score_adj` of process {pid} is the old one again")))
    }
}

impl UndoStep for EndOom {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let mut done = vec![self.load.undo(cx).await?, self.limit.undo(cx).await?, self.spare()?];
        if let Some(start) = &self.start {
            done.push(start.undo(cx).await?);
        }
        let reverted = done.iter().any(|one| matches!(one, Undone::Reverted(_)));
        let details: Vec<&str> = done.iter().map(Undone::detail).collect();
        let details = details.join("; ");
        Ok(if reverted { Undone::Reverted(details) } else { Undone::NothingToDo(details) })
    }

    fn describe(&self) -> String {
        let start = self.start.as_ref().map(|start| format!(", {}", start.describe())).unwrap_or_default();
        format!("{}{start}", self.limit.describe())
    }

    fn owner(&self) -> Option<StepOwner> {
        self.start.as_ref().and_then(UndoStep::owner)
    }
}

register_undo_step!(EndOom, "end_oom");

/// Takes the memory away and waits for the end of the victim. Blocks.
pub(super) fn take_memory(held: &PidFd, dir: &CgroupDir, mark: &TreeMark, within: Duration) -> Result<(), PluginError> {
    let score = held.set_oom_score_adj(FIRST_VICTIM);
    score.map_err(|error| PluginError::io("set `oom_score_adj`", &error))?;
    let load = match dir.version {
        CgroupVersion::V2 => {
            dir.limit(GroupLimit::MemoryBytes(NOTHING)).map_err(failed)?;
            None
        }
        CgroupVersion::V1 => {
            let used = dir.memory_used().map_err(failed)?;
            let most = used.saturating_add(HEADROOM_BYTES);
            let limit = dir.memory_limit().map_err(failed)?.map_or(most, |limit| limit.min(most));
            dir.limit(GroupLimit::MemoryBytes(limit)).map_err(failed)?;
            Some(Load::start(Work::Pressure(2 * HEADROOM_BYTES), vec![dir.procs()], mark)?)
        }
    };
    let polls = chaos_host::polls_in_seconds(u32::try_from(within.as_secs()).unwrap_or(u32::MAX));
    let ended = held.settle(polls, |states| states.iter().all(|state| matches!(state, 'Z' | 'X' | 'x')));
    if let Some(load) = load {
        load.end();
    }
    let states = ended.map_err(|error| PluginError::io("wait for the end of the node", &error))?;
    if states.iter().all(|state| matches!(state, 'Z' | 'X' | 'x')) {
        return Ok(());
    }
    Err(PluginError::failed(format!("process {} was not killed within {} s", held.pid(), within.as_secs())))
}
