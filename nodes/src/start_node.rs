//! The undo step of a kill: the node's supervisor starts it again.

use chaos_core::{Nodes, PluginError, StepOwner, UndoContext, UndoStep, Undone, register_undo_step};
use serde::{Deserialize, Serialize};

/// Has a node's supervisor start it again. Without the supervisor there is nothing to do: the node's own `stop_node` leaves
/// nothing running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartNode {
    /// The node.
    pub node: String,
}

impl UndoStep for StartNode {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        match cx.services().get::<Nodes>().member(&self.node) {
            Some(member) => {
                let _real = cx.clock().external();
                member.bring_up().await
            }
            None => Ok(Undone::NothingToDo(format!("node `{}` is stopped with its run", self.node))),
        }
    }

    fn describe(&self) -> String {
        format!("start node `{}` again", self.node)
    }

    fn owner(&self) -> Option<StepOwner> {
        Some(StepOwner { node: self.node.clone() })
    }
}

register_undo_step!(StartNode, "start_node");
