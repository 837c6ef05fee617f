//! How a step ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Verdict;

/// The outcome of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It did what it should.
    Pass,
    /// What it tests, or its program, failed.
    TaskFail,
    /// It could not be judged: something around it failed.
    InfraFail,
    /// Its deadline passed first.
    TimedOut,
    /// It did not run.
    Skipped,
}

impl StepOutcome {
    /// The word for it in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::TaskFail => "task_fail",
            Self::InfraFail => "infra_fail",
            Self::TimedOut => "timed_out",
            Self::Skipped => "skipped",
        }
    }

    /// Whether what follows it must not run.
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::Pass | Self::Skipped)
    }

    /// The exit code of a workflow whose first failure it is.
    pub fn exit_code(self) -> u8 {
        self.verdict().exit_code()
    }

    /// The verdict on a run that did nothing else.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Pass | Self::Skipped => Verdict::Held,
            Self::TaskFail | Self::TimedOut => Verdict::Deviated,
            Self::InfraFail => Verdict::Inconclusive,
        }
    }
}

/// The end of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepEnd {
    /// How it ended.
    pub outcome: StepOutcome,
    /// Why, in one clause.
    pub detail: String,
    /// What later steps may read as `{{steps.NAME.output.KEY}}`.
    pub outputs: BTreeMap<String, String>,
    /// What its fault may have left in force.
    pub in_force: Option<String>,
}

impl StepEnd {
    /// An end without outputs.
    pub fn new(outcome: StepOutcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into(), outputs: BTreeMap::new(), in_force: None }
    }
}
