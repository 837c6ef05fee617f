//! Where one worker leaves its counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::tally::Tally;

/// Where one worker leaves its counts for the coordinator.
#[derive(Debug)]
pub(crate) struct WorkerStats {
    started: AtomicU64,
    tally: Mutex<Tally>,
}

impl WorkerStats {
    pub(crate) fn new(tally: Tally) -> Self {
        Self { started: AtomicU64::new(0), tally: Mutex::new(tally) }
    }

    /// Counts a request that goes out.
    pub(crate) fn note_start(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Locks the counts, even after a panic elsewhere: they stay readable.
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the counts and leaves an empty tally for the next interval.
    pub(crate) fn swap(&self, spare: &mut Tally) {
        std::mem::swap(&mut *self.tally(), spare);
    }
}
