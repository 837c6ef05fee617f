//! Why an experiment takes no further step.

use crate::budget::BudgetKind;
use crate::transcript::{ExperimentEnd, TranscriptError};

/// Why no further step is taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Stop {
    /// A budget would be exceeded.
    #[error("the budget `{0}` is used up")]
    Budget(BudgetKind),
    #[error("the experiment was cancelled")]
    Cancelled,
    /// The guardrails, the engine or the target refused.
    #[error("{0}")]
    Refused(String),
    /// Something may still be in force.
    #[error("{0}")]
    InForce(String),
    /// The transcript can't be written; nothing is done without one.
    #[error("{0}")]
    Transcript(String),
}

impl From<TranscriptError> for Stop {
    fn from(error: TranscriptError) -> Self {
        let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        Self::Transcript(format!("{error}{cause}"))
    }
}

impl From<Stop> for ExperimentEnd {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Budget(budget) => Self::BudgetRanOut { budget },
            Stop::Cancelled => Self::Cancelled,
            Stop::Refused(why) | Stop::Transcript(why) => Self::Failed { why },
            Stop::InForce(why) => Self::InForce { why },
        }
    }
}
