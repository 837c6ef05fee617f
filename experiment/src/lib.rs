//! Experiments: a goal in, evidence out, the model inside guardrails.
//!
//! An experiment runs a bounded series of faults and observations through the engine and hands back a report in which
//! every number was measured by the engine, and every claim was checked against those numbers.
//!
//! | Module | Holds |
//! |---|---|
//! | `experiment`, `setup` | [`Experiment`]: started, followed, cancelled; its document with every default filled in |
//! | `step_runner`, `guardrails`, `budget`, `stop` | every step in one place: through the engine, within the guardrails, counted |
//! | `strategy`, `load` | `capacity`, `ramp`, `compare`, `repeat`: usable without a model; the loads that they make |
//! | `planner` | the keyword rules that choose a strategy where no model does |
//! | `conversation`, `tools` | the model's side: one tool for each allowed fault, `observe`, `results`, strategies, `conclude` |
//! | `measure`, `statistics`, `finding`, `figure` | figures from records, what strategies make of them, and how they are written |
//! | `conclusion`, `claim`, `unmeasured` | what a model says, beside what was measured |
//! | `transcript` | the transcript, line by line, from which the report is made, live and later |
//! | `report` | [`ExperimentReport`], as text, JSON and one HTML page |

mod budget;
mod claim;
mod conclusion;
mod conversation;
mod experiment;
mod figure;
mod finding;
mod guardrails;
mod load;
mod measure;
mod planner;
mod report;
mod setup;
mod statistics;
mod step_runner;
mod stop;
mod strategy;
mod tools;
mod transcript;
mod unmeasured;

pub use budget::{BudgetKind, Spent};
pub use claim::CheckedClaim;
pub use conclusion::{Claim, Conclusion, Confidence};
pub use experiment::{Experiment, ExperimentError, ExperimentRun};
pub use finding::{CapacityLimit, Finding, Point};
pub use measure::Measures;
pub use report::{ExperimentOutcome, ExperimentReport, StepRow, html, text};
pub use statistics::Estimate;
pub use tools::offered_tools;
pub use transcript::{
    EndLine, ExperimentEnd, ExperimentTranscript, RefusedCall, StepRecord, StepStart, TranscriptError, TranscriptHeader,
};
