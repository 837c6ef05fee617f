//! One run: recovery of dead ones, steady state, entries side by side, steady state once more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    ActiveSignal, Answer, BoxFuture, ChaosResult, ChaosSpec, Check, Engine, EventKind, Journal, ProbeRole, Reverted,
    RunContext, Task, Verification,
};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Verifier;
use crate::admission::Resources;
use crate::entry::Entry;
use crate::judge::run_verdict;
use crate::recover::RecoverReport;
use crate::report::Report;
use crate::verify::ask_all;

/// What the entries of one run share.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) checks: BTreeMap<String, Check>,
    pub(crate) verifier: Option<Arc<dyn Verifier>>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) resources: Resources,
    pub(crate) trigger_timeout: Duration,
    pub(crate) sham: bool,
    pub(crate) stop_new: watch::Sender<Option<String>>,
}

impl Run {
    pub(crate) fn task_checks(&self) -> &BTreeMap<String, Check> {
        &self.checks
    }

    pub(crate) fn verifier(&self) -> Option<&dyn Verifier> {
        self.verifier.as_deref()
    }

    pub(crate) fn journal(&self) -> Arc<Journal> {
        Arc::clone(&self.journal)
    }

    pub(crate) fn resources(&self) -> &Resources {
        &self.resources
    }

    pub(crate) fn trigger_timeout(&self) -> Duration {
        self.trigger_timeout
    }

    pub(crate) fn is_sham(&self) -> bool {
        self.sham
    }

    /// Entries that have not fired are skipped from now on.
    pub(crate) fn revert_failed(&self, why: &str) {
        self.stop_new.send_replace(Some(format!("an undo failed before ({why})")));
    }

    /// Waits until entries that have not fired must be skipped, with the reason.
    pub(crate) async fn stopped(&self) -> String {
        if let Ok(why) = self.stop_new.subscribe().wait_for(Option::is_some).await
            && let Some(why) = why.as_ref()
        {
            return why.clone();
        }
        std::future::pending().await
    }
}

/// The engine port of a run: every entry of a plug-in goes through it.
#[derive(Debug)]
pub(crate) struct Port(pub(crate) Arc<Run>);

impl Engine for Port {
    fn run<'a>(&'a self, entry: ChaosSpec, cx: &'a RunContext) -> BoxFuture<'a, ChaosResult> {
        let (active, _) = ActiveSignal::new();
        let cx = cx.clone().of_entry(&entry.name, active.clone());
        Box::pin(Entry { spec: Arc::new(entry), run: Arc::clone(&self.0), cx, active }.run())
    }
}

/// What a run is started with, beside the shared part.
pub(crate) struct Start {
    pub(crate) task: Task,
    pub(crate) actives: Vec<ActiveSignal>,
    pub(crate) recovered: RecoverReport,
    pub(crate) seed: u64,
}

/// Runs a task to its end.
pub(crate) async fn run(shared: Arc<Run>, start: Start, cx: RunContext) -> Report {
    let begun = cx.clock().now();
    let started_at = cx.clock().wall();
    let Start { task, actives, recovered, seed } = start;
    let names = task.entries.iter().map(|entry| entry.name.clone()).collect();
    cx.emit(EventKind::RunStarted { run_id: cx.run_id().to_owned(), entries: names, seed });
    if !recovered.is_empty() {
        cx.emit(EventKind::Recovered { steps: recovered.lines() });
    }
    let before = ask_all(&task.steady_state, ProbeRole::SteadyStateBefore, "steady_state", &cx).await;
    if let Some(lost) = before.iter().find(|probe| probe.answer != Answer::Yes) {
        let why = format!("the steady state was not there to begin with (`{}`: {})", lost.name, lost.detail);
        shared.stop_new.send_replace(Some(why));
    }
    let steady_state = task.steady_state.len();
    let (entries, steady) = entries(&shared, task, actives, &cx).await;
    let after = if steady_state > 0 && before.iter().all(|probe| probe.answer == Answer::Yes) {
        ask_all(&steady, ProbeRole::SteadyStateAfter, "steady_state", &cx).await
    } else {
        Vec::new()
    };
    finish(&shared, Ended { entries, before, after, recovered, seed, begun, started_at }, &cx)
}

/// All entries at the same time, each on its own trigger; their results in the document's order.
async fn entries(
    shared: &Arc<Run>,
    task: Task,
    actives: Vec<ActiveSignal>,
    cx: &RunContext,
) -> (Vec<ChaosResult>, Vec<chaos_core::ProbeNode>) {
    let mut running = JoinSet::new();
    let positions: Vec<String> = (0..task.entries.len()).map(|index| task.position(index)).collect();
    for ((index, spec), active) in task.entries.into_iter().enumerate().zip(actives) {
        let cx = cx.child(positions[index].trim_start_matches('/'), None).of_entry(&spec.name, active.clone());
        let entry = Entry { spec: Arc::new(spec), run: Arc::clone(shared), cx, active };
        let skip = shared.stop_new.borrow().clone();
        running.spawn(async move {
            match skip {
                Some(why) => (index, entry.skipped(&why)),
                None => (index, entry.run().await),
            }
        });
    }
    let mut results = Vec::new();
    while let Some(done) = running.join_next().await {
        // An entry guards every plug-in call, so a join error can only be the runtime going away.
        results.extend(done.ok());
    }
    results.sort_by_key(|(index, _)| *index);
    (results.into_iter().map(|(_, result)| result).collect(), task.steady_state)
}

struct Ended {
    entries: Vec<ChaosResult>,
    before: Vec<Verification>,
    after: Vec<Verification>,
    recovered: RecoverReport,
    seed: u64,
    begun: Duration,
    started_at: std::time::SystemTime,
}

fn finish(shared: &Run, ended: Ended, cx: &RunContext) -> Report {
    let verdicts: Vec<_> = ended.entries.iter().map(|entry| entry.verdict).collect();
    let verdict = run_verdict(&verdicts, &ended.after);
    let clean = ended.entries.iter().all(|entry| entry.reverted != Reverted::Failed);
    if clean && shared.journal.remove().is_err() {
        cx.note("the undo journal could not be removed; `squall recover` will find it empty of work");
    }
    let unix = ended.started_at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let report = Report {
        run_id: cx.run_id().to_owned(),
        verdict,
        success: !ended.entries.is_empty() && ended.entries.iter().all(|entry| entry.success),
        entries: ended.entries,
        steady_state_before: ended.before,
        steady_state_after: ended.after,
        recovered: ended.recovered,
        seed: ended.seed,
        sham: shared.sham,
        started_at_unix_ms: u64::try_from(unix.as_millis()).unwrap_or(u64::MAX),
        elapsed_seconds: cx.clock().now().saturating_sub(ended.begun).as_secs_f64(),
    };
    cx.emit(EventKind::RunEnded { verdict });
    report
}
