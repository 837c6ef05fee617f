//! The undo step of a start: kills whatever a node has started.

use std::io;

use chaos_core::{PluginError, UndoContext, UndoStep, Undone, boot_id, register_undo_step};
use chaos_host::{TreeMark, pid_namespace, sees_every_process};
use serde::{Deserialize, Serialize};

/// Kills what a node has started, and what that has started: all have one mark in their environment. Their pids are not
/// known before they are started, the mark is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopNode {
    /// The node.
    pub node: String,
    /// The mark.
    pub mark: String,
    /// The boot in which it was started.
    pub boot_id: String,
    /// The inode of the pid namespace in which it was started.
    pub pid_ns: u64,
}

impl StopNode {
    /// The step for a node of that mark.
    pub(crate) fn of(node: &str, mark: &TreeMark) -> Result<Self, PluginError> {
        let pid_ns = pid_namespace().map_err(|error| PluginError::io("read our pid namespace", &error))?;
        Ok(Self { node: node.to_owned(), mark: mark.text().to_owned(), boot_id: boot_id(), pid_ns })
    }

    /// Kills it, and says how many processes there were and whether there can be no more.
    fn kill(&self, mark: TreeMark) -> io::Result<(usize, bool)> {
        let killed = mark.kill_all()?;
        Ok((killed, self.pid_ns == pid_namespace()? || sees_every_process()))
    }
}

impl UndoStep for StopNode {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let node = &self.node;
        let (then, now) = (self.boot_id.as_str(), boot_id());
        if then != now && !then.is_empty() && !now.is_empty() {
            return Ok(Undone::NothingToDo(format!("node `{node}` was started in another boot")));
        }
        let Some(mark) = TreeMark::read(&self.mark) else {
            return Err(PluginError::failed(format!("`{}` is not the mark of a node", self.mark)));
        };
        let _real = cx.clock().external();
        let step = self.clone();
        let killed = tokio::task::spawn_blocking(move || step.kill(mark)).await;
        let killed = killed.map_err(|error| PluginError::failed(error.to_string()))?;
        match killed.map_err(|error| PluginError::io(&format!("stop node `{node}`"), &error))? {
            (_, false) => {
                let there = self.pid_ns;
                let why =
                    format!("node `{node}` runs in pid namespace {there}, which is not visible: recover from there");
                Err(PluginError::failed(why))
            }
            (0, true) => Ok(Undone::NothingToDo(format!("nothing of node `{node}` is left"))),
            (1, true) => Ok(Undone::Reverted(format!("1 process of node `{node}` was killed"))),
            (count, true) => Ok(Undone::Reverted(format!("{count} processes of node `{node}` were killed"))),
        }
    }

    fn describe(&self) -> String {
        format!("stop node `{}`", self.node)
    }
}

register_undo_step!(StopNode, "stop_node");
