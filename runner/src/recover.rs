//! Undoes what dead runs left behind; never re-applies, never touches a live run.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    Clock, DynUndoStep, JournalError, JournalProblem, JournalRecord, PastJournal, RealClock, StateDir, UndoContext,
    Undone, on_a_thread, visible_line,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

mod holders;

pub(crate) use holders::{Holder, holders};

use crate::dead_folders;
use crate::guarded::guarded_call;
use crate::step_threads::{Inside, StepThreads};
use crate::undo_step::{STEP_DEADLINE, UndoError, undo_step};

/// After how long a journal that somebody holds is looked at once more, and how often, where its run is proved to be dead.
const NEXT_LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 50;

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
    /// How many steps block their thread; those threads were left behind.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub abandoned: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(count: &usize) -> bool {
    *count == 0
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

    /// One line a step, for people, whatever the names in it hold.
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
        undone.chain(moot).chain(kept).map(|line| visible_line(&line).into_owned()).collect()
    }

    fn kept(path: &Path, executable: Option<String>, problems: Vec<JournalProblem>) -> Self {
        let run_id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let kept = KeptJournal { run_id, path: path.display().to_string(), executable, problems };
        Self { kept: vec![kept], ..Self::default() }
    }

    fn add(&mut self, part: Self) {
        self.undone.extend(part.undone);
        self.moot.extend(part.moot);
        self.kept.extend(part.kept);
        self.abandoned += part.abandoned;
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
/// As [`recover`]; also where the machine has no thread left and the caller's is one of a runtime.
pub fn recover_until(state: &StateDir, stop: &CancellationToken) -> Result<RecoverReport, JournalError> {
    match on_a_thread("squall-recover", (state.clone(), stop.clone()), |(state, stop)| recover_here(&state, &stop)) {
        Ok(work) => work.join().ok().flatten().unwrap_or(Err(JournalError::Poisoned)),
        // A runtime can't be run on a thread of another one.
        Err((_, error)) if Handle::try_current().is_ok() => Err(unread(state, error)),
        Err(_) => recover_here(state, stop),
    }
}

fn recover_here(state: &StateDir, stop: &CancellationToken) -> Result<RecoverReport, JournalError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    runtime.map_err(|error| unread(state, error))?.block_on(recover_async(state, &clock, stop))
}

fn unread(state: &StateDir, error: io::Error) -> JournalError {
    JournalError::Read { path: state.journals(), source: error.into() }
}

/// The same on the caller's runtime.
///
/// # Errors
/// As [`recover`].
pub async fn recover_async(
    state: &StateDir,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
) -> Result<RecoverReport, JournalError> {
    recover_on(&StepThreads::own(Inside::default()), state, clock, stop).await
}

/// The same, with the steps on these threads: those of one entry one after the other, newest first, and entries beside
/// each other, so that a step which blocks keeps none of another entry.
pub(crate) async fn recover_on(
    threads: &StepThreads,
    state: &StateDir,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
) -> Result<RecoverReport, JournalError> {
    let recovery = Recovery { threads: threads.clone(), clock: Arc::clone(clock), stop: stop.clone() };
    let mut report = RecoverReport::default();
    PastJournal::clean_drafts(state)?;
    state.clean_locks();
    let mut held = recovery.each(PastJournal::list(state)?, &mut report).await;
    // The guardian of a killed run undoes it at this moment, or a program that it was just starting holds the run's lock
    // until it is that program.
    for look in 0..LOOKS {
        let waits = |path: &PathBuf| PastJournal::outlives_its_run(path) && stopped(path).is_none();
        if held.is_empty() || look > 0 && !held.iter().any(waits) {
            break;
        }
        stop.run_until_cancelled(clock.sleep(NEXT_LOOK)).await;
        held = recovery.each(held, &mut report).await;
    }
    if report.kept.is_empty() {
        dead_folders::collect(state);
    }
    for path in held {
        if PastJournal::outlives_its_run(&path) {
            let what = stopped(&path).unwrap_or_else(|| {
                "its run is dead, and its guardian or a program that it was starting still holds it: recover once more"
                    .to_owned()
            });
            report.add(RecoverReport::kept(&path, None, vec![JournalProblem { line: 0, what }]));
        } else {
            report.live += 1;
        }
    }
    Ok(report)
}

/// Says which stopped process holds the journal of a dead run, if one does.
fn stopped(path: &Path) -> Option<String> {
    let holder = holders(path).into_iter().find(Holder::is_stopped)?;
    let Holder { pid, state, program } = holder;
    Some(format!(
        "its run is dead, and process {pid} (`{program}`, state {state}) holds it and is stopped: `kill -CONT {pid}` lets \
         it undo the run, `kill -KILL {pid}` and `squall recover` do so without it"
    ))
}

/// What recovers.
#[derive(Clone)]
pub(crate) struct Recovery {
    pub(crate) threads: StepThreads,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stop: CancellationToken,
}

