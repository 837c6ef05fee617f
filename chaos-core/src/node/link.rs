//! The link facet: what a fault may do to what passes through a member that forwards.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};

use serde::{Deserialize, Serialize};

use super::effect::Effect;
use super::http_rule::{HttpRule, HttpTrial};
use crate::{BoxFuture, Plan, PluginError};

/// A socket from which a flow of a link sends, as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowSocket {
    /// Its port.
    pub port: u16,
    /// What tells it from another one that has the port later: its inode.
    pub id: u64,
}

/// A link between two sides, which a fault slows, thins or cuts.
pub trait LinkFacet: Debug + Send + Sync {
    /// What it joins.
    fn ends(&self) -> LinkEnds<'_>;

    /// What the act would touch, with the member's label as its summary. May look, never touches.
    ///
    /// # Errors
    /// [`PluginError::Refused`] for an act that this link can't do.
    fn plan(&self, act: &LinkAct) -> BoxFuture<'_, Result<Plan, PluginError>>;

    /// The effect, and the step that ends it; done by [`crate::Undo::perform`].
    ///
    /// # Errors
    /// As [`LinkFacet::plan`], and when the link is down.
    fn effect(&self, act: LinkAct) -> BoxFuture<'_, Result<Effect, PluginError>>;

    /// What the link does and has moved, asked of the process that forwards.
    ///
    /// # Errors
    /// [`PluginError`] when that can't be told, such as when the link is down.
    fn read(&self) -> BoxFuture<'_, Result<LinkReading, PluginError>>;

    /// The sockets from which its flows send to the server, from the kernel's table.
    ///
    /// # Errors
    /// As [`LinkFacet::read`].
    fn flow_sockets(&self) -> BoxFuture<'_, Result<Vec<FlowSocket>, PluginError>>;

    /// Sends bytes of our own through a twin of the link: same toxics, another port, and a server that sends them back.
    ///
    /// # Errors
    /// As [`LinkFacet::read`].
    fn sound(&self, sounding: Sounding) -> BoxFuture<'_, Result<LinkSounding, PluginError>>;

    /// Sends a request of our own that fits a rule of the link through a twin, and waits so many milliseconds for its end.
    ///
    /// # Errors
    /// As [`LinkFacet::read`], and [`PluginError::Refused`] where the link forwards no HTTP or has no such rule.
    fn try_request<'a>(&'a self, rule: &'a str, wait_ms: u32) -> BoxFuture<'a, Result<HttpTrial, PluginError>>;

    /// Tries to connect to the link as a client does, and gives the connection up at once.
    ///
    /// # Errors
    /// As [`LinkFacet::read`].
    fn knock(&self) -> BoxFuture<'_, Result<Knock, PluginError>>;
}

/// What a link joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkEnds<'a> {
    /// The node whose side connects, where the document says so.
    pub from: Option<&'a str>,
    /// The node whose side is connected to.
    pub to: Option<&'a str>,
    /// What it forwards.
    pub protocol: LinkProtocol,
}

/// What a link forwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum LinkProtocol {
    /// Connections.
    #[default]
    Tcp,
    /// Datagrams: a flow for each client.
    Udp,
    /// Requests of HTTP/1.1 and HTTP/2, whose answers faults can break.
    Http,
}

/// The ways through a link on which a toxic acts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum LinkWays {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    Downstream,
    /// Each of them.
    #[default]
    Both,
}

/// What a fault does to a link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LinkAct {
    /// Puts toxics on it.
    Toxics(Vec<LinkToxic>),
    /// Takes it down and up again, as often as there is time: connections are reset and refused while it is down.
    Flap {
        /// Milliseconds for which it is down.
        down_ms: u64,
        /// Milliseconds for which it is up.
        up_ms: u64,
    },
    /// Resets the connections that it has. Nothing has to be undone.
    ResetConnections,
    /// Goes on with the flows that it has from other ports, as a router does that has lost its table. Nothing has to be undone.
    ShiftPorts,
    /// Puts a rule on an HTTP link.
    Http {
        /// The name of the rule on the link.
        name: String,
        /// Which requests, and what becomes of them.
        rule: Box<HttpRule>,
    },
}

/// A toxic, and the ways on which it acts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LinkToxic {
    /// What it does.
    pub kind: LinkToxicKind,
    /// Where.
    pub ways: LinkWays,
}

/// What a toxic does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LinkToxicKind {
    /// Delays what passes, by `latency_ms` and at most `jitter_ms` more or less.
    Latency {
        /// Milliseconds.
        latency_ms: u32,
        /// Milliseconds.
        jitter_ms: u32,
    },
    /// Loses datagrams; a TCP stream stalls as a lost segment makes it.
    Loss {
        /// The share that is lost, drawn by the seed.
        share: f64,
        /// In place of it: every so manieth is lost, 0 for none.
        every: u32,
    },
    /// Lets so many bytes through in a second.
    Bandwidth {
        /// Bytes per second.
        bytes_per_second: u64,
    },
    /// New connections get no answer to their handshake.
    NoHandshake,
    /// Connections are accepted, and no byte passes; none is lost.
    Silence,
    /// The server's side is gone, and the client is not told: what it sends is dropped.
    HalfOpen,
}

impl LinkToxicKind {
    /// The name of the toxic of that kind, which tells it from the others on its link.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Loss { .. } => "loss",
            Self::Bandwidth { .. } => "bandwidth",
            Self::NoHandshake => "no_handshake",
            Self::Silence => "silence",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What a link does and has moved, as the process that forwards tells it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkReading {
    /// The names of its toxics, with their ways: `latency/upstream`.
    pub toxics: Vec<String>,
    /// Whether it listens.
    pub up: bool,
    /// Whether it is taken down and up again.
    pub flapping: bool,
    /// How often it has been taken down since it was started.
    pub downs: u64,
    /// Connections or flows so far.
    pub accepted: u64,
    /// Connections or flows that are open now.
    pub open: u64,
    /// Connections that it has reset.
    pub resets: u64,
    /// Flows that have gone on from another port.
    #[serde(default)]
    pub shifts: u64,
    /// Requests of HTTP so far.
    #[serde(default)]
    pub requests: u64,
    /// The names of its rules for HTTP, and the requests that each has met.
    #[serde(default)]
    pub rules: BTreeMap<String, u64>,
    /// Bytes that have gone out, upstream and downstream.
    pub sent_bytes: [u64; 2],
    /// Bytes that a toxic has dropped, upstream and downstream.
    pub dropped_bytes: [u64; 2],
}

/// Bytes of our own that are sent through a twin of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sounding {
    /// How many messages: on TCP one after the other has been answered, on UDP 64 at once. At most 1,000.
    pub messages: u32,
    /// The bytes of each, at least 8 and at most 16 MiB; on UDP at most 1,200.
    pub bytes: u32,
    /// Milliseconds that an answer may take, counted from the one before it.
    pub wait_ms: u32,
}

/// What came of bytes of our own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkSounding {
    /// How many messages were sent.
    pub sent: u32,
    /// How many came back.
    pub answered: u32,
    /// Microseconds until each answer, in the order in which they came.
    pub round_trips_us: Vec<u64>,
    /// Microseconds from the first message to the last answer.
    pub total_us: u64,
}

/// What came of a connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knock {
    /// It was accepted.
    Accepted,
    /// It was refused.
    Refused,
    /// There was no answer within the time.
    Unanswered,
}

impl fmt::Display for Knock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unanswered => "not answered",
        })
    }
}
