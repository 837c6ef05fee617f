//! The engine: runs the entries of a task, holds, aborts, reverts, recovers after a crash, and reports.
//!
//! | Module | Holds |
//! |---|---|
//! | `runner`, `time_source` | [`Runner`] and its builder: a thread, a clock, a journal and a session for each run |
//! | `session`, `shared` | [`Session`]: the only life of a run; entries are started in it |
//! | `task_run` | a session that starts all entries of a task, with the steady state before and after |
//! | `preflight`, `dry_run` | what the policy says of everything declared, before anything starts |
//! | `entry` | one entry: trigger, plan, checks, inject, hold, undo, verify |
//! | `life`, `entry_state` | the one state of an entry; events come from its transitions |
//! | `control`, `handle` | [`RunHandle`], [`EntryHandle`]: wait for a run or an entry, release it, cancel it |
//! | `control_server`, `control_client`, `control_wire` | the control socket of a live run |
//! | `control_inject`, `control_entry` | an entry that a client of the control socket starts: the run's side, and the client's |
//! | `resources` | what only one fault at a time may hold |
//! | `driven_session` | the session of a driven run, where plug-ins find it |
//! | `nodes` | the nodes of a run: started before the steady state, stopped at the end, and what ended by itself |
//! | `watch` | `during`, `detect` and `abort_if` while the fault is in force |
//! | `ask` | one question to a probe, and how long it may take |
//! | `probe_load` | what the probes of an entry ask of the world, for the policy |
//! | `verify` | named checks, and the embedder's own verifier |
//! | `judge`, `cause` | from what happened to a verdict; why an entry did not run its course |
//! | `run_effects` | what the work of a run did itself, and no entry of it: undone when that work is over |
//! | `undo_step` | runs one undo step, for a live run and for recovery alike |
//! | `plug_in_threads`, `step_threads` | threads for calls that may block; whoever waits for one can go on without it |
//! | `guardian`, `beats` | [`Guardian`]: the process that undoes a run which can't do it itself |
//! | `dead_folders` | folders of runs: kept while the run lives, and collected when it died |
//! | `in_force` | what is in force, by whom, and for how much longer |
//! | `recover`, `forget` | undoes what dead runs left behind, or gives it up |
//! | `report` | [`Report`], as text, JSON, JUnit and HTML |
//!
//! It sees plug-ins through the traits of `chaos-core` only.

mod ask;
mod beats;
mod cause;
mod control;
mod control_client;
mod control_entry;
mod control_inject;
mod control_server;
mod control_wire;
mod dead_folders;
mod driven_session;
mod dry_run;
mod entry;
mod entry_state;
mod errors;
mod forget;
mod guarded;
mod guardian;
mod handle;
mod hold_time;
mod in_force;
mod judge;
mod life;
mod nodes;
mod plug_in_threads;
mod preflight;
mod probe_load;
mod recover;
mod report;
mod resources;
mod run_effects;
mod runner;
mod session;
mod shared;
mod source_report;
mod sources;
mod step_threads;
mod task_run;
mod time_source;
mod undo_step;
mod verify;
mod watch;

pub use control::{EntryControl, ReleaseEffect, RunControl};
pub use control_client::{ControlError, bring_down, control, live_runs};
pub use control_entry::{EntryNews, RemoteEntry};
pub use control_wire::{ControlReply, ControlRequest, EntryReply, NodeReply, RunNodesReply};
pub use dead_folders::keep_for;
pub use driven_session::DrivenSession;
pub use dry_run::{DryEntry, DryNode, DryRun, DryStep};
pub use entry_state::{EntryStage, EntryState};
pub use errors::RunnerError;
pub use forget::{ForgetError, Forgotten, forget};
pub use guarded::Panicked;
pub use guardian::{Guardian, run_helper};
pub use handle::{EntryHandle, RunHandle};
pub use in_force::{KeptBy, RunInForce, StepInForce, in_force};
pub use nodes::NodeFinding;
pub use recover::{KeptJournal, RecoverReport, RecoveredStep, recover, recover_async, recover_until};
pub use report::{
    BaselineBounds, BaselineResult, CaseOutcome, EntryDiff, FigureDiff, FigureUnit, InvalidRun, Machine,
    MedianInterval, RepeatReport, Report, ReportCase, RunDiff, RunOutcome, TimeSpread, escape_html, event_schema, html,
    html_invalid, html_runs, report_schema, text, text_brief, utc_to_the_minute,
};
#[cfg(feature = "junit")]
pub use report::{junit, junit_invalid, junit_rounds, junit_runs};
pub use runner::{Runner, RunnerBuilder, seed_at};
pub use session::{Driven, Session, SessionEnd, SessionPlan};
pub use source_report::SourceReport;
pub use time_source::TimeSource;
pub use verify::Verifier;
