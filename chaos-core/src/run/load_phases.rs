//! The figures of a load by the phases of other faults, and by seconds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FaultStanding, LatencyReport};

/// Where a fault was when a request was due. Between these phases, while it was being injected or undone, a request counts for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestPhase {
    /// It had not begun.
    Before,
    /// A check had found it, and its undo had not begun.
    While,
    /// Nothing was left of it.
    After,
}

impl RequestPhase {
    /// Each, in the order of time.
    pub const ALL: [Self; 3] = [Self::Before, Self::While, Self::After];

    /// The phase of a standing; `None` between two of them, and after a fault that was never found.
    pub fn of(standing: Option<FaultStanding>) -> Option<Self> {
        match standing {
            None => Some(Self::Before),
            Some(standing) if standing.in_force => Some(Self::While),
            Some(standing) if standing.is_over() => Some(Self::After),
            Some(_) => None,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::While => "while",
            Self::After => "after",
        }
    }
}

/// The requests of a load that were due in one phase of a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseReport {
    /// The name of the fault, without the number of an event of a soak; null for all faults of the run together.
    pub fault: Option<String>,
    /// Which phase.
    pub phase: RequestPhase,
    /// Requests that were answered well.
    pub ok: u64,
    /// Requests that failed, or were answered with an error status.
    pub errors: u64,
    /// Failed over ended requests, 0 to 1; null where none ended.
    pub error_ratio: Option<f64>,
    /// From the time at which each request was due to its end.
    pub response: LatencyReport,
}

/// The figures of a load over a time of about a second; more of a load that went on for more than an hour.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadSecond {
    /// When it began, in seconds since the start of the load.
    pub start_seconds: f64,
    /// When it ended, in seconds since the start of the load.
    pub end_seconds: f64,
    /// Requests that ended in it, well or not.
    pub completed: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// 99 of 100 requests that ended in it took at most this long, from the time at which each was due; where seconds are told
    /// together, the longest of theirs. Null where none ended: all that were due then hung, or none was.
    pub p99_ms: Option<f64>,
}

impl LoadSecond {
    /// Two that follow each other, as one.
    #[must_use]
    pub fn and(self, next: Self) -> Self {
        Self {
            start_seconds: self.start_seconds,
            end_seconds: next.end_seconds,
            completed: self.completed + next.completed,
            errors: self.errors + next.errors,
            p99_ms: [self.p99_ms, next.p99_ms].into_iter().flatten().reduce(f64::max),
        }
    }
}
