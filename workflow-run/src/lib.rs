//! The seven steps that every scenario needs around its Workflow, as one command.
//!
//! | Module | Holds |
//! |---|---|
//! | `options` | what a run is told |
//! | `fetch`, `scenario` | the scenario: from its repository, rendered, checked, rewritten |
//! | `invariants`, `apply` | what must hold in the cluster before anything is applied; the application |
//! | `view`, `phase`, `landed`, `detect`, `follow` | what is seen of a Workflow, and what follows from it |
//! | `capture` | what is kept of it |
//! | `strict`, `strict_run`, `strict_end` | the same document on our own engine |
//! | `reasons` | what its steps say of themselves meanwhile |
//! | `steps`, `live`, `drive` | the first four steps, what is known of a run, and its way to the end |
//! | `dry` | what would be applied |
//! | `folder`, `upload` | the files of a run |
//! | `outcome`, `report`, `junit` | how it ended, and the report |

mod apply;
mod capture;
mod detect;
mod drive;
mod dry;
#[cfg(test)]
mod fake_api;
mod fetch;
mod folder;
mod follow;
mod invariants;
mod junit;
mod landed;
mod live;
mod options;
mod outcome;
mod phase;
mod reasons;
mod report;
mod scenario;
mod steps;
mod strict;
mod strict_end;
mod strict_run;
mod upload;
mod view;

pub use capture::is_secret as is_secret_variable;
pub use detect::StepFailure;
pub use drive::{ScenarioEnd, capture_dead, drive_scenario};
pub use dry::{DryScenario, dry_scenario};
pub use fetch::{FetchError, Fetched, ScenarioSource, fetch};
pub use folder::{FolderError, RunFolder};
pub use invariants::{DeclarationError, DeclaredImage, DeclaredRights};
pub use options::{OptionsError, ScenarioMode, ScenarioOptions, WrapperStep};
pub use outcome::ScenarioOutcome;
pub use phase::WorkflowPhase;
pub use report::{ReportedSource, ReportedStep, SCENARIO_REPORT_FORMAT, ScenarioReport};
pub use strict::{StrictError, StrictOptions, workflow as strict_workflow};
pub use upload::{Store, StoreKeys, Uploaded, upload};
