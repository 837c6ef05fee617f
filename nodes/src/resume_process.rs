//! The undo step of a pause: resumes a process, if it is still the same one.

use std::io;

use chaos_core::{PluginError, UndoContext, UndoStep, Undone, blocking, register_undo_step};
use chaos_host::{PidFd, ProcessIdentity, Signal, Sought, polls_in_seconds};
use serde::{Deserialize, Serialize};

/// How long a process may take to stop, to resume or to end; one in an uninterruptible wait does none before its end.
pub(crate) const SETTLE_SECONDS: u32 = 5;

/// Resumes a paused process, if it is still the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeProcess {
    /// The process.
    #[serde(flatten)]
    pub process: ProcessIdentity,
}

/// Whether every thread is paused, by a signal or a tracer; dead ones count for nothing.
pub(crate) fn all_paused(states: &[char]) -> bool {
    states.iter().all(|state| matches!(state, 'T' | 't' | 'Z' | 'X')) && !states.is_empty()
}

/// Whether some thread is paused.
pub(crate) fn any_paused(states: &[char]) -> bool {
    states.iter().any(|state| matches!(state, 'T' | 't'))
}

impl ResumeProcess {
    /// What the thread states before and after the signal say.
    fn judge(&self, before: &[char], after: &[char]) -> Result<Undone, PluginError> {
        let pid = self.process.pid;
        if after.is_empty() {
            return Ok(Undone::NothingToDo(format!("process {pid} is gone")));
        }
        if any_paused(after) {
            let text: String = after.iter().collect();
            let why = format!("process {pid} stays stopped (thread states {text}); a tracer may hold it");
            return Err(PluginError::failed(why));
        }
        if any_paused(before) {
            Ok(Undone::Reverted(format!("process {pid} is resumed")))
        } else {
            Ok(Undone::NothingToDo(format!("process {pid} was not stopped")))
        }
    }
}

/// Sends SIGCONT, and gives the thread states before and after it; empty ones when the process is gone.
fn resume(held: &PidFd, polls: u32) -> io::Result<(Vec<char>, Vec<char>)> {
    let before = held.settle(0, |_| true)?;
    // Sent in any case: a stop that is pending, but not yet visible, is cancelled with it.
    if !held.signal(Signal::CONT)? {
        return Ok((before, Vec::new()));
    }
    let after = held.settle(polls, |states| !any_paused(states))?;
    Ok((before, after))
}

impl UndoStep for ResumeProcess {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let pid = self.process.pid;
        let found = self.process.find().map_err(|error| PluginError::io(&format!("identify process {pid}"), &error))?;
        let held = match found {
            Sought::Found(held) => held,
            Sought::Gone(why) => return Ok(Undone::NothingToDo(why)),
            Sought::Unclear(why) => return Err(PluginError::failed(why)),
        };
        let _real = cx.clock().external();
        let resumed = blocking(move || resume(&held, polls_in_seconds(SETTLE_SECONDS))).await?;
        let (before, after) = resumed.map_err(|error| PluginError::io(&format!("resume process {pid}"), &error))?;
        self.judge(&before, &after)
    }

    fn describe(&self) -> String {
        format!("resume process {}", self.process.pid)
    }
}

register_undo_step!(ResumeProcess, "resume_process");

#[cfg(test)]
mod tests;
