//! The engine: runs the entries of a task, holds, aborts, reverts, recovers after a crash, and reports.
//!
//! | Module | Holds |
//! |---|---|
//! | `runner` | [`Runner`] and its builder |
//! | `handle` | [`RunHandle`]: a run in the background |
//! | `session` | [`Session`]: entries one after the other, asked for by code |
//! | `run` | one run: recovery, steady state, entries side by side |
//! | `entry` | one entry: trigger, plan, looks, inject, hold, undo, verify |
//! | `admission` | plan, policy, resources |
//! | `watch` | `during`, `detect` and `abort_if` while the fault is in force |
//! | `verify` | named checks, and the embedder's own verifier |
//! | `judge` | from what happened to a verdict |
//! | `revert` | replay of undo steps, for a live run and for recovery alike |
//! | `recover` | undoes what dead runs left behind |
//! | `report` | [`Report`], as text, JSON and JUnit |
//!
//! It sees plug-ins through the traits of `chaos-core` only.

mod admission;
mod dry_run;
mod entry;
mod errors;
mod guarded;
mod handle;
mod judge;
mod recover;
mod report;
mod revert;
mod run;
mod runner;
mod session;
mod verify;
mod watch;

pub use dry_run::{DryEntry, DryRun};
pub use errors::RunnerError;
pub use handle::RunHandle;
pub use recover::{KeptJournal, RecoverReport, RecoveredStep, recover, recover_async};
pub use report::{Report, junit, text};
pub use runner::{Runner, RunnerBuilder, TimeSource};
pub use session::{Session, SessionEnd, SessionPlan};
pub use verify::Verifier;
