//! The undo step of a clock skew: the node's clock is the machine's again.

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use chaos_core::{DirIdentity, PluginError, SkewAct, UndoContext, UndoStep, Undone, boot_id, register_undo_step};
use chaos_host::{ProcessIdentity, Sought};
use serde::{Deserialize, Serialize};

use super::page::ControlPage;

/// Takes the shift off the page of a node, which its processes read at each call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetClock {
    /// The node.
    pub node: String,
    /// The page.
    pub page: PathBuf,
    /// What tells its file from every other one.
    pub identity: DirIdentity,
    /// The boot in which it was shifted.
    pub boot_id: String,
    /// The process that the node was then.
    pub process: ProcessIdentity,
}

impl ResetClock {
    /// The step for the page of a node.
    pub(super) fn of(node: &str, path: &Path, process: ProcessIdentity) -> Result<Self, PluginError> {
        let failed = |error: &std::io::Error| PluginError::io(&format!("open `{}`", path.display()), error);
        let missing = || PluginError::failed(format!("the clock page `{}` of node `{node}` is gone", path.display()));
        let page = ControlPage::open(path).map_err(|error| failed(&error))?.ok_or_else(missing)?;
        let identity = page.identity().map_err(|error| failed(&error))?;
        Ok(Self { node: node.to_owned(), page: path.to_owned(), identity, boot_id: boot_id(), process })
    }

    /// The page, if it is still that one.
    pub(super) fn page(&self) -> std::io::Result<Option<ControlPage>> {
        let Some(page) = ControlPage::open(&self.page)? else { return Ok(None) };
        Ok((page.identity()? == self.identity).then_some(page))
    }

    /// What is left where the page is gone: nothing, unless the process still has it.
    fn without_page(&self) -> Result<Undone, PluginError> {
        let (node, page, pid) = (&self.node, self.page.display(), self.process.pid);
        let found = self.process.find().map_err(|error| PluginError::io(&format!("identify process {pid}"), &error))?;
        match found {
            Sought::Found(_) if maps(pid, &self.page) => {
                let why =
                    format!("`{page}` is gone, and process {pid} of node `{node}` still reads it: end that process");
                Err(PluginError::failed(why))
            }
            Sought::Unclear(why) => Err(PluginError::failed(why)),
            _ => Ok(Undone::NothingToDo(format!("`{page}` is gone, and so is what read it"))),
        }
    }
}

/// Whether a process has a file mapped, by its path, also once it is deleted.
pub(super) fn maps(pid: NonZeroU32, path: &Path) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let path = path.to_string_lossy();
    maps.lines().any(|line| {
        line.split_once('/').is_some_and(|(_, rest)| {
            let mapped = rest.strip_suffix(" (deleted)").unwrap_or(rest);
            path.strip_prefix('/') == Some(mapped)
        })
    })
}

impl UndoStep for ResetClock {
    async fn undo(&self, _cx: &UndoContext) -> Result<Undone, PluginError> {
        let (node, page) = (&self.node, self.page.display());
        let now = boot_id();
        if self.boot_id != now && !self.boot_id.is_empty() && !now.is_empty() {
            return Ok(Undone::NothingToDo(format!("the clock of node `{node}` was shifted in another boot")));
        }
        let failed = |error: &std::io::Error| PluginError::io(&format!("write `{page}`"), error);
        let Some(page) = self.page().map_err(|error| failed(&error))? else { return self.without_page() };
        let unshifted = (SkewAct::default(), true);
        if page.read().map_err(|error| failed(&error))? == unshifted {
            return Ok(Undone::NothingToDo(format!("the clock of node `{node}` is not shifted")));
        }
        page.write(SkewAct::default()).map_err(|error| failed(&error))?;
        match page.read().map_err(|error| failed(&error))? {
            read if read == unshifted => {
                Ok(Undone::Reverted(format!("the clock of node `{node}` is the machine's again")))
            }
            _ => Err(PluginError::failed(format!(
                "the clock of node `{node}` is still shifted: another writes its page"
            ))),
        }
    }

    fn describe(&self) -> String {
        format!("reset the clock of node `{}`", self.node)
    }
}

register_undo_step!(ResetClock, "reset_clock");
