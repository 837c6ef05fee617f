//! Why an entry did not run its course.

use chaos_core::{JournalError, PluginError};

use crate::entry_state::IllegalStep;
use crate::guarded::Panicked;
use crate::preflight::Refused;
use crate::resources::HoldError;

/// How the cause of an entry begins that was not begun because of something else.
const SKIPPED: &str = "skipped: ";

/// Why an entry with this `error` was skipped; `None` when it was not.
pub(crate) fn skipped_because(error: &str) -> Option<&str> {
    error.strip_prefix(SKIPPED)
}

/// Why an entry did not run its course; the first cause is the `error` of its result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("{SKIPPED}{0}")]
    Skipped(String),
    #[error("interrupted before the trigger fired")]
    BeforeTrigger,
    #[error("interrupted")]
    Interrupted,
    #[error("trigger `{0}` did not fire in time")]
    TriggerLate(&'static str),
    #[error("trigger `{0}`: {1}")]
    Trigger(&'static str, PluginError),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Unkept(#[from] JournalError),
    #[error(transparent)]
    Held(#[from] HoldError),
    /// The fault, the system or a stop condition was not as it must be before an injection.
    #[error("{0}")]
    Before(String),
    #[error("{0}")]
    Aborted(String),
    #[error("nothing was injected: {0}")]
    Control(String),
    #[error("the fault did not end within {0} s")]
    TooLong(u64),
    #[error("the fault did not stop within {0} s of being cancelled")]
    Unstoppable(u64),
    #[error("fault `{0}` broke its contract: what it returned does not fit its span")]
    Span(&'static str),
    #[error(transparent)]
    Fault(#[from] PluginError),
    #[error(transparent)]
    Panicked(#[from] Panicked),
    #[error(transparent)]
    Illegal(#[from] IllegalStep),
}
