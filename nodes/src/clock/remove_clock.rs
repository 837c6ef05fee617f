//! The undo step of the clock files: removes them once their node is stopped.

use std::path::PathBuf;

use chaos_core::{PluginError, UndoContext, UndoStep, Undone, register_undo_step};
use serde::{Deserialize, Serialize};

use super::library::ClockFiles;

/// Removes the clock library, its page and its canary of a node. Older than the step that stops the node, so replayed after
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveClock {
    /// The node.
    pub node: String,
    /// Their folder.
    pub folder: PathBuf,
}

impl UndoStep for RemoveClock {
    const SURVIVES_REBOOT: bool = true;

    async fn undo(&self, _cx: &UndoContext) -> Result<Undone, PluginError> {
        let folder = self.folder.display();
        match ClockFiles::in_folder(self.folder.clone()).remove() {
            Ok(true) => Ok(Undone::Reverted(format!("removed the clock library in `{folder}`"))),
            Ok(false) => Ok(Undone::NothingToDo(format!("there is no clock library in `{folder}`"))),
            Err(error) => Err(PluginError::io(&format!("remove the clock library in `{folder}`"), &error)),
        }
    }

    fn describe(&self) -> String {
        format!("remove the clock library of node `{}`", self.node)
    }
}

register_undo_step!(RemoveClock, "remove_clock");
