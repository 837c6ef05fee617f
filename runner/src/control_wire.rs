//! The wire form of the control socket: one JSON object a line, in both directions.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::num::{NonZeroU16, NonZeroU32};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use chaos_core::{NodeState, RunContext, StateDir, visible_json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::OwnedWriteHalf;

use crate::control::ReleaseEffect;
use crate::dead_folders::run_folders;
use crate::report::Report;

/// The longest line that is read; a task file of this size is beyond any that people write.
pub(crate) const LONGEST_LINE: u64 = 1 << 20;

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
    /// Tells an event, for which triggers may wait.
    Tell {
        /// Its name.
        event: String,
    },
    /// Starts an entry in the run; its result stands in the run's report.
    Start {
        /// The entry, as in a task file.
        entry: Value,
    },
    /// Starts an entry in the run for this client: answered with `started`, then every event of the entry, one a line, and
    /// `report` once it is over. Meanwhile `release` and `cancel` lines act on it; a client that goes away cancels it.
    Inject {
        /// The entry, as in a task file.
        entry: Value,
    },
    /// The nodes of the run, and how they stand.
    Nodes {},
    /// Ends a run that holds its nodes for ad-hoc work; answered like `events`.
    Down {},
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
    /// What became of an entry that was started for this client, as a report of its own.
    Report(Box<Report>),
    /// The nodes of the run.
    Nodes(RunNodesReply),
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

impl ControlReply {
    /// What a run says that begins nothing any more.
    pub(crate) fn ending() -> Self {
        Self::Error("the run is ending".to_owned())
    }
}

/// The nodes of a run in an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunNodesReply {
    /// Id of the run.
    pub run_id: String,
    /// Whether it holds them for ad-hoc work, until `squall down`.
    pub held: bool,
    /// Its nodes, by name.
    pub nodes: Vec<NodeReply>,
}

/// One node in an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeReply {
    /// Its name.
    pub name: String,
    /// Its process on this machine; `null` where it has none.
    pub pid: Option<NonZeroU32>,
    /// What it is doing.
    pub state: NodeState,
    /// Whether it has been ready since its last start.
    pub ready: bool,
    /// Whether no fault may act on it.
    pub protected: bool,
    /// Its ports, by name.
    pub ports: BTreeMap<String, NonZeroU16>,
    /// When it was started, or when it ended, in seconds since 1970; `null` where nobody knows.
    pub since_unix_seconds: Option<f64>,
    /// What else there is to say, in one clause: "exit code 3".
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// The folder of a run, in which its socket is.
pub(crate) fn folder(state: &StateDir, run_id: &str) -> PathBuf {
    run_folders(state).join(run_id)
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

/// Writes one line, without secrets: whatever is said goes through here.
pub(crate) async fn put(cx: &RunContext, write: &mut OwnedWriteHalf, line: &impl Serialize) -> io::Result<()> {
    let line = cx.redactor().json(&serde_json::to_string(line)?);
    let line = visible_json(&line).into_owned() + "\n";
    write.write_all(line.as_bytes()).await
}
