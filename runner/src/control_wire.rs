//! The wire form of the control socket: one JSON object a line, in both directions.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use chaos_core::StateDir;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::control::ReleaseEffect;

/// What a line to a run asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
pub enum ControlRequest {
    /// Which entries the run has, and where they stand.
    Status {},
    /// Releases an entry, or every one.
    Release {
        /// Its name or its position; all entries without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entry: Option<String>,
    },
    /// Ends an entry early, or the whole run.
    Cancel {
        /// Its name or its position; the run without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entry: Option<String>,
    },
    /// Starts an entry in the run; its result stands in the run's report.
    Start {
        /// The entry, as in a task file.
        entry: Value,
    },
    /// The same as `status`, and then every event from now on, one a line, until the run is over.
    Events {},
}

/// What a run answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlReply {
    /// The entries that were asked about, or acted on.
    Entries(Vec<EntryReply>),
    /// The position of an entry that was started.
    Started(String),
    /// Why nothing was done.
    Error(String),
}

/// One entry in an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryReply {
    /// Its position.
    pub position: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub stage: crate::entry_state::EntryStage,
    /// What a release did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<ReleaseEffect>,
}

/// The folder of a run, in which its socket is.
pub(crate) fn folder(state: &StateDir, run_id: &str) -> PathBuf {
    folders(state).join(run_id)
}

/// The folder of those folders.
pub(crate) fn folders(state: &StateDir) -> PathBuf {
    state.root().join("runs")
}

/// The name of the socket in its folder.
const SOCKET: &str = "control.sock";

/// How long the path of a socket may be on Linux, without its final zero.
const LONGEST: usize = 107;

/// The socket's path, through an open folder where the plain one is too long; keep the folder until it is used.
pub(crate) fn socket(folder: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let plain = folder.join(SOCKET);
    if plain.as_os_str().len() <= LONGEST {
        return Ok((plain, None));
    }
    let open = File::open(folder)?;
    Ok((PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", open.as_raw_fd())), Some(open)))
}
