//! Why a run could not begin.

use chaos_core::{JournalError, RegistryError, StateDirError};

/// Why a run could not begin, or its engine is gone. What happens inside a run is in its report instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// Without a state directory nothing is injected: a crash could not be undone.
    #[error("nothing is injected without an undo journal")]
    StateDir(#[from] StateDirError),
    /// The journal of this run could not be made.
    #[error("nothing is injected without an undo journal")]
    Journal(#[from] JournalError),
    /// Two plug-ins claim one name.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The engine's thread or runtime could not be started.
    #[error("the engine could not be started")]
    Start(#[source] std::io::Error),
    /// The runner was stopped while dead runs were recovered, or before.
    #[error("interrupted before the run began: nothing was injected")]
    Interrupted,
    /// The engine's thread ended without a report.
    #[error("the engine ended without a report; `squall recover` undoes what it left")]
    Died,
}
