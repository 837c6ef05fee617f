//! Write-ahead undo: a step is on disk before its effect, and the effect is made under a permit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::arm_error::ArmError;
use super::journal::{Journal, JournalError, JournalRecord};
use super::step::DynUndoStep;
use crate::run::since_boot;
use crate::{Effect, EventKind, PluginError, RunContext, UndoContext};

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
    /// Whether the plan says that what is done can't be undone.
    irreversible: bool,
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

    /// Lets effects be made that nothing undoes; for an entry whose plan says so, and whose policy allows it.
    pub fn allow_irreversible(&self) {
        self.lock().irreversible = true;
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

    /// What its steps get, when one attempt may take `deadline`.
    pub fn undo_context(&self, deadline: Duration) -> UndoContext {
        self.cx.undo_context(deadline)
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

    /// The permit for an effect that nothing undoes.
    fn without_step(self: &Arc<Self>) -> Result<EffectPermit, ArmError> {
        let state = self.lock();
        self.open_still(&state)?;
        if state.irreversible { Ok(self.permit()) } else { Err(ArmError::Irreversible) }
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
        self.arm_shared(Arc::new(step)).await
    }

    /// Permission for one more effect that a step undoes which this log has armed already.
    ///
    /// # Errors
    /// [`ArmError`]; then the effect must not be made.
    pub fn another(&self) -> Result<EffectPermit, ArmError> {
        let state = self.0.lock();
        self.0.open_still(&state)?;
        let armed = state.steps.iter().any(|armed| armed.seq.is_some());
        if armed || state.irreversible { Ok(self.0.permit()) } else { Err(ArmError::Irreversible) }
    }

    async fn arm_shared(&self, step: Arc<dyn DynUndoStep>) -> Result<EffectPermit, ArmError> {
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

    /// Makes an effect: its step on disk first, then the act, under the permit. The act goes on to its end even if nobody
    /// waits for it any more; the undo waits for it.
    ///
    /// # Errors
    /// [`PluginError::Arm`] when the step did not reach the disk, and nothing was done; or what the act gives.
    pub async fn perform(&self, effect: Effect) -> Result<(), PluginError> {
        self.perform_all(vec![effect]).await.map(drop)
    }

    /// Makes several effects at the same time: all steps are on disk before the first act begins. Gives how long the acts
    /// took together, by the run's clock.
    ///
    /// # Errors
    /// As [`Undo::perform`]; the first error of several acts, when all have ended.
    pub async fn perform_all(&self, effects: Vec<Effect>) -> Result<Duration, PluginError> {
        let (mut permits, mut acts) = (Vec::new(), Vec::new());
        for Effect { step, act } in effects {
            permits.push(match step {
                Some(step) => self.arm_shared(step).await?,
                None => self.0.without_step()?,
            });
            acts.push(act);
        }
        let _real = self.0.cx.clock().external();
        let began = self.0.cx.clock().now();
        let under_way: Vec<_> = permits
            .into_iter()
            .zip(acts)
            .map(|(permit, act)| {
                tokio::spawn(async move {
                    let _permit = permit;
                    act.await
                })
            })
            .collect();
        let mut first = Ok(());
        for act in under_way {
            let done = act.await.unwrap_or_else(|error| Err(PluginError::failed(error.to_string())));
            first = first.and(done);
        }
        first.map(|()| self.0.cx.clock().now().saturating_sub(began))
    }
}
