//! Runs workflows: a tree of steps that stops at the first failure, and whose `finally` runs last whatever happened.
//!
//! | Module | Holds |
//! |---|---|
//! | `drive` | a workflow in a session whose nodes are up, from its first step to its end |
//! | `executor` | the control steps: what starts after what, and how a step ends |
//! | `leaf` | one attempt of a leaf step: recorded, run, ended at its deadline |
//! | `scope` | what ends steps early: deadlines, interruptions, decided `parallel`s |
//! | `witness` | failures that no step shows, and that end a workflow all the same |
//! | `fan_out` | when a `parallel` is decided, and how |
//! | `host` | what the engine does for leaf steps |
//! | `rows` | what is known of each step, for the report |
//! | `ledger`, `record` | what was started and what ended, on disk before anything follows from it |
//! | `past` | what a ledger says of the steps, for a resume |
//! | `report` | the report, as text and JSON |

mod drive;
mod executor;
mod fan_out;
mod host;
mod leaf;
mod ledger;
mod past;
mod record;
mod report;
mod rows;
mod scope;
mod witness;

pub use drive::{NewRun, WorkflowEnd, WorkflowSource, drive, drive_then, drive_witnessed};
pub use ledger::{Ledger, RUNS_FOLDER, ledger_path};
pub use past::{OpenedLedger, ResumeError};
pub use record::{Begun, KeptPlaces, LEDGER_FORMAT, document_hash};
pub use report::{WORKFLOW_REPORT_FORMAT, WorkflowReport, workflow_report_schema};
pub use rows::StepReport;
pub use witness::Witness;