impl Recovery {
    /// Recovers these journals, each on its own, and gives those that somebody holds.
    async fn each(&self, paths: Vec<PathBuf>, report: &mut RecoverReport) -> Vec<PathBuf> {
        let mut held = Vec::new();
        let mut taken = JoinSet::new();
        for (place, path) in paths.into_iter().enumerate() {
            let failed = |what| RecoverReport::kept(&path, None, vec![JournalProblem { line: 0, what }]);
            match PastJournal::take(&path) {
                Ok(None) if path.exists() => held.push(path),
                Ok(None) => {}
                Ok(Some(journal)) => {
                    let recovery = self.clone();
                    taken.spawn(async move { (place, recovery.one(journal).await) });
                }
                Err(error) => {
                    let kept = failed(error.with_cause());
                    taken.spawn(std::future::ready((place, kept)));
                }
            }
        }
        let mut parts = taken.join_all().await;
        parts.sort_by_key(|(place, _)| *place);
        for (_, part) in parts {
            report.add(part);
        }
        held
    }

    async fn one(&self, mut journal: PastJournal) -> RecoverReport {
        let (mut report, problems) = self.replayed(&mut journal).await;
        let (path, executable) = (journal.path().to_owned(), journal.executable.clone());
        if !problems.is_empty() {
            report.add(RecoverReport::kept(&path, executable, problems));
        } else if let Err(error) = journal.remove() {
            let what = error.with_cause();
            report.add(RecoverReport::kept(&path, None, vec![JournalProblem { line: 0, what }]));
        }
        report
    }

    /// Takes a journal over and replays what is pending in it; gives what is in the way of its end, too.
    pub(crate) async fn replayed(&self, journal: &mut PastJournal) -> (RecoverReport, Vec<JournalProblem>) {
        let mut report = RecoverReport::default();
        let file_name = journal.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let run_id = journal.header.as_ref().map_or(file_name, |header| header.run_id.clone());
        let rebooted = journal.before_reboot();
        let mut problems = std::mem::take(&mut journal.problems);
        let mut pending = std::mem::take(&mut journal.pending);
        if !pending.is_empty() {
            journal.take_over(&std::env::current_exe().unwrap_or_default().display().to_string());
        }
        pending.sort_by_key(|record| Reverse(record.seq));
        let mut entries: BTreeMap<String, Vec<JournalRecord>> = BTreeMap::new();
        for record in pending {
            if rebooted && !record.survives_reboot {
                journal.mark_undone(record.seq);
                report.moot.push(record.describe);
            } else {
                entries.entry(record.entry.clone()).or_default().push(record);
            }
        }
        let mut undone = Vec::new();
        let mut replays = self.replays(entries);
        while let Some((record, ended)) = replays.recv().await {
            match ended {
                Ok((step, found)) => {
                    journal.mark_undone(record.seq);
                    undone.push((record.seq, RecoveredStep { run_id: run_id.clone(), step, undone: found }));
                }
                Err(error) => {
                    report.abandoned += usize::from(matches!(error, ReplayError::Undo(UndoError::Blocked)));
                    problems.push(JournalProblem { line: 0, what: format!("{}: {error}", record.describe) });
                }
            }
        }
        undone.sort_by_key(|(seq, _)| Reverse(*seq));
        report.undone.extend(undone.into_iter().map(|(_, step)| step));
        (report, problems)
    }

    /// Replays the steps of each entry; gives what became of each as it ends.
    fn replays(&self, entries: BTreeMap<String, Vec<JournalRecord>>) -> mpsc::Receiver<(JournalRecord, Replayed)> {
        let (told, ended) = mpsc::channel(1);
        for records in entries.into_values() {
            let (recovery, told) = (self.clone(), told.clone());
            tokio::spawn(async move {
                for record in records {
                    // A step that was stopped half-way runs again next time: it is idempotent.
                    let replayed = recovery.stop.run_until_cancelled(recovery.replay(&record)).await;
                    if told.send((record, replayed.unwrap_or(Err(ReplayError::Stopped)))).await.is_err() {
                        return;
                    }
                }
            });
        }
        ended
    }

    async fn replay(&self, record: &JournalRecord) -> Replayed {
        let read = guarded_call(|| serde_json::from_value::<Box<dyn DynUndoStep>>(record.step.clone()));
        let step: Arc<dyn DynUndoStep> = read.map_err(UndoError::Panicked)??.into();
        let env = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        let cx = UndoContext::new(Arc::clone(&self.clock), STEP_DEADLINE).with_env(Arc::new(env.collect()));
        let undone = undo_step(&step, &cx, &self.threads).await?;
        let described = guarded_call(|| step.describe());
        Ok((described.unwrap_or_else(|_| record.describe.clone()), undone))
    }
}

/// What a step says that it does, and what it found.
type Replayed = Result<(String, Undone), ReplayError>;

/// Why a recorded step was not undone.
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error("this program can't undo it: {0}")]
    Unknown(#[from] serde_json::Error),
    #[error(transparent)]
    Undo(#[from] UndoError),
    #[error("not undone, since the recovery was stopped")]
    Stopped,
}
