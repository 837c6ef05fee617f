//! Who keeps a journal beside its run.

use std::fmt::Debug;
use std::io;

use super::Journal;

/// Keeps the journal of a live run, so that somebody undoes it when the run can't: a guardian.
pub trait JournalKeeper: Debug + Send + Sync + 'static {
    /// Makes sure that somebody keeps the journal who knows steps of this type. Blocks. Asked before a step is written.
    ///
    /// # Errors
    /// What is in the way; then the step is not armed.
    fn keep(&self, journal: &Journal, step: &str) -> io::Result<()>;
}
