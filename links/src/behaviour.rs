//! What a toxic may do, apart from which toxic it is.

use serde::{Deserialize, Serialize};

use crate::draw::Draw;
use crate::piece::Shape;

/// Where a connection is swallowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoleMode {
    /// Handshakes of new connections are not answered, for any toxicity above 0; connections that exist go on.
    AcceptNothing,
    /// Connections are accepted, and no byte passes either way. Nothing is lost: removal lets all of it through.
    #[default]
    SayNothing,
    /// The server's side is gone, and the client does not notice: its side stays open, what it sends is dropped.
    /// Removal resets the client.
    HalfOpen,
}

/// How bytes get through one way of a connection at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gate {
    /// They flow.
    Open,
    /// They wait where they are; none is lost.
    Held,
    /// They are read and thrown away.
    Drop,
}

/// How a toxic ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Both sides are closed.
    Close,
    /// Both sides are reset.
    Reset,
}

/// What one kind of toxic does. Each method is about another mechanism, and a kind has one or two of them.
pub(crate) trait Behaviour {
    /// Makes what pieces pass through on one way of one connection, at the given moment of the worker's timer.
    fn shape(&self, _draw: Draw, _now: u64) -> Option<Box<dyn Shape>> {
        None
    }

    /// Whether bytes get through.
    fn gate(&self) -> Gate {
        Gate::Open
    }

    /// How long (in nanoseconds) after it took effect on a connection it ends that, and how.
    fn ending(&self) -> Option<(u64, Ending)> {
        None
    }

    /// After how many bytes the connection is closed.
    fn limit(&self) -> Option<u64> {
        None
    }

    /// How much later the end of a stream is passed on, in nanoseconds.
    fn close_delay(&self) -> u64 {
        0
    }

    /// How it swallows connections.
    fn hole(&self) -> Option<HoleMode> {
        None
    }
}
