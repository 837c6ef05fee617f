//! Write-ahead undo: steps, the journal that holds them before their effects, and the state directory.

mod context;
mod journal;
mod log;
mod state_dir;
mod step;

pub use context::UndoContext;
pub use journal::{
    JOURNAL_FORMAT, Journal, JournalError, JournalHeader, JournalProblem, JournalRecord, PastJournal, boot_id,
};
pub use log::{ArmError, ArmedStep, EffectPermit, Undo, UndoLog};
pub use state_dir::{LockError, ResourceLock, StateDir, StateDirError};
pub use step::{DynUndoStep, ErasedUndoStep, StepOwner, UndoStep, Undone};
