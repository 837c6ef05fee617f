//! The undo step of a node's own file system: unmounts it once the node is stopped.

use std::path::PathBuf;

use chaos_core::{PluginError, UndoContext, UndoStep, Undone, blocking, boot_id, register_undo_step};
use serde::{Deserialize, Serialize};

use super::mount::{Unmounted, is_inhabited, is_mounted, mount_namespace, unmount_tmpfs};

/// Unmounts the tmpfs of a node. Older than the step that stops the node, so replayed after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmountNodeFiles {
    /// The node.
    pub node: String,
    /// Where it is mounted.
    pub folder: PathBuf,
    /// What it is called in the mount table: no other mount is.
    pub source: String,
    /// The boot in which it was mounted.
    pub boot_id: String,
    /// The inode of the mount namespace in which it was.
    pub mount_ns: u64,
}

impl UnmountNodeFiles {
    fn unmount(&self) -> Result<Undone, PluginError> {
        let (node, folder) = (&self.node, self.folder.display());
        let failed = |error: &std::io::Error| PluginError::io(&format!("unmount `{folder}` of node `{node}`"), error);
        if mount_namespace().map_err(|error| failed(&error))? != self.mount_ns {
            let namespace = self.mount_ns;
            if is_inhabited(namespace) {
                let why = format!("`{folder}` of node `{node}` is mounted in mount namespace {namespace}");
                return Err(PluginError::failed(format!("{why}, not in ours: recover from there")));
            }
            return Ok(Undone::NothingToDo(format!("mount namespace {namespace} is gone, with `{folder}`")));
        }
        let mounted = || is_mounted(&self.folder, &self.source).map_err(|error| failed(&error));
        if !mounted()? {
            return Ok(Undone::NothingToDo(format!("nothing of node `{node}` is mounted at `{folder}`")));
        }
        let unmounted = unmount_tmpfs(&self.folder).map_err(|error| failed(&error))?;
        if mounted()? {
            return Err(PluginError::failed(format!("`{folder}` of node `{node}` is still mounted")));
        }
        Ok(Undone::Reverted(match unmounted {
            Unmounted::Gone => format!("unmounted `{folder}` of node `{node}`"),
            Unmounted::Detached => {
                format!("detached `{folder}` of node `{node}`; it is gone once nothing has its files open")
            }
        }))
    }
}

impl UndoStep for UnmountNodeFiles {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let now = boot_id();
        if self.boot_id != now && !self.boot_id.is_empty() && !now.is_empty() {
            return Ok(Undone::NothingToDo(format!("`{}` was mounted in another boot", self.folder.display())));
        }
        let _real = cx.clock().external();
        let step = self.clone();
        blocking(move || step.unmount()).await?
    }

    fn describe(&self) -> String {
        format!("unmount `{}` of node `{}`", self.folder.display(), self.node)
    }
}

register_undo_step!(UnmountNodeFiles, "unmount_node_files");
