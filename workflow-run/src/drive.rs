//! A run from its first step to its last: whatever ends the first four steps, the other three follow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::Undone;
use chaos_kube::{Cluster, RemoveWorkflow};
use chaos_runner::{Driven, Session};

use crate::capture::{Captured, capture};
use crate::detect::StepFailure;
use crate::folder::{REPORT, RunFolder, RunRecord};
use crate::follow::Follower;
use crate::landed::makes_chaos;
use crate::live::Live;
use crate::options::{ScenarioOptions, WrapperStep};
use crate::outcome::ScenarioOutcome;
use crate::report::{ReportedSource, ReportedStep, SCENARIO_REPORT_FORMAT, ScenarioReport};
use crate::steps::{Stop, forward};
use crate::upload::upload;

/// How long an upload may take once the run was interrupted.
const INTERRUPTED_UPLOAD: Duration = Duration::from_secs(30);

/// What the engine is told of a run. There are no entries in it.
#[derive(Debug)]
pub struct ScenarioEnd {
    /// The report.
    pub report: ScenarioReport,
}

impl ScenarioEnd {
    /// The same for the engine.
    pub fn driven(&self) -> Driven {
        let verdict = Some(self.report.outcome.verdict(self.report.left.is_some()));
        Driven { results: Vec::new(), verdict }
    }
}

/// What is left of a run that died: read before anything of it is removed, while its folder is held.
///
/// # Errors
/// None: what can't be captured is told in the report that follows.
pub async fn capture_dead(options: &ScenarioOptions, folder: &mut RunFolder, redactor: &chaos_core::Redactor) {
    if folder.dead().is_none() {
        return;
    }
    // A cluster that can't be reached is told by whoever cleans up.
    if let Ok(cluster) = Cluster::connect(&options.access).await {
        let captured = capture(&cluster, &options.namespace, &options.workflow(), folder, redactor).await;
        folder.uncaptured = captured.problems;
    }
}

/// Runs a scenario to its end in this session. A folder in which a run died is finished: nothing is started then.
pub async fn drive_scenario(session: Session, options: ScenarioOptions, folder: RunFolder) -> ScenarioEnd {
    let live = Arc::new(Live::new(session.cx().clone(), options, folder));
    match live.folder.dead().cloned() {
        Some(dead) => finish(&live, dead).await,
        None => begin(&live, session.clone()).await,
    }
    let clean = clean(&live).await;
    let mut report = report(&live, clean).await;
    send(&live, &session, &mut report).await;
    ScenarioEnd { report }
}

/// The first four steps, and what is captured of them.
async fn begin(live: &Arc<Live>, session: Session) {
    let mut steps = tokio::spawn(forward(Arc::clone(live), session));
    let ended = tokio::select! {
        biased;
        ended = &mut steps => Some(ended),
        () = live.cx.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None if live.options.mode == crate::options::ScenarioMode::Strict => {
            // Our engine obeys the same signal: it kills its pods and runs what is to run last.
            let ended = steps.await;
            live.stopped(ScenarioOutcome::InfraFail, "interrupted");
            ended
        }
        None => {
            steps.abort();
            let _ = steps.await;
            live.stopped(ScenarioOutcome::InfraFail, "interrupted");
            Ok(Ok(()))
        }
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(Stop { outcome, detail })) => live.stopped(outcome, detail),
        Err(_) => live.stopped(ScenarioOutcome::InfraFail, "the program panicked; this is a fault of Squall"),
    }
    let reading = Arc::clone(live);
    if tokio::spawn(async move { captured(&reading).await }).await.is_err() {
        live.known().problems.push("the program panicked while it captured; this is a fault of Squall".to_owned());
    }
}

/// A run that died is not taken up again: a step of it may have run, and none runs twice.
async fn finish(live: &Arc<Live>, dead: RunRecord) {
    let RunRecord { engine_run: run, chaos, .. } = dead;
    live.decide(format!("an earlier run with this id died; nothing is started, what it left is cleaned up ({run})"));
    live.stopped(ScenarioOutcome::InfraFail, "interrupted: an earlier run with this id died");
    live.known().problems.extend(live.folder.uncaptured.iter().cloned());
    match Cluster::connect(&live.options.access).await {
        Ok(cluster) => {
            let (namespace, name) = (live.options.namespace.clone(), live.options.workflow());
            let access = cluster.reference();
            let mut known = live.known();
            known.context = Some(cluster.context().to_owned());
            known.is_applied = true;
            known.armed = Some(RemoveWorkflow { access, namespace, name, run, chaos });
        }
        Err(error) => {
            let mut known = live.known();
            known.is_applied = true;
            known.problems.push(error.to_string());
        }
    }
}

