//! What ends a run or one of its entries early, from any thread.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chaos_core::{EntryId, Evidence, ToldEvents};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::entry_state::{EntryStage, EntryState};

/// One entry of a run: waits for it, and ends it early. Cheap to clone; dropping it changes nothing.
#[derive(Debug, Clone)]
pub struct EntryControl {
    id: Arc<EntryId>,
    state: watch::Receiver<EntryState>,
    released: CancellationToken,
    cancel: CancellationToken,
}

/// What a release did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseEffect {
    /// The hold ends now; undo, verification and verdict follow as usual.
    Released,
    /// The fault was not in force yet, so the entry is cancelled.
    Cancelled,
    /// The fault is being undone already, or the entry is over.
    TooLate,
}

impl EntryControl {
    pub(crate) fn new(
        id: Arc<EntryId>,
        state: watch::Receiver<EntryState>,
        released: CancellationToken,
        cancel: CancellationToken,
    ) -> Self {
        Self { id, state, released, cancel }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.id.name
    }

    /// Its position in the document, as a JSON pointer.
    pub fn position(&self) -> &str {
        &self.id.path
    }

    /// Where it stands now.
    pub fn state(&self) -> EntryState {
        self.state.borrow().clone()
    }

    /// Waits until the fault is in force: `Some` with what shows it, `None` if the entry ended without. Never waits for
    /// ever: an engine that is gone counts as an end.
    pub async fn active(&mut self) -> Option<Evidence> {
        let settled = |state: &EntryState| state.active.is_some() || state.stage >= EntryStage::Undoing;
        self.state.wait_for(settled).await.ok()?.active.clone()
    }

    /// Waits until the entry is over.
    pub async fn ended(&mut self) {
        // An engine that is gone is an end too, so the error needs no other answer.
        let _ = self.state.wait_for(|state| state.stage == EntryStage::Ended).await;
    }

    /// Ends the hold now; undo, verification and verdict follow as usual. A finite fault ends early, and what it did so
    /// far is judged. Before the fault is in force this is [`EntryControl::cancel`].
    pub fn release(&self) -> ReleaseEffect {
        // No step is taken while the state is borrowed, so that stage and effect belong together.
        let at = self.state.borrow();
        match at.stage {
            EntryStage::Active => {
                self.released.cancel();
                ReleaseEffect::Released
            }
            stage if stage < EntryStage::Active => {
                self.cancel.cancel();
                ReleaseEffect::Cancelled
            }
            _ => ReleaseEffect::TooLate,
        }
    }

    /// Ends the entry early: everything is undone, and the verdict is `inconclusive` at best.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}

/// A whole run: ends it early, or some of its entries. Cheap to clone; dropping it changes nothing.
#[derive(Debug, Clone)]
pub struct RunControl {
    cancel: CancellationToken,
    /// Ends what goes on after an interruption.
    again: CancellationToken,
    down: CancellationToken,
    holds_nodes: Arc<AtomicBool>,
    entries: Arc<Mutex<Entries>>,
    told: Arc<ToldEvents>,
}

#[derive(Debug, Default)]
struct Entries {
    live: BTreeMap<u64, EntryControl>,
    next: u64,
}

impl RunControl {
    pub(crate) fn new(cancel: CancellationToken) -> Self {
        let (again, down) = (CancellationToken::new(), CancellationToken::new());
        Self { cancel, again, down, holds_nodes: Arc::default(), entries: Arc::default(), told: Arc::default() }
    }

    /// Tells events to the triggers of a run.
    pub(crate) fn telling(self, told: Arc<ToldEvents>) -> Self {
        Self { told, ..self }
    }

    /// The entries that are not over, in the order of their starts.
    pub fn entries(&self) -> Vec<EntryControl> {
        self.lock().live.values().cloned().collect()
    }

    /// Releases every entry; see [`EntryControl::release`].
    pub fn release(&self) {
        for entry in self.entries() {
            entry.release();
        }
    }

    /// Ends the run early: everything is undone and reported. A second call ends what goes on after the first one too: the
    /// `finally` of a workflow.
    pub fn cancel(&self) {
        if self.cancel.is_cancelled() {
            self.again.cancel();
        }
        self.cancel.cancel();
    }

    /// Tells an event, for which a trigger `event` may wait: that the agent under test acted, for instance.
    pub fn tell(&self, event: impl Into<String>) {
        self.told.tell(event);
    }

    /// Whether somebody has ended it early.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Ends a run that holds its nodes for ad-hoc work ([`crate::Runner::up`]): what is in force is released, undone and
    /// judged, then the nodes are stopped. False, and nothing is done, for a run of another sort.
    pub fn down(&self) -> bool {
        let holds = self.holds_nodes();
        if holds {
            self.down.cancel();
        }
        holds
    }

    /// Whether the run holds its nodes for ad-hoc work.
    pub fn holds_nodes(&self) -> bool {
        self.holds_nodes.load(Ordering::Relaxed)
    }

    pub(crate) fn begin_to_hold(&self) {
        self.holds_nodes.store(true, Ordering::Relaxed);
    }

    /// Cancelled when the nodes are held no longer.
    pub(crate) fn down_token(&self) -> &CancellationToken {
        &self.down
    }

    /// Cancelled at the second interruption.
    pub(crate) fn again(&self) -> &CancellationToken {
        &self.again
    }

    pub(crate) fn token(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Takes an entry in, under a number of its own.
    pub(crate) fn enter(&self, entry: EntryControl) -> u64 {
        let mut entries = self.lock();
        let number = entries.next;
        entries.next += 1;
        entries.live.insert(number, entry);
        number
    }

    pub(crate) fn leave(&self, number: u64) {
        self.lock().live.remove(&number);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
