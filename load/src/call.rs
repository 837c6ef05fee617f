//! What one request gave, and what one connection went through.

use std::net::SocketAddr;

use crate::failure::Failure;
use crate::histogram::Histogram;
use crate::plan::Buckets;
use crate::trace_context::TraceIds;

/// The status that stands for a request without an answer.
pub(crate) const NO_ANSWER: i32 = -1;

/// What one request gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    /// Status of the answer, or [`NO_ANSWER`].
    pub(crate) code: i32,
    /// Why the call counts as failed; `None` when it does not.
    pub(crate) failure: Option<Failure>,
    /// Bytes of the answer, head included.
    pub(crate) size: u64,
    /// Bytes of the head.
    pub(crate) head: u64,
    /// Bytes of the request.
    pub(crate) sent: u64,
    /// Interim answers (1xx) before the final one.
    pub(crate) interim: u32,
    /// Bytes that came after the answer and did not belong to it.
    pub(crate) stray: u64,
    /// The connection may carry another request.
    pub(crate) reusable: bool,
    /// The request was sent once more, as the server had not taken the first one.
    pub(crate) retried: bool,
    /// The ids that the request carried, where it had some.
    pub(crate) trace: Option<TraceIds>,
}

impl Outcome {
    /// A call that got no answer; `size` bytes of one may have come.
    pub(crate) fn failed(failure: Failure, size: u64) -> Self {
        Self {
            code: NO_ANSWER,
            failure: Some(failure),
            size,
            head: 0,
            sent: 0,
            interim: 0,
            stray: 0,
            reusable: false,
            retried: false,
            trace: None,
        }
    }

    /// A call that was answered well with `size` bytes.
    pub(crate) fn answered(code: i32, size: u64) -> Self {
        Self {
            code,
            failure: None,
            size,
            head: 0,
            sent: 0,
            interim: 0,
            stray: 0,
            reusable: true,
            retried: false,
            trace: None,
        }
    }

    /// Whether the target answered, in whatever way.
    pub(crate) fn is_answered(&self) -> bool {
        self.code != NO_ANSWER
    }
}

/// Says whether a status counts as success: 200 to 299, and 418 for fun, as fortio has it.
pub(crate) fn is_ok(status: u16) -> bool {
    (200..300).contains(&status) || status == 418
}

/// What one connection of a run went through.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConnectionReport {
    /// Number of the connection.
    pub index: usize,
    /// Sockets that it opened or tried to open.
    pub sockets: u64,
    /// Addresses in the order of their first use, with the number of sockets.
    pub addresses: Vec<(SocketAddr, u64)>,
    /// Times that connecting took, in seconds.
    pub connects: Histogram,
}

impl ConnectionReport {
    pub(crate) fn new(index: usize, buckets: &Buckets) -> Self {
        Self { index, sockets: 0, addresses: Vec::new(), connects: buckets.histogram() }
    }

    /// Notes the start of an attempt to connect.
    pub(crate) fn attempt(&mut self, address: Option<SocketAddr>) {
        self.sockets += 1;
        let Some(address) = address else { return };
        match self.addresses.iter_mut().find(|(known, _)| *known == address) {
            Some((_, sockets)) => *sockets += 1,
            None => self.addresses.push((address, 1)),
        }
    }

    /// Notes how long the attempt took, failed or not.
    pub(crate) fn attempted(&mut self, seconds: f64) {
        self.connects.record(seconds);
    }

    /// Notes that a deadline ended the attempt, if there was one under way.
    pub(crate) fn abandoned(&mut self, seconds: f64) {
        if self.connects.sums().count < self.sockets {
            self.connects.record(seconds);
        }
    }
}