/// Reads all that there is before anything is deleted, and looks at it once more.
async fn captured(live: &Arc<Live>) {
    let (cluster, armed) = {
        let known = live.known();
        (known.cluster.clone(), known.armed.is_some())
    };
    let (Some(cluster), true) = (cluster, armed) else { return };
    live.begins(WrapperStep::Capture);
    let (namespace, name) = (&live.options.namespace, live.options.workflow());
    let Captured { view, is_whole, problems } = capture(&cluster, namespace, &name, &live.folder, &live.redactor).await;
    live.decide(format!("captured {} nodes and {} pods", view.nodes.len(), view.pods.len()));
    let mut held = live.follower.lock().await;
    let since = live.known().applied_at.map_or(Duration::ZERO, |at| at.elapsed());
    if let Some(follower) = held.as_mut() {
        last_look(live, follower, view, is_whole, since);
    }
    live.known().problems.extend(problems);
}

/// What the watches had not told yet counts, too; and what nobody has shown has not passed.
fn last_look(live: &Live, follower: &mut Follower, view: crate::view::ClusterView, is_whole: bool, since: Duration) {
    if is_whole {
        follower.view.replace(view);
    }
    let (told, _) = follower.look(since);
    for one in told {
        if let crate::follow::Told::Failed(failure) = one {
            live.decide(format!("{}: step `{}`: {}", failure.outcome.word(), failure.step, failure.detail));
        }
    }
    if live.known().stop.is_none() && follower.detector.first().is_none() {
        follower.detector.unproven(&follower.view, since);
    }
}

/// What cleaning up came to: what was done, or why something is left.
#[derive(Debug, Default)]
struct Cleaned {
    done: Option<String>,
    left: Option<String>,
}

async fn clean(live: &Arc<Live>) -> Cleaned {
    let Some(step) = live.known().armed.clone() else { return Cleaned::default() };
    // On a task of its own: a panic must not keep the report back.
    let its = Arc::clone(live);
    let removed = tokio::spawn(async move {
        its.begins(WrapperStep::Clean);
        step.remove(its.options.clean_timeout).await
    })
    .await;
    match removed {
        Ok(Ok(Undone::Reverted(done) | Undone::NothingToDo(done))) => {
            live.decide(done.clone());
            Cleaned { done: Some(done), left: None }
        }
        Ok(Err(error)) => left(live, error.to_string()),
        Err(_) => left(live, "the program panicked while it cleaned up".to_owned()),
    }
}

fn left(live: &Live, why: String) -> Cleaned {
    live.decide(format!("not cleaned up: {why}"));
    Cleaned { done: None, left: Some(why) }
}

async fn report(live: &Arc<Live>, cleaned: Cleaned) -> ScenarioReport {
    let held = live.follower.lock().await;
    let known = live.known();
    let options = &live.options;
    let followed = held.as_ref();
    let mut failures: Vec<StepFailure> =
        followed.map(|follower| follower.detector.failures().to_vec()).unwrap_or_default();
    let strict = known.strict.as_ref();
    failures.extend(strict.map(crate::strict_end::StrictEnd::failures).unwrap_or_default());
    let failures = in_order(failures, known.stop.clone());
    let in_force = strict.and_then(|strict| strict.in_force.clone());
    let left = cleaned.left.or(in_force);
    let (outcome, exit_code) = decided(failures.first(), left.is_some());
    let mut failures = failures.into_iter();
    let steps = match strict {
        Some(strict) => strict.reported(),
        None => followed.map(steps_of).unwrap_or_default(),
    };
    let detector = followed.map(|follower| &follower.detector).or(strict.map(|strict| &strict.reasons.detector));
    let since = known.applied_at.map_or(Duration::ZERO, |at| at.elapsed());
    ScenarioReport {
        format: SCENARIO_REPORT_FORMAT,
        squall_version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: options.source.scenario.clone(),
        run_id: options.run_id.clone(),
        engine_run: live.cx.run_id().to_owned(),
        workflow: options.workflow(),
        namespace: options.namespace.clone(),
        context: known.context.clone(),
        mode: options.mode,
        outcome,
        exit_code,
        phase: followed.map(|follower| follower.phase(since)),
        source: ReportedSource::of(&options.source, known.fetched.as_ref()),
        applied: known.is_applied || known.armed.is_some(),
        first_failure: failures.next(),
        later_failures: failures.collect(),
        exit_reasons: detector.map(|detector| detector.reasons().to_vec()).unwrap_or_default(),
        began_after_failure: followed.map(Follower::began_after_failure).unwrap_or_default(),
        overrun_seconds: known.overrun_seconds,
        steps,
        problems: known.problems.clone(),
        left,
        cleaned: cleaned.done,
        folder: live.folder.path().display().to_string(),
        files: live.folder.files(),
        uploaded: Vec::new(),
        decisions: known.decisions.clone(),
        elapsed_seconds: live.began.elapsed().as_secs_f64(),
    }
}

/// All failures: what ended the run comes after what had failed before.
fn in_order(mut failures: Vec<StepFailure>, stop: Option<StepFailure>) -> Vec<StepFailure> {
    if let Some(stop) = stop {
        let place = failures.iter().take_while(|failure| failure.at_seconds <= stop.at_seconds).count();
        failures.insert(place, stop);
    }
    failures
}

/// The outcome and the exit code: the first failure decides, and what may still be there goes before all.
fn decided(first: Option<&StepFailure>, left: bool) -> (ScenarioOutcome, u8) {
    let outcome = first.map_or(ScenarioOutcome::Pass, |first| first.outcome);
    (outcome, if left { 3 } else { outcome.exit_code() })
}

