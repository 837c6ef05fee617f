//! Experiments: a goal in, evidence out, the model inside the fence.
//!
//! An experiment runs a bounded series of faults and observations through the engine and hands back a report in which
//! every number was measured by the engine, and every claim was checked against those numbers.
//!
//! | Module | Holds |
//! |---|---|
//! | `experiment`, `setup` | [`Experiment`]: started, followed, cancelled; its document with every default filled in |
//! | `lab`, `fence`, `budget` | every step in one place: through the engine, within the fence, counted |
//! | `strategy` | `capacity`, `ramp`, `compare`, `repeat`: usable without a model |
//! | `planner` | the keyword rules that choose a strategy where no model does |
//! | `conversation`, `tools` | the model's side: one tool an allowed fault, `observe`, `results`, strategies, `conclude` |
//! | `measure`, `statistics`, `finding` | figures from records, and what strategies make of them |
//! | `claim`, `prose` | what somebody says, beside what was measured |
//! | `record` | the transcript, line by line, from which the report is made, live and later |
//! | `report` | [`Report`], as text, JSON and one HTML page |

mod budget;
mod claim;
mod conversation;
mod experiment;
mod fence;
mod finding;
mod lab;
mod measure;
mod offered_tools;
mod planner;
mod prose;
mod record;
mod report;
mod setup;
mod statistics;
mod strategy;
mod tools;

pub use budget::{BudgetKind, Spent};
pub use claim::{Checked, Claim, Conclusion, Confidence};
pub use experiment::{Experiment, ExperimentError, ExperimentRun};
pub use finding::{Finding, Limit, Point};
pub use measure::Measures;
pub use offered_tools::offered_tools;
pub use record::{Asked, End, EndReason, Header, RecordError, Refused, Step, Transcript};
pub use report::{Outcome, Report, StepRow, html, text};
pub use statistics::Estimate;
