//! What is in force on this machine, by whom, and for how much longer, as the journals say it.

use std::path::Path;
use std::time::Duration;

use chaos_core::{JournalError, JournalRecord, PastJournal, StateDir, since_boot};
use serde::Serialize;

use crate::recover::{Holder, holders};

/// A run that has something in force, or whose journal is left.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunInForce {
    /// Its id.
    pub run_id: String,
    /// Its journal.
    pub journal: String,
    /// The program of the run.
    pub executable: Option<String>,
    /// Whether its process may be alive.
    pub alive: bool,
    /// The pid that holds it: its own, or that of whoever took it over; in the namespace of that process.
    pub holder_pid: Option<u32>,
    /// Whether somebody has taken it over.
    pub taken_over: bool,
    /// The processes that keep its journal, such as its guardian.
    pub kept_by: Vec<KeptBy>,
    /// What is in force, newest first.
    pub in_force: Vec<StepInForce>,
    /// What can't be read.
    pub problems: Vec<String>,
}

/// A process that keeps a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptBy {
    /// Its pid.
    pub pid: u32,
    /// How it was started, first word.
    pub program: String,
    /// The state letter of `/proc/PID/stat`: `T` is stopped.
    pub state: char,
}

/// A step that is armed and not undone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepInForce {
    /// Position of the entry or node.
    pub entry: String,
    /// What undoing it does.
    pub undo: String,
    /// In how many seconds it should be gone, where it has a time; negative when that is over.
    pub seconds_left: Option<f64>,
}

/// What is in force, run by run. Touches nothing.
///
/// # Errors
/// [`JournalError`] when the state directory can't be read; what is wrong with one journal stands there.
pub fn in_force(state: &StateDir) -> Result<Vec<RunInForce>, JournalError> {
    let looked = PastJournal::list(state)?.into_iter().filter_map(|path| match PastJournal::look(&path) {
        Ok(None) => None,
        Ok(Some(journal)) => Some(of(&path, &journal)),
        Err(error) => Some(unreadable(&path, &error)),
    });
    Ok(looked.collect())
}

fn of(path: &Path, journal: &PastJournal) -> RunInForce {
    let holder = journal.holder();
    let rebooted = journal.before_reboot();
    // What a reboot has ended is in force no more, and the times of another boot say nothing.
    let in_force = |step: &&JournalRecord| !rebooted || step.survives_reboot;
    let mut steps: Vec<&JournalRecord> = journal.pending.iter().filter(in_force).collect();
    steps.sort_by_key(|step| std::cmp::Reverse(step.seq));
    RunInForce {
        executable: journal.executable.clone(),
        alive: journal.run_is_alive(),
        holder_pid: holder.map(|epoch| epoch.pid),
        taken_over: holder.is_some_and(|epoch| epoch.number > 0),
        kept_by: holders(path).into_iter().map(kept_by).collect(),
        in_force: steps.into_iter().map(|record| step(record, rebooted)).collect(),
        problems: journal.problems.iter().map(|problem| problem.what.clone()).collect(),
        ..named(path)
    }
}

fn unreadable(path: &Path, error: &JournalError) -> RunInForce {
    RunInForce { problems: vec![error.with_cause()], ..named(path) }
}

fn named(path: &Path) -> RunInForce {
    RunInForce {
        run_id: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        journal: path.display().to_string(),
        executable: None,
        alive: false,
        holder_pid: None,
        taken_over: false,
        kept_by: Vec::new(),
        in_force: Vec::new(),
        problems: Vec::new(),
    }
}

fn kept_by(holder: Holder) -> KeptBy {
    KeptBy { pid: holder.pid, program: holder.program, state: holder.state }
}

fn step(record: &JournalRecord, rebooted: bool) -> StepInForce {
    let left = |at: u64| Duration::from_millis(at).as_secs_f64() - since_boot().as_secs_f64();
    StepInForce {
        entry: record.entry.clone(),
        undo: record.describe.clone(),
        seconds_left: record
            .expires_at_boot_ms
            .filter(|_| !rebooted)
            .map(left)
            .map(|seconds| (seconds * 1e3).round() / 1e3),
    }
}
