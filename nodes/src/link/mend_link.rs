//! The undo step of faults on a link: nothing of ours acts on it any more.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use chaos_core::{LinkReading, PluginError, UndoContext, UndoStep, Undone, blocking, register_undo_step};
use chaos_host::{PidFd, ProcessIdentity, Sought, polls_in_seconds};
use serde::{Deserialize, Serialize};

use super::control::{ask, is_gone};
use super::protocol::{Reply, Request};

/// How long a process that does not answer may take to end.
const GOING_SECONDS: u32 = 2;

/// Takes toxics off a link, and has it stay up where it was taken down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MendLink {
    /// The link.
    pub node: String,
    /// The folder with its socket.
    pub folder: PathBuf,
    /// The process that served it then. What it did ends with it.
    pub process: ProcessIdentity,
    /// The names of the toxics, without their ways.
    pub toxics: Vec<String>,
    /// Whether it is to stay up.
    pub up: bool,
}

impl MendLink {
    /// What of it is there.
    fn left(&self, reading: &LinkReading) -> Vec<String> {
        let ours = |name: &&String| self.toxics.iter().any(|toxic| name.split('/').next() == Some(toxic));
        let mut left: Vec<String> = reading.toxics.iter().filter(ours).cloned().collect();
        if self.up && (reading.flapping || !reading.up) {
            left.push("down".to_owned());
        }
        left
    }

    /// Asks once to look and once to mend.
    fn mend(&self) -> io::Result<Undone> {
        let asked = |request: &Request| match ask(&self.folder, request, Duration::ZERO)? {
            Reply::Reading(reading) => Ok(reading),
            other => Err(io::Error::other(format!("it answered {other:?}"))),
        };
        let node = &self.node;
        let before = self.left(&asked(&Request::Read)?);
        if before.is_empty() {
            return Ok(Undone::NothingToDo(format!("nothing of ours acts on link `{node}`")));
        }
        let after = self.left(&asked(&Request::Mend { toxics: self.toxics.clone(), up: self.up })?);
        if after.is_empty() {
            return Ok(Undone::Reverted(format!("{} is off link `{node}`", before.join(", "))));
        }
        Err(io::Error::other(format!("{} is still on it", after.join(", "))))
    }
}

impl MendLink {
    /// What is left where nobody answers: nothing, once the process has ended.
    fn without_answer(&self, error: &io::Error) -> Result<Undone, PluginError> {
        let (node, pid) = (&self.node, self.process.pid);
        let found = self.process.find().map_err(|error| PluginError::io(&format!("identify process {pid}"), &error))?;
        match found {
            Sought::Unclear(why) => return Err(PluginError::failed(why)),
            // One that was killed a moment ago may be on its way out.
            Sought::Found(held) if !has_ended(&held) => {
                return Err(PluginError::io(&format!("mend link `{node}`"), error));
            }
            Sought::Found(_) | Sought::Gone(_) => {}
        }
        Ok(Undone::NothingToDo(format!("the process of link `{node}` has ended, and with it what it did")))
    }
}

fn has_ended(held: &PidFd) -> bool {
    held.settle(polls_in_seconds(GOING_SECONDS), <[char]>::is_empty).is_ok_and(|threads| threads.is_empty())
}

impl UndoStep for MendLink {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let step = self.clone();
        let _real = cx.clock().external();
        blocking(move || match step.mend() {
            Ok(undone) => Ok(undone),
            Err(error) if is_gone(&error) => step.without_answer(&error),
            Err(error) => Err(PluginError::io(&format!("mend link `{}`", step.node), &error)),
        })
        .await?
    }

    fn describe(&self) -> String {
        format!("mend link `{}`", self.node)
    }
}

register_undo_step!(MendLink, "mend_link");
