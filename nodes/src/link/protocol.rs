//! What a run and the process that serves a link say to each other: a line of JSON each way, over a unix socket.

use std::path::PathBuf;

use chaos_core::{HttpRule, HttpTrial, LinkProtocol, LinkReading, LinkSounding, LinkToxic, Sounding};
use serde::{Deserialize, Serialize};

/// The socket, in the folder of the node.
pub(super) const SOCKET: &str = "link.sock";

/// The certificate of the link's own CA, in the folder of the node.
pub(super) const CA: &str = "ca.pem";

/// The variable that says what the process is to do.
pub(super) const VARIABLE: &str = "SQUALL_LINK";

/// The most that a line may hold, in bytes.
pub(super) const MOST_LINE: u64 = 1 << 20;

/// What the process that serves a link is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Orders {
    /// The process whose end takes every toxic off.
    pub(super) run: u32,
    pub(super) listen: u16,
    pub(super) upstream: String,
    pub(super) protocol: LinkProtocol,
    pub(super) seed: u64,
    pub(super) tls: Option<OrderedTls>,
}

/// Where an HTTP link speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OrderedTls {
    pub(super) clients: bool,
    pub(super) server: bool,
    pub(super) ca_file: Option<PathBuf>,
}

/// What is asked of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    Read,
    /// Puts toxics on, or replaces those of the same name.
    Put(Vec<LinkToxic>),
    Flap {
        down_ms: u64,
        up_ms: u64,
    },
    ResetConnections,
    ShiftPorts,
    /// Puts a rule on, or replaces the one of that name.
    Http {
        name: String,
        rule: Box<HttpRule>,
    },
    /// Takes off what has these names, and ends a flap where `up` says so.
    Mend {
        toxics: Vec<String>,
        up: bool,
    },
    Sound(Sounding),
    /// Tries the rule of that name by a request of our own.
    Try {
        rule: String,
        wait_ms: u32,
    },
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    Reading(LinkReading),
    Sounding(LinkSounding),
    Trial(Box<HttpTrial>),
    Failed(String),
}
