//! Write-ahead undo: steps, the journal that holds them before their effects, and the state directory.

mod arm_error;
mod blocking;
mod context;
mod holder;
mod journal;
mod log;
mod owner;
mod run_steps;
mod state_dir;
mod step;

pub use arm_error::ArmError;
pub use blocking::{blocking, on_a_thread};
pub use context::UndoContext;
pub use holder::Holder;
pub use journal::{
    Epoch, Expiries, JOURNAL_FORMAT, Journal, JournalError, JournalHeader, JournalKeeper, JournalProblem,
    JournalRecord, PastJournal, boot_id,
};
pub use log::{ArmedStep, EffectPermit, Undo, UndoLog};
pub use owner::StepOwner;
pub use run_steps::RunSteps;
pub use state_dir::{LockError, ResourceLock, StateDir, StateDirError};
pub use step::{DynUndoStep, ErasedUndoStep, UndoStep, Undone};
