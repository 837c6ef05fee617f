//! What a run looks like while it goes on.

use std::time::Duration;

use crate::failure::FailureKind;

/// Two percentiles of many calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Spread {
    /// Half of the calls were at most this long.
    pub p50: Duration,
    /// 99 of 100 calls were at most this long.
    pub p99: Duration,
}

/// The state of a run, refreshed each second and once more at its end.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// Time since the start; zero while connections are warming up.
    pub elapsed: Duration,
    /// Calls that were due so far.
    pub scheduled: u64,
    /// Calls that have started.
    pub started: u64,
    /// Calls that have ended, well or not.
    pub completed: u64,
    /// Calls that were due and have not started: they wait for a connection, or
    /// will never start.
    pub missed: u64,
    /// Calls that were answered well.
    pub ok: u64,
    /// Calls that failed, or were answered with an error status.
    pub errors: u64,
    /// Asked rate in calls a second; `None` at full speed.
    pub asked_qps: Option<f64>,
    /// Calls completed a second, over the time since the last snapshot.
    pub achieved_qps: f64,
    /// From the start of a call to its end, over the whole run.
    pub service: Spread,
    /// From the time at which a call was due to its end, over the whole run.
    pub response: Spread,
    /// The same over the time since the last snapshot.
    pub recent_response: Spread,
    /// Kinds of failures with the first one's cause in words.
    pub failures: Vec<(FailureKind, String)>,
    /// The run has ended; this is its last snapshot.
    pub finished: bool,
}
