//! Takes a run over: an epoch of its own in the journal, then the replay.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use chaos_core::{JournalRecord, PastJournal, RealClock};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::recover::Recovery;
use crate::step_threads::{Inside, StepThreads};

/// Replays a journal as often as it takes.
pub(super) struct TakeOver {
    runtime: Runtime,
    recovery: Recovery,
    /// What was undone already: a run that wakes up may make an effect late.
    undone: Vec<JournalRecord>,
    /// Whether all of it could be undone, and read, each time.
    clean: bool,
}

impl TakeOver {
    /// With a runtime that is there before it is needed.
    pub(super) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let recovery = Recovery {
            threads: StepThreads::own(Inside::default()),
            clock: Arc::new(RealClock::new()),
            stop: CancellationToken::new(),
        };
        Ok(Self { runtime, recovery, undone: Vec::new(), clean: true })
    }

    /// Replays all that is armed, newest first.
    pub(super) fn now(&mut self, path: &Path, journal: &File) {
        let read = journal.try_clone().and_then(|file| PastJournal::adopt(path, file));
        let Ok(mut journal) = read else {
            self.clean = false;
            return;
        };
        let known = journal.pending.len();
        let again = self.undone.iter().filter(|record| journal.pending.iter().all(|pending| pending.seq != record.seq));
        let again: Vec<JournalRecord> = again.cloned().collect();
        journal.pending.extend(again);
        let records = journal.pending.clone();
        let (report, problems) = self.runtime.block_on(self.recovery.replayed(&mut journal));
        self.clean = problems.is_empty() && report.kept.is_empty();
        if known > 0 || self.undone.is_empty() {
            self.undone = records;
        }
    }

    /// Removes the journal, once everything in it is accounted for; gives whether it is.
    pub(super) fn remove(&mut self, path: &Path, journal: &File) -> bool {
        let read = journal.try_clone().and_then(|file| PastJournal::adopt(path, file));
        read.is_ok_and(|past| {
            let whole = past.pending.is_empty() && past.problems.is_empty();
            whole && self.clean && past.remove().is_ok()
        })
    }
}
