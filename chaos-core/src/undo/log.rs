//! Write-ahead undo: a step is on disk before its effect, and the effect is made under a permit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::arm_error::ArmError;
use super::journal::{Journal, JournalError, JournalRecord};
use super::step::DynUndoStep;
use crate::run::since_boot;
use crate::{EventKind, RunContext};

/// A step that was armed and may be replayed.
#[derive(Debug, Clone)]
pub struct ArmedStep {
    /// Its number in the journal; `None` when it never got there (its effect was not made, and it is harmless).
    pub seq: Option<u64>,
    /// The step.
    pub step: Arc<dyn DynUndoStep>,
    /// What it says that it does, as it stands in the journal.
    pub described: String,
}

/// The undo log of one entry: its steps in memory, their copies in the run's journal.
#[derive(Debug)]
pub struct UndoLog {
    journal: Arc<Journal>,
    cx: RunContext,
    expires_after: Option<Duration>,
    state: Mutex<State>,
    open: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    sealed: bool,
    steps: Vec<ArmedStep>,
}

/// What `inject` gets: the one way to make an effect that outlives this process.
#[derive(Debug, Clone)]
pub struct Undo(Arc<UndoLog>);

/// Permission to make one effect. Hold it while the effect is being made: the engine does not undo before it is gone.
#[must_use = "hold it while the effect is being made"]
#[derive(Debug)]
pub struct EffectPermit(Arc<UndoLog>);

impl Drop for EffectPermit {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

impl UndoLog {
    /// The log of the entry that `cx` belongs to, in the run's journal. `expires_after` is noted in each record.
    pub fn new(journal: Arc<Journal>, cx: RunContext, expires_after: Option<Duration>) -> Arc<Self> {
        let (open, _) = watch::channel(0);
        Arc::new(Self { journal, cx, expires_after, state: Mutex::default(), open })
    }

    /// The side that `inject` gets.
    pub fn handle(self: &Arc<Self>) -> Undo {
        Undo(Arc::clone(self))
    }

    /// Refuses every later `arm`.
    pub fn seal(&self) {
        self.lock().sealed = true;
    }

    /// Waits until no effect is being made. Seal first, or it may wait for ever.
    pub async fn drained(&self) {
        // The sender is ours, so the wait can't fail.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    /// The steps, newest first.
    pub fn newest_first(&self) -> Vec<ArmedStep> {
        self.lock().steps.iter().rev().cloned().collect()
    }

    /// Notes that a step was undone.
    pub fn mark_undone(&self, step: &ArmedStep) {
        if let Some(seq) = step.seq {
            self.journal.mark_undone(seq);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn permit(self: &Arc<Self>) -> EffectPermit {
        self.open.send_modify(|open| *open += 1);
        EffectPermit(Arc::clone(self))
    }

    /// Enters a step in memory under a permit; both under one lock, so that sealing sees either all of it or nothing.
    fn enter(
        self: &Arc<Self>,
        step: Arc<dyn DynUndoStep>,
        described: String,
    ) -> Result<(EffectPermit, usize), ArmError> {
        let mut state = self.lock();
        self.open_still(&state)?;
        state.steps.push(ArmedStep { seq: None, step, described });
        Ok((self.permit(), state.steps.len() - 1))
    }

    /// Refuses once the engine undoes, or is about to: no effect begins after a signal.
    fn open_still(&self, state: &State) -> Result<(), ArmError> {
        if state.sealed {
            return Err(ArmError::Sealed);
        }
        if self.cx.cancel_token().is_cancelled() { Err(ArmError::Cancelled) } else { Ok(()) }
    }

    /// Notes that a step is on disk. Where its effect would come too late by then, the step is replayed all the same, and
    /// finds nothing to undo.
    fn armed(&self, index: usize, seq: u64) -> Result<(), ArmError> {
        let mut state = self.lock();
        if let Some(armed) = state.steps.get_mut(index) {
            armed.seq = Some(seq);
        }
        self.open_still(&state)
    }

    fn record(&self, step: &dyn DynUndoStep) -> Result<JournalRecord, ArmError> {
        let expires = self.expires_after.and_then(|after| u64::try_from((since_boot() + after).as_millis()).ok());
        JournalRecord::of(self.cx.path(), expires, step)
    }
}

impl JournalRecord {
    /// The record of a step, without its number.
    pub(super) fn of(entry: &str, expires_at_boot_ms: Option<u64>, step: &dyn DynUndoStep) -> Result<Self, ArmError> {
        Ok(Self {
            seq: 0,
            entry: entry.to_owned(),
            expires_at_boot_ms,
            survives_reboot: step.survives_reboot(),
            owner: step.owner(),
            describe: step.describe(),
            step: serde_json::to_value(step).map_err(|error| ArmError::Step(error.to_string()))?,
        })
    }
}

impl Undo {
    /// Puts `step` on disk. The effect may be made once this returns, while the permit is held; a run that was cancelled
    /// until then, or is being undone, gives none.
    ///
    /// # Errors
    /// [`ArmError`]; then the effect must not be made.
    pub async fn arm(&self, step: impl DynUndoStep + 'static) -> Result<EffectPermit, ArmError> {
        let step: Arc<dyn DynUndoStep> = Arc::new(step);
        let record = self.0.record(step.as_ref())?;
        let described = record.describe.clone();
        let (permit, index) = self.0.enter(step, described.clone())?;
        let journal = Arc::clone(&self.0.journal);
        let _real = self.0.cx.clock().external();
        let written = tokio::task::spawn_blocking(move || journal.append(record)).await;
        let seq = match written {
            Ok(Ok(seq)) => seq,
            Ok(Err(error)) => return Err(ArmError::Journal(error)),
            Err(_) => return Err(ArmError::Journal(JournalError::Poisoned)),
        };
        // The disk may have taken its time.
        self.0.armed(index, seq)?;
        self.0.cx.emit(EventKind::Armed { step: described });
        Ok(permit)
    }
}
