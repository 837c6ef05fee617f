//! What an entry returns, and what a run says of itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Answer, LoadReport, Observation, Sighting};

mod control;
mod times;

pub use control::{ControlLeg, ControlOrder};
pub use times::{FaultTimes, SecondsRange, TimeBounds};

/// The format of report and events. Keys are added within a format; one that goes away or changes its meaning makes the next.
pub const REPORT_FORMAT: u32 = 1;

/// The judgement on an entry or a run, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Landed, and every probe said yes.
    Held,
    /// Landed, and no probe was asked for.
    Unchecked,
    /// Did not demonstrably land, or something could not be judged.
    Inconclusive,
    /// Landed, and a probe said no, it was aborted, or it went undetected.
    Deviated,
    /// Something may still be in force.
    RevertFailed,
}

impl Verdict {
    /// The process exit code that says it: 0, 0, 2, 1, 3 in the order of the variants.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Held | Self::Unchecked => 0,
            Self::Deviated => 1,
            Self::Inconclusive => 2,
            Self::RevertFailed => 3,
        }
    }

    /// The word for it, as it stands in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Unchecked => "unchecked",
            Self::Inconclusive => "inconclusive",
            Self::Deviated => "deviated",
            Self::RevertFailed => "revert_failed",
        }
    }
}

/// The answer to an entry's `verify`, or to one probe of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Verification {
    /// The name that was asked for.
    pub name: String,
    /// Whether it passed: true exactly when the answer is yes.
    pub success: bool,
    /// The answer.
    pub answer: Answer,
    /// What was seen, or why nothing could be.
    pub detail: String,
    /// The figure or text behind it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
}

impl Verification {
    /// The verification that an observation gives.
    pub fn of(name: impl Into<String>, seen: Observation) -> Self {
        let success = seen.answer == Answer::Yes;
        Self { name: name.into(), success, answer: seen.answer, detail: seen.detail, value: seen.value }
    }
}

/// Whether everything was reverted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reverted {
    /// Nothing was ever armed or in force.
    NothingToRevert,
    /// Everything was reverted, and a check verified it.
    Reverted,
    /// The fault's plan says that nothing undoes it, and the policy allowed that.
    NotReversible,
    /// Something may still be in force.
    Failed,
}

/// One point of an entry's time line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TimelinePoint {
    /// Seconds since the run began, to the millisecond.
    pub at_seconds: f64,
    /// What happened, as the event's name.
    pub event: String,
    /// One clause more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// The result of one entry. The first five fields are the ones that harnesses read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ChaosResult {
    /// True exactly when the fault landed, ran its course and was reverted.
    pub success: bool,
    /// The fault's `type`.
    pub injected_fault: String,
    /// Text of the fault; for a model-driven one its final text.
    #[serde(default)]
    pub output: String,
    /// Seconds in the fault, without the trigger's wait.
    pub elapsed_time: f64,
    /// Why it was no success; null on success.
    #[serde(default)]
    pub error: Option<String>,
    /// The entry's name.
    #[serde(default)]
    pub name: String,
    /// The judgement.
    pub verdict: Verdict,
    /// The look on which "landed" rests.
    #[serde(default)]
    pub witness: Option<Sighting>,
    /// The answer to the entry's `verify`.
    #[serde(default)]
    pub verification: Option<Verification>,
    /// Answers of `during`, `detect` and `abort_if` that decided something, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Verification>,
    /// Whether everything was reverted.
    pub reverted: Reverted,
    /// The entry's steps.
    #[serde(default)]
    pub timeline: Vec<TimelinePoint>,
    /// Seconds from the fault being active until `detect` said yes; null where it did not, or was not asked.
    #[serde(default)]
    pub time_to_detect_seconds: Option<f64>,
    /// Seconds from the start of the undo until `verify` said yes; null where it did not, or was not asked.
    #[serde(default)]
    pub time_to_recover_seconds: Option<f64>,
    /// When its fault came and went.
    #[serde(default, skip_serializing_if = "FaultTimes::is_empty")]
    pub times: FaultTimes,
    /// Bounds of its times, where checks only show that something happened between two of them.
    #[serde(default, skip_serializing_if = "TimeBounds::is_empty")]
    pub bounds: TimeBounds,
    /// Seconds from asking `abort_if` the question that ended the fault until its undo was verified; absent where it did not end
    /// it, or the undo was not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_abort_seconds: Option<f64>,
    /// Seconds before that question in which the stop condition may have turned already: since the last one that was answered no
    /// was asked, or since the fault was active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_unseen_seconds: Option<f64>,
    /// The same without the fault, of an entry with `control: true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Box<ControlLeg>>,
    /// What the load gave, when the fault made one.
    #[serde(default)]
    pub load: Option<Box<LoadReport>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result() -> ChaosResult {
        ChaosResult {
            success: true,
            injected_fault: "generate_load".into(),
            output: "done".into(),
            elapsed_time: 1.5,
            error: None,
            name: "Planned Disruption".into(),
            verdict: Verdict::Held,
            witness: Some(Sighting::unknown("x")),
            verification: Some(Verification::of("serves", Observation::yes("200"))),
            probes: vec![],
            reverted: Reverted::NothingToRevert,
            timeline: vec![TimelinePoint { at_seconds: 0.001, event: "fired".into(), detail: String::new() }],
            time_to_detect_seconds: Some(0.25),
            time_to_recover_seconds: None,
            times: FaultTimes { landing_seconds: Some(0.5), ..FaultTimes::default() },
            bounds: TimeBounds { in_force_seconds: Some(SecondsRange::new(1.0, 1.5)), ..TimeBounds::default() },
            time_to_abort_seconds: Some(0.04),
            abort_unseen_seconds: None,
            control: Some(Box::new(ControlLeg::new(ControlOrder::After))),
            load: None,
        }
    }

    #[test]
    fn a_result_round_trips_through_json() {
        let json = serde_json::to_value(result()).unwrap();
        assert_eq!(serde_json::from_value::<ChaosResult>(json).unwrap(), result());
    }

    #[test]
    fn error_is_null_on_success_and_output_is_a_string() {
        let json = serde_json::to_value(result()).unwrap();
        assert!(json["error"].is_null() && json["output"].is_string());
    }

    #[test]
    fn the_worst_verdict_wins_by_order() {
        let all = [Verdict::Held, Verdict::Unchecked, Verdict::Inconclusive, Verdict::Deviated, Verdict::RevertFailed];
        assert_eq!(all.iter().max(), Some(&Verdict::RevertFailed));
        assert_eq!(all.map(Verdict::exit_code), [0, 0, 2, 1, 3]);
    }
}
