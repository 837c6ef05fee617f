//! The run's side: when there must be a guardian, and that the run is alive.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chaos_core::{Journal, JournalKeeper, blocking, since_boot};

use super::Guardian;
use super::protocol::FromRun;
use super::start::{Link, start};

/// The guardian of a run, once there is one.
#[derive(Debug)]
pub(crate) struct GuardianSlot {
    choice: Guardian,
    state: Mutex<State>,
    at_work: AtomicUsize,
    behind_ms: AtomicU64,
}

#[derive(Debug)]
enum State {
    NotYet,
    Kept(Link),
    /// The run has ended.
    Over,
}

/// Says to the journal of a run what its guardian says.
#[derive(Debug)]
pub(crate) struct Keeper(pub(crate) Arc<GuardianSlot>);

impl JournalKeeper for Keeper {
    fn keep(&self, journal: &Journal, step: &str) -> io::Result<()> {
        self.0.ensure(journal)?;
        match &*self.0.lock() {
            State::Kept(link) if !link.steps.contains(step) => {
                Err(io::Error::other(format!("the guardian's program can't undo steps of type `{step}`")))
            }
            _ => Ok(()),
        }
    }
}

impl GuardianSlot {
    /// One that has not begun.
    pub(crate) fn new(choice: Guardian) -> Arc<Self> {
        Arc::new(Self {
            choice,
            state: Mutex::new(State::NotYet),
            at_work: AtomicUsize::new(0),
            behind_ms: AtomicU64::new(0),
        })
    }

    /// Whether there is to be one at all.
    pub(crate) fn is_wanted(&self) -> bool {
        self.choice != Guardian::None
    }

    /// Whether somebody else undoes the run by now; asked on a thread that a disk may block.
    pub(crate) async fn has_taken_over(&self, journal: &Arc<Journal>) -> bool {
        if !self.is_wanted() {
            return false;
        }
        let journal = Arc::clone(journal);
        blocking(move || journal.taken_over()).await.unwrap_or(false)
    }

    /// Makes sure that one keeps the journal, now. Blocks. Gives whether it took the place of one that had ended.
    ///
    /// # Errors
    /// None can be started; then nothing may be injected.
    pub(crate) fn ensure(&self, journal: &Journal) -> io::Result<bool> {
        let mut state = self.lock();
        let lost = match &*state {
            State::Kept(link) if link.is_there() => return Ok(false),
            State::Kept(_) => true,
            State::NotYet => false,
            State::Over => return Ok(false),
        };
        if !self.is_wanted() || journal.taken_over() {
            return Ok(false);
        }
        if let State::Kept(link) = std::mem::replace(&mut *state, State::NotYet) {
            link.goodbye();
        }
        if let Some(link) = start(&self.choice, journal)? {
            *state = State::Kept(link);
        }
        drop(state);
        self.alive();
        Ok(lost)
    }

    /// Tells it that the run is alive; `false` when it is not there any more.
    pub(crate) fn alive(&self) -> bool {
        let boot_ms = u64::try_from(since_boot().as_millis()).unwrap_or(u64::MAX);
        let (at_work, behind_ms) = (self.at_work.load(Ordering::Acquire), self.behind_ms.load(Ordering::Relaxed));
        // Whoever starts one holds the lock, and will say so itself.
        let Ok(state) = self.state.try_lock() else { return true };
        let State::Kept(link) = &*state else { return true };
        link.tell(&FromRun::Alive { boot_ms, at_work, behind_ms });
        link.is_there()
    }

    /// Ends it: the run accounts for its journal from here on. Blocks.
    pub(crate) fn goodbye(&self) {
        let state = std::mem::replace(&mut *self.lock(), State::Over);
        if let State::Kept(link) = state {
            link.goodbye();
        }
    }

    /// A fault is held from now on, so long after its steps may have been armed: their time is over later by that.
    pub(crate) fn behind(&self, by: Duration) {
        self.behind_ms.fetch_max(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Counts an entry that injects, checks or undoes: it may take longer than its fault holds.
    pub(crate) fn at_work(self: &Arc<Self>) -> AtWork {
        self.at_work.fetch_add(1, Ordering::Relaxed);
        AtWork(Arc::clone(self))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entry that injects, checks or undoes.
#[must_use = "counted until it is dropped"]
#[derive(Debug)]
pub(crate) struct AtWork(Arc<GuardianSlot>);

impl Drop for AtWork {
    fn drop(&mut self) {
        // Whoever sees this sees how far behind the entry is.
        self.0.at_work.fetch_sub(1, Ordering::Release);
    }
}
