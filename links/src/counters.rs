//! Live counters of a link.

use std::sync::atomic::{AtomicU64, Ordering};

/// The two ways through a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    Downstream,
}

impl Direction {
    /// Both, in the order in which toxics are listed.
    pub const BOTH: [Self; 2] = [Self::Upstream, Self::Downstream];

    /// The name in the control API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
        }
    }
}

/// What a link has moved and dropped. Bytes are counted when they move, not when a connection ends.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    received: [AtomicU64; 2],
    sent: [AtomicU64; 2],
    dropped: [AtomicU64; 2],
    accepted: AtomicU64,
    open: AtomicU64,
    refused: AtomicU64,
    reset: AtomicU64,
    shifts: AtomicU64,
    #[cfg(feature = "http")]
    requests: AtomicU64,
}

/// A reading of the counters of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Bytes that came in: from clients, from servers.
    pub received_bytes: [u64; 2],
    /// Bytes that went out: to servers, to clients.
    pub sent_bytes: [u64; 2],
    /// Bytes that a toxic dropped.
    pub dropped_bytes: [u64; 2],
    /// Connections (TCP) or flows (UDP) so far.
    pub accepted: u64,
    /// Connections or flows that are open now.
    pub open: u64,
    /// Connections for which the server could not be reached, and datagrams for which no flow was free.
    pub refused: u64,
    /// Connections that ended by a reset of ours.
    pub reset: u64,
    /// Flows that have gone on from another port; one counts each time.
    pub shifts: u64,
    /// Requests of HTTP so far, on HTTP links.
    pub requests: u64,
}

impl Counters {
    pub(crate) fn received(&self, direction: Direction, bytes: usize) {
        self.received[direction as usize].fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, direction: Direction, bytes: usize) {
        self.sent[direction as usize].fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self, direction: Direction, bytes: usize) {
        self.dropped[direction as usize].fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a connection as open until the guard is dropped.
    pub(crate) fn open(self: &std::sync::Arc<Self>) -> OpenConnection {
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(self.clone())
    }

    /// The number of a new connection, from 0.
    pub(crate) fn number(&self) -> u64 {
        self.accepted.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn reset(&self) {
        self.reset.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn shifted(&self) {
        self.shifts.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(feature = "http")]
    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(feature = "http")]
    fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    #[cfg(not(feature = "http"))]
    #[expect(clippy::unused_self, reason = "the other build asks a counter")]
    fn requests(&self) -> u64 {
        0
    }

    pub(crate) fn read(&self) -> Counts {
        let both = |pair: &[AtomicU64; 2]| [pair[0].load(Ordering::Relaxed), pair[1].load(Ordering::Relaxed)];
        Counts {
            received_bytes: both(&self.received),
            sent_bytes: both(&self.sent),
            dropped_bytes: both(&self.dropped),
            accepted: self.accepted.load(Ordering::Relaxed),
            open: self.open.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            reset: self.reset.load(Ordering::Relaxed),
            shifts: self.shifts.load(Ordering::Relaxed),
            requests: self.requests(),
        }
    }
}

/// Counts one connection as open.
pub(crate) struct OpenConnection(std::sync::Arc<Counters>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
