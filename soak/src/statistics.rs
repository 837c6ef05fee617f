//! Figures for each fault of the pool.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::execute::FinishedEvent;
use crate::judge::EventEnd;

/// What the events of one fault gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultStatistics {
    /// The fault, as the pool names it.
    pub fault: String,
    /// Events that were judged: passed and missed ones, and the one that ended the soak.
    pub n: usize,
    /// Those that passed.
    pub passed: usize,
    /// Those that missed their detection window.
    pub missed: usize,
    /// Those that did not land; not in `n`.
    pub skipped: usize,
    /// Those that were in force together with another event.
    pub overlapped: usize,
    /// Time until the system noticed.
    pub detect: Option<TimeSpan>,
    /// Time until the system had recovered.
    pub recover: Option<TimeSpan>,
}

/// Two percentiles of a time, in seconds, by nearest rank.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TimeSpan {
    /// The median.
    pub p50_seconds: f64,
    /// 95 of 100 were not longer.
    pub p95_seconds: f64,
}

impl TimeSpan {
    /// The percentiles of some times; `None` of none.
    pub fn of(times: impl Iterator<Item = f64>) -> Option<Self> {
        let mut times: Vec<f64> = times.collect();
        times.sort_by(f64::total_cmp);
        let rank = |percent: usize| times.get((times.len() * percent).div_ceil(100).checked_sub(1)?).copied();
        Some(Self { p50_seconds: rank(50)?, p95_seconds: rank(95)? })
    }
}

/// The figures, in the order of the names given.
pub(crate) fn statistics<'a>(
    names: impl Iterator<Item = &'a str>,
    events: &[FinishedEvent],
    together: &BTreeSet<u32>,
) -> Vec<FaultStatistics> {
    let of = |name: &str| {
        let own = || events.iter().filter(|event| event.fault == name);
        let count = |which: fn(&EventEnd) -> bool| own().filter(|event| which(&event.end)).count();
        let skipped = count(|end| matches!(end, EventEnd::Skipped(_)));
        FaultStatistics {
            fault: name.to_owned(),
            n: own().count() - skipped,
            passed: count(|end| *end == EventEnd::Passed),
            missed: count(|end| matches!(end, EventEnd::Missed(_))),
            skipped,
            overlapped: own().filter(|event| together.contains(&event.number)).count(),
            detect: TimeSpan::of(own().filter_map(|event| event.detect_seconds)),
            recover: TimeSpan::of(own().filter_map(|event| event.recover_seconds)),
        }
    };
    names.map(of).collect()
}
