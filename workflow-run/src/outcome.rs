//! How a scenario ended.

use chaos_core::{StepOutcome, Verdict};
use serde::{Deserialize, Serialize};

/// The outcome of a scenario, and of what failed in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScenarioOutcome {
    /// Every step did what it should.
    Pass,
    /// What it tests failed.
    TaskFail,
    /// It could not be judged: something around it failed.
    InfraFail,
}

impl ScenarioOutcome {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::TaskFail => "task_fail",
            Self::InfraFail => "infra_fail",
        }
    }

    /// The exit code that says it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::TaskFail => 1,
            Self::InfraFail => 2,
        }
    }

    /// What the engine is told; `left` where something may still be there.
    pub(crate) fn verdict(self, left: bool) -> Verdict {
        match self {
            _ if left => Verdict::RevertFailed,
            Self::Pass => Verdict::Held,
            Self::TaskFail => Verdict::Deviated,
            Self::InfraFail => Verdict::Inconclusive,
        }
    }

    /// What an exit code of a step means, by the contract of exit codes: 0 passed, 2 could not be judged, all others failed.
    pub(crate) fn of_exit_code(code: i32) -> Self {
        match code {
            0 => Self::Pass,
            2 => Self::InfraFail,
            _ => Self::TaskFail,
        }
    }

    /// What the outcome of a step of our own engine comes to; `None` where it did not run.
    pub(crate) fn of_step(outcome: StepOutcome) -> Option<Self> {
        match outcome {
            StepOutcome::Pass => Some(Self::Pass),
            StepOutcome::TaskFail | StepOutcome::TimedOut => Some(Self::TaskFail),
            StepOutcome::InfraFail => Some(Self::InfraFail),
            StepOutcome::Skipped => None,
        }
    }

    /// What `EXIT_REASON` says; `None` where it says nothing. A word of its own is a failure of the task.
    pub(crate) fn of_exit_reason(reason: &str) -> Option<Self> {
        match reason.trim() {
            "" => None,
            "pass" => Some(Self::Pass),
            "infra-fail" => Some(Self::InfraFail),
            _ => Some(Self::TaskFail),
        }
    }
}
