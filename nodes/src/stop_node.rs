//! The undo step of a start: kills whatever a node has started.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chaos_core::{PluginError, UndoContext, UndoStep, Undone, blocking, boot_id, register_undo_step};
use chaos_host::{TreeMark, kill_marked, pid_namespace, sees_every_process};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

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

    /// Whether there can be no more of it than what was found.
    fn sees_all(&self) -> io::Result<bool> {
        Ok(self.pid_ns == pid_namespace()? || sees_every_process())
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
        let failed = |error: io::Error| PluginError::io(&format!("stop node `{node}`"), &error);
        match (kill_together(mark).await.map_err(failed)?, self.sees_all().map_err(failed)?) {
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

/// A mark that waits for the next pass over the process table, and who waits for the outcome.
type Waiting = (TreeMark, oneshot::Sender<io::Result<usize>>);

/// All marks that wait: nodes are stopped at the same time, and a pass for each would take a time that grows with the square
/// of their number.
static WAITING: Mutex<Vec<Waiting>> = Mutex::new(Vec::new());

/// Held during a pass.
static PASS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Kills what has that mark, in one pass with whatever else is to be killed now; gives how many processes there were.
async fn kill_together(mark: TreeMark) -> io::Result<usize> {
    let (told, outcome) = oneshot::channel();
    waiting().push((mark, told));
    {
        let _one_pass = PASS.lock().await;
        let batch = std::mem::take(&mut *waiting());
        if !batch.is_empty() {
            // It goes on, and tells those who wait, even if nobody waits here any more.
            blocking(move || kill_batch(batch)).await.map_err(io::Error::other)?;
        }
    }
    outcome.await.map_err(io::Error::other)?
}

fn kill_batch(batch: Vec<Waiting>) {
    let (marks, told): (Vec<TreeMark>, Vec<_>) = batch.into_iter().unzip();
    match kill_marked(&marks) {
        Ok(killed) => {
            for (told, killed) in told.into_iter().zip(killed) {
                let _ = told.send(killed);
            }
        }
        Err(error) => {
            for told in told {
                let _ = told.send(Err(io::Error::new(error.kind(), error.to_string())));
            }
        }
    }
}

fn waiting() -> MutexGuard<'static, Vec<Waiting>> {
    // It stays usable whatever panicked while holding it.
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}
