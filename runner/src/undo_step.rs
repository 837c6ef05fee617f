//! Runs one undo step, for a live run and for recovery alike.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::{DynUndoStep, PluginError, UndoContext, Undone};

use crate::guarded::{Panicked, guarded};

/// How long one attempt of a step may take.
pub(crate) const STEP_DEADLINE: Duration = Duration::from_secs(10);

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
}

/// Runs one step under its own deadline, with bounded retries; a panic is a failed attempt.
pub(crate) async fn undo_step(step: &Arc<dyn DynUndoStep>, cx: &UndoContext) -> Result<Undone, UndoError> {
    let clock = cx.clock();
    let mut pauses = PAUSES.iter();
    loop {
        let error: UndoError = match clock.timeout(STEP_DEADLINE, guarded(step.undo(cx))).await {
            Some(Ok(Ok(undone))) => return Ok(undone),
            Some(Ok(Err(error))) => error.into(),
            Some(Err(panicked)) => panicked.into(),
            None => UndoError::Late,
        };
        match pauses.next() {
            Some(pause) => clock.sleep(*pause).await,
            None => return Err(error),
        }
    }
}
