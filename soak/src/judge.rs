//! What one event shows.

use chaos_core::{Answer, ChaosResult, Reverted, SoakFault, Verdict};
use serde::{Deserialize, Serialize};

/// How an event ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "why", rename_all = "snake_case")]
pub enum EventEnd {
    /// It landed, was noticed in time and was reverted.
    Passed,
    /// It landed, and was not noticed in time or could not be judged: counts against the flake budget.
    Missed(String),
    /// It did not land: counts nowhere.
    Skipped(String),
    /// What must hold did not: ends the soak.
    Broken(String),
    /// A node ended by itself: ends the soak.
    Crashed(String),
    /// Something may still be in force: ends the soak.
    RevertFailed(String),
}

/// The first failure of a soak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoakFailure {
    /// The event after which it was there; `None` for the end of the soak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u32>,
    /// What failed, in words that are the same when it fails again.
    pub rule: String,
}

impl EventEnd {
    /// The rule that was broken; `None` for an event that does not end the soak.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::Passed | Self::Missed(_) | Self::Skipped(_) => None,
            Self::Broken(rule) | Self::Crashed(rule) | Self::RevertFailed(rule) => Some(rule),
        }
    }

    /// What the result of an entry says.
    pub(crate) fn of(result: &ChaosResult, fault: &SoakFault) -> Self {
        let why = || result.error.clone().unwrap_or_default();
        if result.reverted == Reverted::Failed {
            return Self::RevertFailed(format!("revert of `{}`", fault.label()));
        }
        if !result.timeline.iter().any(|point| point.event == "active") {
            return Self::Skipped(why());
        }
        let missed = missed(result, fault);
        let no = |(place, probe): (usize, &chaos_core::Verification)| {
            (probe.answer == Answer::No && Some(place) != missed).then(|| probe.name.clone())
        };
        let broken = result.probes.iter().enumerate().find_map(no);
        let verify = result.verification.iter().find(|check| check.answer == Answer::No);
        if let Some(name) = broken.or_else(|| verify.map(|check| check.name.clone())) {
            return Self::Broken(format!("`{name}` of `{}`", fault.label()));
        }
        match result.verdict {
            // A stop condition says so by a yes.
            Verdict::Deviated if missed.is_none() => Self::Broken(format!("stop condition of `{}`", fault.label())),
            _ if missed.is_some() => Self::Missed("not detected in time".to_owned()),
            Verdict::Held | Verdict::Unchecked if result.success => Self::Passed,
            _ => Self::Missed(result.error.clone().unwrap_or_else(|| "could not be judged".to_owned())),
        }
    }
}

/// The place of the answer that says that the fault was not noticed in time. It stands behind those of `during`.
fn missed(result: &ChaosResult, fault: &SoakFault) -> Option<usize> {
    let place = fault.during.len();
    let answer = result.probes.get(place).filter(|_| fault.detect.is_some())?.answer;
    (answer == Answer::No).then_some(place)
}
