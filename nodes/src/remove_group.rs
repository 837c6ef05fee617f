//! The undo step of a group: ends its members, and removes it.

use chaos_core::{PluginError, UndoContext, UndoStep, Undone, blocking, boot_id, register_undo_step};
use chaos_host::OwnGroup;
use serde::{Deserialize, Serialize};

use crate::group::failed;

/// Kills what is left in the group of a node, whatever session it is in, and removes the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveGroup {
    /// The node.
    pub node: String,
    /// The boot in which it was made.
    pub boot_id: String,
    /// Its folders, in each hierarchy.
    pub group: OwnGroup,
}

impl RemoveGroup {
    pub(crate) fn of(node: &str, group: &OwnGroup) -> Self {
        Self { node: node.to_owned(), boot_id: boot_id(), group: group.clone() }
    }
}

impl UndoStep for RemoveGroup {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let (node, now) = (&self.node, boot_id());
        if self.boot_id != now && !self.boot_id.is_empty() && !now.is_empty() {
            return Ok(Undone::NothingToDo(format!("the group of node `{node}` was of another boot")));
        }
        let _real = cx.clock().external();
        let group = self.group.clone();
        let removed = blocking(move || group.remove()).await?;
        Ok(match removed.map_err(failed)? {
            None => Undone::NothingToDo(format!("the group of node `{node}` is gone")),
            Some(0) => Undone::Reverted(format!("the group of node `{node}` is removed")),
            Some(left) => {
                Undone::Reverted(format!("the group of node `{node}` is removed, and {left} left in it killed"))
            }
        })
    }

    fn describe(&self) -> String {
        format!("remove the group of node `{}`", self.node)
    }
}

register_undo_step!(RemoveGroup, "remove_group");
