//! The lines of a transcript.

use chaos_core::{ChaosResult, Observation};
use chaos_schema::{Budget, Slo};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::budget::{BudgetKind, Spent};
use crate::conclusion::Conclusion;
use crate::finding::Finding;
use crate::measure::{self, Measures};

/// One line, told apart by its `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Line {
    Header(Box<TranscriptHeader>),
    Started(StepStart),
    Step(Box<StepRecord>),
    Refused(RefusedCall),
    Finding(Finding),
    Conclusion(Conclusion),
    End(EndLine),
}

/// What the experiment was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TranscriptHeader {
    /// Version of the format.
    pub version: u32,
    /// Version of the program that wrote it.
    pub writer: String,
    /// Id of the run.
    pub run_id: String,
    /// The question.
    pub goal: String,
    /// The service.
    pub target: String,
    /// Faults that were allowed.
    pub allow: Vec<String>,
    /// The SLOs of the service.
    pub slo: Vec<Slo>,
    /// Whether its author named the SLOs.
    pub slo_given: bool,
    /// What could be used up.
    pub budget: Budget,
    /// Who planned: the model's name, or the offline planner and why it chose what it chose.
    pub planner: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// When it began, as Unix time in milliseconds.
    pub started_at_unix_ms: u64,
    /// Machine on which it ran: host name, kernel, processors.
    #[serde(default)]
    pub machine: String,
    /// The command that makes it again; empty where it is not known.
    #[serde(default)]
    pub command: String,
}

impl TranscriptHeader {
    /// Version of the format; raised only when an older reader would misread a line.
    pub(crate) const VERSION: u32 = 2;
}

/// A step that was started; without its [`StepRecord`], the experiment was cut off in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepStart {
    /// Number of the step, from 1.
    pub id: u32,
    /// Milliseconds since the beginning.
    pub at_ms: u64,
    /// What it is for.
    pub label: String,
    /// The `type` of the fault or probe.
    pub plug_in: String,
    /// The fault or probe with its parameters.
    pub action: Value,
}

/// A step that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// How it was started.
    pub start: StepStart,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What the engine says of a fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ChaosResult>,
    /// What a probe saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observation: Option<Observation>,
    /// The measures, for other readers of the file; this crate's reader computes them anew.
    #[serde(skip_deserializing)]
    pub measures: Measures,
    /// What was used up with it.
    pub spent: Spent,
}

impl StepRecord {
    /// Its number, from 1.
    pub fn id(&self) -> u32 {
        self.start.id
    }

    /// The measures, computed from the result or the observation.
    pub fn recomputed(&self) -> Measures {
        match (&self.result, &self.observation) {
            (Some(result), _) => measure::of_result(result),
            (None, Some(seen)) => measure::of_observation(seen),
            (None, None) => Measures::new(),
        }
    }

    /// The verdict on a fault, or the answer of a probe.
    pub(crate) fn state(&self) -> &'static str {
        use chaos_core::Answer::{No, Unknown, Yes};
        match (&self.result, self.observation.as_ref().map(|seen| seen.answer)) {
            (Some(result), _) => result.verdict.word(),
            (None, Some(Yes)) => "yes",
            (None, Some(No)) => "no",
            (None, Some(Unknown)) => "unknown",
            (None, None) => "",
        }
    }
}

/// A call that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefusedCall {
    /// Milliseconds since the beginning.
    pub at_ms: u64,
    /// The call, cut.
    pub call: String,
    /// Why it was refused.
    pub why: String,
}

/// How an experiment ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndLine {
    /// Milliseconds since the beginning.
    pub at_ms: u64,
    /// Why.
    pub reason: ExperimentEnd,
    /// What was used up.
    pub spent: Spent,
}

/// Why an experiment ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum ExperimentEnd {
    /// The strategy came to its end, or the model concluded.
    Answered,
    /// A budget ran out.
    BudgetRanOut {
        /// Which.
        budget: BudgetKind,
    },
    /// It was cancelled.
    Cancelled,
    /// It failed.
    Failed {
        /// Why.
        why: String,
    },
    /// The model stopped without concluding.
    NoConclusion {
        /// How its conversation ended.
        why: String,
        /// Its last words, cut.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        said: String,
    },
    /// Something may still be in force.
    InForce {
        /// What.
        why: String,
    },
}
