//! Undoes what dead runs left behind; never re-applies, never touches a live run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    Clock, DynUndoStep, JournalError, JournalProblem, JournalRecord, PastJournal, RealClock, StateDir, UndoContext,
    Undone,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::undo_step::{STEP_DEADLINE, UndoError, undo_step};

/// After how long a journal that somebody holds is looked at once more.
const SECOND_LOOK: Duration = Duration::from_millis(100);

/// One step that recovery ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveredStep {
    /// Id of the dead run.
    pub run_id: String,
    /// What the step does.
    pub step: String,
    /// What it found.
    pub undone: Undone,
}

/// A journal of which something could not be undone; the file is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeptJournal {
    /// Id of the dead run.
    pub run_id: String,
    /// The file.
    pub path: String,
    /// The program that can undo it.
    pub executable: Option<String>,
    /// What is wrong, with the line where there is one (0 is the file as a whole).
    pub problems: Vec<JournalProblem>,
}

/// What recovery did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecoverReport {
    /// Steps that were undone, newest first within a run.
    pub undone: Vec<RecoveredStep>,
    /// Steps whose effect a reboot has ended already.
    pub moot: Vec<String>,
    /// Journals that are kept because something in them could not be undone.
    pub kept: Vec<KeptJournal>,
    /// How many journals belong to live runs; those were not touched.
    pub live: usize,
}

impl RecoverReport {
    /// 0 when everything is undone, 3 when something may still be in force.
    pub fn exit_code(&self) -> u8 {
        if self.kept.is_empty() { 0 } else { 3 }
    }

    /// Whether there was nothing to do and nothing is left.
    pub fn is_empty(&self) -> bool {
        self.undone.is_empty() && self.moot.is_empty() && self.kept.is_empty()
    }

    /// One line a step, for people.
    pub fn lines(&self) -> Vec<String> {
        let undone = self.undone.iter().map(|step| format!("{}: {}", step.step, step.undone.detail()));
        let moot = self.moot.iter().map(|step| format!("{step}: moot since the reboot"));
        let kept = self.kept.iter().flat_map(|kept| {
            let who = kept.executable.as_deref().unwrap_or("the program that wrote it");
            kept.problems.iter().map(move |problem| {
                let place = if problem.line == 0 { String::new() } else { format!("line {}: ", problem.line) };
                let forget = format!("`squall recover --forget {}` gives it up", kept.run_id);
                format!("kept {} ({place}{}); run `{who} recover`; {forget}", kept.path, problem.what)
            })
        });
        undone.chain(moot).chain(kept).collect()
    }

    fn keep(&mut self, path: &Path, executable: Option<String>, problems: Vec<JournalProblem>) {
        let run_id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.kept.push(KeptJournal { run_id, path: path.display().to_string(), executable, problems });
    }
}

/// Undoes what dead runs left behind. Blocks; may be called from any thread.
///
/// # Errors
/// [`JournalError`] when the state directory can't be read. What is wrong with one journal is in the report.
pub fn recover(state: &StateDir) -> Result<RecoverReport, JournalError> {
    recover_until(state, &CancellationToken::new())
}

/// The same, which ends early when `stop` is cancelled: what is not undone by then is kept.
///
/// # Errors
/// As [`recover`].
pub fn recover_until(state: &StateDir, stop: &CancellationToken) -> Result<RecoverReport, JournalError> {
    let (state, stop) = (state.clone(), stop.clone());
    let work = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| JournalError::Read { path: state.journals(), source: source.into() })?;
        runtime.block_on(async {
            let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
            recover_async(&state, &clock, &stop).await
        })
    });
    work.join().unwrap_or(Err(JournalError::Poisoned))
}

/// The same on the caller's runtime.
pub async fn recover_async(
    state: &StateDir,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
) -> Result<RecoverReport, JournalError> {
    let mut report = RecoverReport::default();
    PastJournal::clean_drafts(state)?;
    let held = recover_each(PastJournal::list(state)?, clock, stop, &mut report).await;
    if !held.is_empty() {
        // A program that a killed run was just starting holds the run's lock until it is that program.
        stop.run_until_cancelled(clock.sleep(SECOND_LOOK)).await;
        report.live = recover_each(held, clock, stop, &mut report).await.len();
    }
    Ok(report)
}

/// Recovers these journals, each on its own, and gives those that somebody holds.
async fn recover_each(
    paths: Vec<PathBuf>,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
    report: &mut RecoverReport,
) -> Vec<PathBuf> {
    let mut held = Vec::new();
    for path in paths {
        match PastJournal::take(&path) {
            Ok(None) if path.exists() => held.push(path),
            Ok(None) => {}
            Ok(Some(journal)) => recover_one(journal, clock, stop, report).await,
            Err(error) => report.keep(&path, None, vec![JournalProblem { line: 0, what: error.with_cause() }]),
        }
    }
    held
}

async fn recover_one(
    mut journal: PastJournal,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
    report: &mut RecoverReport,
) {
    let file_name = journal.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let run_id = journal.header.as_ref().map_or(file_name, |header| header.run_id.clone());
    let rebooted = journal.before_reboot();
    let mut problems = std::mem::take(&mut journal.problems);
    let mut pending = std::mem::take(&mut journal.pending);
    if !pending.is_empty() {
        journal.take_over(&std::env::current_exe().unwrap_or_default().display().to_string());
    }
    pending.sort_by_key(|record| std::cmp::Reverse(record.seq));
    for record in pending {
        if rebooted && !record.survives_reboot {
            report.moot.push(record.describe.clone());
            journal.mark_undone(record.seq);
            continue;
        }
        // A step that was stopped half-way runs again next time: it is idempotent.
        match stop.run_until_cancelled(replay(&record, clock)).await {
            Some(Ok((described, undone))) => {
                journal.mark_undone(record.seq);
                report.undone.push(RecoveredStep { run_id: run_id.clone(), step: described, undone });
            }
            Some(Err(what)) => problems.push(JournalProblem { line: 0, what: format!("{}: {what}", record.describe) }),
            None => {
                let what = format!("{}: not undone, since the recovery was stopped", record.describe);
                problems.push(JournalProblem { line: 0, what });
            }
        }
    }
    let path = journal.path().to_owned();
    let executable = journal.executable.clone();
    if problems.is_empty() {
        if let Err(error) = journal.remove() {
            report.keep(&path, None, vec![JournalProblem { line: 0, what: error.with_cause() }]);
        }
    } else {
        report.keep(&path, executable, problems);
    }
}

/// Why a recorded step was not undone.
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error("this program can't undo it: {0}")]
    Unknown(#[from] serde_json::Error),
    #[error(transparent)]
    Undo(#[from] UndoError),
}

async fn replay(record: &JournalRecord, clock: &Arc<dyn Clock>) -> Result<(String, Undone), ReplayError> {
    let step: Box<dyn DynUndoStep> = serde_json::from_value(record.step.clone())?;
    let step: Arc<dyn DynUndoStep> = step.into();
    let env = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    let cx = UndoContext::new(Arc::clone(clock), STEP_DEADLINE).with_env(Arc::new(env.collect()));
    let undone = undo_step(&step, &cx).await?;
    Ok((step.describe(), undone))
}
