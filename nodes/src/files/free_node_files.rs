//! The undo step of a full file system of a node: removes the file that fills it.

use std::path::PathBuf;

use chaos_core::{AllowedDir, DirIdentity, PluginError, UndoContext, UndoStep, Undone, register_undo_step};
use serde::{Deserialize, Serialize};

/// Empties and removes the file that fills a node's own file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeNodeFiles {
    /// The node.
    pub node: String,
    /// Where its file system is mounted.
    pub folder: PathBuf,
    /// What tells its root from every other directory.
    pub identity: DirIdentity,
    /// The file's name in it.
    pub file: String,
}

impl UndoStep for FreeNodeFiles {
    async fn undo(&self, _cx: &UndoContext) -> Result<Undone, PluginError> {
        let (node, path) = (&self.node, self.folder.join(&self.file));
        let failed = |error: &std::io::Error| PluginError::io(&format!("remove `{}`", path.display()), error);
        let dir = AllowedDir::reopen(&self.folder, self.identity).map_err(|error| failed(&error))?;
        let Some(dir) = dir else {
            // It lives in memory: with its mount it is gone, whatever has its place by now.
            return Ok(Undone::NothingToDo(format!("the file system of node `{node}` is gone")));
        };
        Ok(if dir.remove_contents(&self.file).map_err(|error| failed(&error))? {
            Undone::Reverted(format!("freed the file system of node `{node}`"))
        } else {
            Undone::NothingToDo(format!("`{}` is not there", path.display()))
        })
    }

    fn describe(&self) -> String {
        format!("free the file system of node `{}`", self.node)
    }
}

register_undo_step!(FreeNodeFiles, "free_node_files");
