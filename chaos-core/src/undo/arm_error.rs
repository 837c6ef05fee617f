//! Why a step could not be armed.

use super::journal::JournalError;

/// Why a step could not be armed; its effect must not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArmError {
    /// The engine is already undoing.
    #[error("too late to act: the engine is undoing already")]
    Sealed,
    /// An effect without a step, where the plan says that it can be undone.
    #[error("refused: nothing undoes this effect, and the fault's plan does not say so")]
    Irreversible,
    /// The run was cancelled.
    #[error("too late to act: cancelled")]
    Cancelled,
    /// The step does not serialize, so nobody could recover it.
    #[error("undo step does not serialize: {0}")]
    Step(String),
    /// The step did not reach the disk.
    #[error("undo step can't be journalled: {}", .0.with_cause())]
    Journal(#[source] JournalError),
}
