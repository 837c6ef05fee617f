//! Undo steps of limits: the old value of a group's files, or of a process's soft limit.

use chaos_core::{PluginError, UndoContext, UndoStep, Undone, blocking, boot_id, register_undo_step};
use chaos_host::{CgroupDir, ProcessIdentity, ProcessLimit, SavedFile, Sought};
use serde::{Deserialize, Serialize};

use crate::group::failed;

/// Puts the limit of a group back, if it is still the same group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreLimit {
    /// Whose group it is: "node `n1`".
    pub of: String,
    /// The boot in which it was changed.
    pub boot_id: String,
    /// The group.
    #[serde(flatten)]
    pub dir: CgroupDir,
    /// What its files held.
    pub saved: Vec<SavedFile>,
}

impl RestoreLimit {
    pub(crate) fn of(of: String, dir: CgroupDir, saved: Vec<SavedFile>) -> Self {
        Self { of, boot_id: boot_id(), dir, saved }
    }

    fn files(&self) -> String {
        let files: Vec<String> = self.saved.iter().map(|one| format!("`{}`", one.file)).collect();
        files.join(", ")
    }
}

impl UndoStep for RestoreLimit {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let (of, now) = (&self.of, boot_id());
        if self.boot_id != now && !self.boot_id.is_empty() && !now.is_empty() {
            return Ok(Undone::NothingToDo(format!("the group of {of} was of another boot")));
        }
        let _real = cx.clock().external();
        let step = self.clone();
        let restored = blocking(move || {
            if !step.dir.is_there()? {
                return Ok(None);
            }
            step.dir.restore(&step.saved).map(Some)
        });
        let restored = restored.await?;
        let files = self.files();
        Ok(match restored.map_err(failed)? {
            None => Undone::NothingToDo(format!("the group of {of} is gone, and its limits with it")),
            Some(false) => Undone::NothingToDo(format!("{of} had the old {files}")),
            Some(true) => Undone::Reverted(format!("{of} has the old {files} again")),
        })
    }

    fn describe(&self) -> String {
        format!("restore {} of {}", self.files(), self.of)
    }
}

register_undo_step!(RestoreLimit, "restore_limit");

/// Puts the soft limit of a process back, if it is still the same process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreProcessLimit {
    /// The process.
    #[serde(flatten)]
    pub process: ProcessIdentity,
    /// Which limit.
    pub limit: ProcessLimit,
    /// What it was; absent for unlimited.
    pub soft: Option<u64>,
}

impl UndoStep for RestoreProcessLimit {
    async fn undo(&self, _cx: &UndoContext) -> Result<Undone, PluginError> {
        let (pid, words) = (self.process.pid, self.limit.words());
        let held = match self.process.find() {
            Ok(Sought::Found(held)) => held,
            Ok(Sought::Gone(why)) => return Ok(Undone::NothingToDo(why)),
            Ok(Sought::Unclear(why)) => return Err(PluginError::failed(why)),
            Err(error) => return Err(PluginError::io(&format!("identify process {pid}"), &error)),
        };
        let raised = |error| PluginError::io(&format!("raise the limit of {words} of process {pid}"), &error);
        let gone = || Ok(Undone::NothingToDo(format!("process {pid} is gone")));
        let Some(pair) = held.limit(self.limit).map_err(raised)? else { return gone() };
        // The process may have lowered its hard limit itself.
        let soft = match (self.soft, pair.hard) {
            (Some(soft), Some(hard)) => Some(soft.min(hard)),
            (soft, None) => soft,
            (None, hard) => hard,
        };
        if pair.soft == soft {
            return Ok(Undone::NothingToDo(format!("the limit of {words} of process {pid} was the old one")));
        }
        if !held.set_soft_limit(self.limit, soft).map_err(raised)? {
            return gone();
        }
        Ok(Undone::Reverted(format!("the limit of {words} of process {pid} is the old one again")))
    }

    fn describe(&self) -> String {
        format!("raise the limit of {} of process {}", self.limit.words(), self.process.pid)
    }
}

register_undo_step!(RestoreProcessLimit, "restore_process_limit");
