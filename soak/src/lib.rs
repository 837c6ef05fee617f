//! Soaks: faults that a seed draws from a weighted pool, for a time or a number of events, against targets that stay legal.
//!
//! | Module | Holds |
//! |---|---|
//! | `target` | the nodes that events may act on, and how many must be left alone |
//! | `plan`, `draw` | from a document and a seed to every event, before anything runs |
//! | `manifest` | everything that was drawn, in a file that a replay reads |
//! | `execute` | the events through the engine, one entry each |
//! | `judge` | what one event shows: passed, missed, skipped, or the end of the soak |
//! | `edges` | the events on one timeline, and how far they were in force together |
//! | `statistics`, `report` | figures for each fault, the flake budget, and the verdict |
//! | `step` | a soak as a step of a workflow |
//! | `shrink` | a smaller plan that still fails |
//!
//! The plan is pure; only `execute` reaches the world, through a session of the engine.

mod draw;
mod edges;
mod execute;
mod judge;
mod manifest;
mod plan;
mod report;
mod shrink;
mod statistics;
mod step;
mod target;

pub use edges::{SoakEdge, SoakEdgeKind, SoakOverlap};
pub use execute::{FinishedEvent, SoakEnd, drive, drive_until, dry_entries};
pub use judge::{EventEnd, SoakFailure};
pub use manifest::{MANIFEST_VERSION, ManifestError, SoakManifest};
pub use plan::{PlannedEvent, SoakPlan, SoakPlanError};
pub use report::SoakReport;
pub use shrink::{Shrunk, shrink};
pub use statistics::{FaultStatistics, TimeSpan};
pub use step::SoakStep;
pub use target::{SoakTarget, soak_targets};
