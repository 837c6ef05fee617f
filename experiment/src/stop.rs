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
    /// The schema or the guardrails refused a call, in words of ours.
    #[error("{0}")]
    Refused(String),
    /// The engine or the target failed, in words that may be the target's.
    #[error("{0}")]
    Failed(String),
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
            Stop::Refused(why) | Stop::Failed(why) | Stop::Transcript(why) => Self::Failed { why },
            Stop::InForce(why) => Self::InForce { why },
        }
    }
}
