//! Runs one undo step, for a live run and for recovery alike.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::{Clock, DynUndoStep, PluginError, UndoContext, UndoLog, Undone};

use crate::guarded::{Panicked, guarded};
use crate::step_threads::{Ended, StepThreads};

/// How long one attempt of a step may take.
pub(crate) const STEP_DEADLINE: Duration = Duration::from_secs(10);

/// How long the engine waits for effects that are still being made before it gives up on undoing safely.
const DRAIN_DEADLINE: Duration = Duration::from_secs(30);

/// Pauses between attempts; a step is tried once more than there are pauses.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// Why a step did not undo.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UndoError {
    #[error(transparent)]
    Step(#[from] PluginError),
    #[error(transparent)]
    Panicked(#[from] Panicked),
    #[error("did not end within {} s", STEP_DEADLINE.as_secs())]
    Late,
    #[error("did not end within {} s and blocks its thread, which is left behind", STEP_DEADLINE.as_secs())]
    Blocked,
}

/// An effect is still being made.
#[derive(Debug, thiserror::Error)]
#[error("an effect was still being made after {} s", DRAIN_DEADLINE.as_secs())]
pub(crate) struct Undrained;

/// Waits until no effect of a log is being made any more.
///
/// # Errors
/// One still is: what is undone then may come again, so its steps stay for recovery.
pub(crate) async fn drain(log: &UndoLog, clock: &dyn Clock) -> Result<(), Undrained> {
    clock.timeout(DRAIN_DEADLINE, log.drained()).await.ok_or(Undrained)
}

/// Runs one step under its own deadline, with bounded retries; a panic is a failed attempt. One that blocks its thread is
/// not tried again, since it is still at it.
pub(crate) async fn undo_step(
    step: &Arc<dyn DynUndoStep>,
    cx: &UndoContext,
    threads: &StepThreads,
) -> Result<Undone, UndoError> {
    let clock = cx.clock();
    let mut pauses = PAUSES.iter();
    loop {
        let (its, own) = (Arc::clone(step), cx.clone());
        let attempt = async move { guarded(its.undo(&own)).await };
        let error: UndoError = match threads.run(clock, STEP_DEADLINE, Box::pin(attempt)).await {
            Ended::Done(Ok(Ok(undone))) => return Ok(undone),
            Ended::Done(Ok(Err(error))) => error.into(),
            Ended::Done(Err(panicked)) => panicked.into(),
            Ended::Late => UndoError::Late,
            Ended::Blocked => return Err(UndoError::Blocked),
        };
        match pauses.next() {
            Some(pause) => clock.sleep(*pause).await,
            None => return Err(error),
        }
    }
}
