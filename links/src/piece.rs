//! What is on its way through a link, and what toxics may do to it.

use bytes::Bytes;

/// What a piece carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// Bytes of a stream, or a datagram.
    Bytes(Bytes),
    /// The sender has no more to say; the other way stays open.
    Eof,
    /// The sender has reset the connection.
    Reset,
}

/// A part of a stream, or one datagram. Times are nanoseconds of the worker's timer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// When it came in.
    pub(crate) arrived: u64,
    /// When it may go out.
    pub(crate) release: u64,
    /// Its number on this way of the connection; draws hang on it.
    pub(crate) number: u64,
    /// Whether it is a datagram, which can't be cut and may be lost.
    pub(crate) is_datagram: bool,
    pub(crate) body: Body,
}

impl Piece {
    /// What it counts against the bound of a queue: its bytes and a flat rate for the rest.
    pub(crate) fn weight(&self) -> usize {
        128 + self.len()
    }

    pub(crate) fn len(&self) -> usize {
        match &self.body {
            Body::Bytes(bytes) => bytes.len(),
            Body::Eof | Body::Reset => 0,
        }
    }

    /// Cuts off the first `at` bytes as a piece of its own; `None` when nothing would be left, or it can't be cut.
    pub(crate) fn cut(&mut self, at: usize) -> Option<Self> {
        match &mut self.body {
            Body::Bytes(bytes) if !self.is_datagram && at > 0 && at < bytes.len() => {
                let first = bytes.split_to(at);
                Some(Self { body: Body::Bytes(first), ..self.clone() })
            }
            _ => None,
        }
    }
}

/// Delays, cuts, drops or repeats pieces; one for each connection, direction and toxic.
pub(crate) trait Shape {
    /// Passes a piece on. The order of a stream is kept by the queue behind, whatever the times say.
    fn pass(&mut self, piece: Piece, out: &mut Vec<Piece>);
}

/// Delays in milliseconds as toxics have them; what is below zero is none.
pub(crate) fn milliseconds(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0).saturating_mul(1_000_000)
}