/// The Tasks and the chaos that began, in the order in which they were made.
fn steps_of(follower: &Follower) -> Vec<ReportedStep> {
    let view = &follower.view;
    let is_step = |node: &&crate::view::SeenNode| node.spec.kind == "Task" || makes_chaos(node);
    let mut tasks: Vec<_> = view.nodes.values().filter(is_step).collect();
    tasks.sort_by(|a, b| (&a.made, &a.name).cmp(&(&b.made, &b.name)));
    let pods_of = view.pods_by_node();
    let mut failures: BTreeMap<&str, &StepFailure> = BTreeMap::new();
    for failure in follower.detector.failures() {
        failures.entry(&failure.node).or_insert(failure);
    }
    let step = |node: &crate::view::SeenNode| {
        let pods = pods_of.get(node.name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let code = pods.iter().find_map(|pod| pod.container(node.container())?.exit_code);
        let failure = failures.get(node.name.as_str());
        let landed = follower.detector.has_landed(&node.name).then_some(ScenarioOutcome::Pass);
        let outcome = failure.map(|failure| failure.outcome).or(code.map(ScenarioOutcome::of_exit_code)).or(landed);
        ReportedStep {
            step: node.spec.template_name.clone(),
            pods: pods.iter().map(|pod| pod.name.clone()).collect(),
            outcome,
            exit_code: code,
            detail: failure.map(|failure| failure.detail.clone()),
        }
    };
    tasks.into_iter().map(step).collect()
}

/// Writes the report, uploads it with everything else, and says what came of that.
async fn send(live: &Arc<Live>, session: &Session, report: &mut ScenarioReport) {
    write(live, report);
    let Some(store) = live.options.store.clone() else { return };
    let folder = live.folder.path().to_owned();
    let (cancel, interrupted) = (session.interrupted_again(), live.cx.cancel_token().is_cancelled());
    let its = Arc::clone(live);
    let sent = tokio::spawn(async move {
        its.begins(WrapperStep::Upload);
        upload(&store, &folder, &cancel).await
    });
    let sent = async {
        let failures = vec!["the program panicked; this is a fault of Squall".to_owned()];
        sent.await.unwrap_or(crate::upload::Uploaded { keys: Vec::new(), failures })
    };
    let uploaded = if interrupted {
        tokio::time::timeout(INTERRUPTED_UPLOAD, sent).await.unwrap_or_else(|_| crate::upload::Uploaded {
            keys: Vec::new(),
            failures: vec![format!("the upload did not end within {} s", INTERRUPTED_UPLOAD.as_secs())],
        })
    } else {
        sent.await
    };
    live.decide(format!("uploaded {} files, {} failures", uploaded.keys.len(), uploaded.failures.len()));
    report.uploaded = uploaded.keys;
    report.problems.extend(uploaded.failures.into_iter().map(|why| format!("upload: {why}")));
    report.decisions.clone_from(&live.known().decisions);
    write(live, report);
}

fn write(live: &Live, report: &mut ScenarioReport) {
    let parts = [("report.txt", report.text()), ("junit.xml", report.junit())];
    for (name, text) in parts {
        if let Err(error) = live.folder.write(name, &live.redactor.text(&text)) {
            report.problems.push(format!("write `{name}`: {error}"));
        }
    }
    report.files = live.folder.files();
    if !report.files.iter().any(|name| name == REPORT) {
        report.files.push(REPORT.to_owned());
        report.files.sort();
    }
    let json = serde_json::to_string_pretty(report).unwrap_or_default();
    if let Err(error) = live.folder.write(REPORT, &(live.redactor.json(&json) + "\n")) {
        report.problems.push(format!("write `{REPORT}`: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(outcome: ScenarioOutcome, at_seconds: f64) -> StepFailure {
        StepFailure::new("", outcome, "", at_seconds)
    }

    /// Row 1.14: what the steps came to, what ended the run and when, and whether something is left. What an upload comes to is not among
    /// what decides.
    #[test]
    fn the_first_failure_decides_the_exit_code() {
        use ScenarioOutcome::{InfraFail, Pass, TaskFail};

        let at = |outcome, seconds| Some(failure(outcome, seconds));
        let rows = [
            (None, None, Pass, 0),
            (at(TaskFail, 5.0), None, TaskFail, 1),
            (at(InfraFail, 5.0), None, InfraFail, 2),
            (None, at(InfraFail, 9.0), InfraFail, 2),
            (at(TaskFail, 5.0), at(InfraFail, 9.0), TaskFail, 1),
            (at(TaskFail, 5.0), at(InfraFail, 5.0), TaskFail, 1),
            (at(TaskFail, 9.0), at(InfraFail, 5.0), InfraFail, 2),
            (at(InfraFail, 5.0), at(TaskFail, 9.0), InfraFail, 2),
        ];
        for (step, stop, outcome, code) in rows {
            let failures = in_order(step.into_iter().collect(), stop);
            assert_eq!(decided(failures.first(), false), (outcome, code));
            assert_eq!(decided(failures.first(), true), (outcome, 3));
        }
    }
}
