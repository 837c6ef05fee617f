//! How a node stands, for whoever looks at a live run.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// What a node is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NodeState {
    /// It has not been started, or is not there yet.
    #[default]
    NotUp,
    /// It runs.
    Running,
    /// Something has stopped it, such as a fault.
    Paused,
    /// It has ended.
    Ended,
    /// That can't be told.
    Unknown,
}

impl NodeState {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotUp => "not up",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Ended => "ended",
            Self::Unknown => "unknown",
        }
    }
}

/// How the program of a node has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeEnd {
    /// By itself, with that exit code.
    ExitCode(i64),
    /// By that signal.
    Signal(i32),
}

/// How a node stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeStanding {
    /// What it is doing.
    pub state: NodeState,
    /// Its process on this machine, where it has one.
    pub pid: Option<NonZeroU32>,
    /// Whether it has been ready since its last start.
    pub ready: bool,
    /// Its ports, by name.
    pub ports: BTreeMap<String, NonZeroU16>,
    /// When it was started, or when it ended.
    pub since: Option<SystemTime>,
    /// How it has ended, where it has and this run can know that.
    pub end: Option<NodeEnd>,
    /// What else there is to say, in one clause: "exit code 3".
    pub detail: String,
}
