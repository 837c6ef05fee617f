use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use chaos_core::{BoxFuture, SoakSpec, Task, Verdict};
use chaos_runner::{Driven, Session};
use chaos_soak::{EventEnd, FinishedEvent, PlannedEvent, SoakEnd, SoakPlan, SoakReport, SoakTarget, drive, shrink};
use chaos_test::Bench;
use serde_json::{Value, json};

use crate::fixture::soak;

/// Runs a plan under virtual time, without nodes.
fn run(bench: &Bench, spec: &Arc<SoakSpec>, plan: SoakPlan) -> SoakReport {
    run_on(bench, Task::default(), spec, Vec::new(), plan)
}

/// Runs a plan under virtual time, on the nodes of a task.
pub(crate) fn run_on(
    bench: &Bench,
    task: Task,
    spec: &Arc<SoakSpec>,
    targets: Vec<SoakTarget>,
    plan: SoakPlan,
) -> SoakReport {
    let done: Arc<Mutex<Option<SoakReport>>> = Arc::default();
    let (slot, soak) = (Arc::clone(&done), Arc::clone(spec));
    let (seed, planned) = (plan.seed, plan.events.len());
    let work = move |session: Session| {
        let work = async move {
            let mut end = drive(session, Arc::clone(&soak), targets, plan).await;
            let results = std::mem::take(&mut end.results);
            let report = SoakReport::of(&soak, seed, planned, &end);
            let verdict = Some(report.verdict);
            *slot.lock().unwrap() = Some(report);
            Driven { results, verdict }
        };
        Box::pin(work) as BoxFuture<'static, Driven>
    };
    let run = bench.runner().build().unwrap().drive(task, work).unwrap().wait_blocking().unwrap();
    let report = done.lock().unwrap().take().unwrap().with_run(&run);
    assert_eq!(bench.journals_left() == 0, report.verdict != Verdict::RevertFailed);
    report
}

fn soaked(bench: &Bench, document: &Value) -> SoakReport {
    let spec = Arc::new(soak(document));
    let plan = SoakPlan::draw(&spec, &[], 1).unwrap();
    run(bench, &spec, plan)
}

fn touch(bench: &Bench, extra: &Value) -> Value {
    let mut fault = json!({ "name": "touch", "action": { "type": "test_touch_file", "path": bench.path("f") } });
    fault.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    fault
}

#[test]
fn a_soak_of_a_day_runs_in_seconds_and_reverts_every_event() {
    let bench = Bench::new().unwrap();
    let draw = json!({ "draw": { "duration_seconds": { "min": 1, "max": 60 } } });
    let report =
        soaked(&bench, &json!({ "pool": [touch(&bench, &draw)], "interval_seconds": 120, "duration_seconds": 86_400 }));
    assert_eq!((report.verdict, report.n, report.passed), (Verdict::Held, 719, 719), "{:?}", report.why);
    assert!(!bench.path("f").exists());
    assert!(report.text().contains("soak held (719 of 719 events passed"), "{}", report.text());
}

/// The plan can't know how long a finite fault takes: what the plan has at the same time waits until there is room.
#[test]
fn events_that_take_longer_than_the_plan_knows_never_overlap_more_than_they_may() {
    let bench = Bench::new().unwrap();
    let document = json!({
        "interval_seconds": 1, "events": 8, "overlap": 2,
        "pool": [{ "name": "slow", "action": { "type": "test_finite", "seconds": 30, "lands": true } }],
    });
    let report = soaked(&bench, &document);
    assert_eq!((report.verdict, report.n, report.overlap.most), (Verdict::Held, 8, 2), "{}", report.text());
}

#[test]
fn misses_count_against_the_budget_and_skips_count_nowhere() {
    let bench = Bench::new().unwrap();
    let seen = |answer: bool| bench.path(if answer { "f" } else { "never" });
    let detect = |answer| json!({ "type": "test_file_exists", "path": seen(answer), "within_seconds": 2 });
    let rows = [(true, 0, Verdict::Held), (false, 0, Verdict::Deviated), (false, 100, Verdict::Held)];
    for (answer, budget, want) in rows {
        let pool = [touch(&bench, &json!({ "duration_seconds": 3, "detect": detect(answer) }))];
        let document = json!({
            "pool": pool, "interval_seconds": 5, "events": 6, "flake_budget_percent": budget,
        });
        let report = soaked(&bench, &document);
        assert_eq!(report.verdict, want, "{answer} {budget}: {report:?}");
        assert_eq!((report.n, report.missed), (6, if answer { 0 } else { 6 }), "{report:?}");
    }
    // A fault that never lands shows nothing.
    let pool = [json!({ "action": { "type": "test_finite", "seconds": 1, "lands": false } })];
    let report = soaked(&bench, &json!({ "pool": pool, "interval_seconds": 5, "events": 3 }));
    assert_eq!((report.verdict, report.n, report.skipped), (Verdict::Inconclusive, 0, 3), "{report:?}");
}

#[test]
fn the_budget_is_a_share_of_the_judged_events() {
    let spec = soak(&json!({
        "pool": [{ "name": "a", "action": { "type": "test_touch_file", "path": "p" } }],
        "interval_seconds": 1, "events": 28, "flake_budget_percent": 15,
    }));
    let event = |end: EventEnd| FinishedEvent {
        number: 1,
        fault: "a".to_owned(),
        node: None,
        end,
        started_seconds: 0.0,
        in_force_seconds: None,
        undo_seconds: None,
        gone_seconds: None,
        detect_seconds: None,
        recover_seconds: None,
    };
    for (passed, want) in [(28, Verdict::Held), (24, Verdict::Held), (23, Verdict::Deviated), (0, Verdict::Deviated)] {
        let mut end = SoakEnd::default();
        end.events.extend((0..passed).map(|_| event(EventEnd::Passed)));
        end.events.extend((passed..28).map(|_| event(EventEnd::Missed(String::new()))));
        end.events.extend((0..9).map(|_| event(EventEnd::Skipped(String::new()))));
        assert_eq!(SoakReport::of(&spec, 1, 28, &end).verdict, want, "{passed}");
    }
    assert_eq!(SoakReport::of(&spec, 1, 28, &SoakEnd::default()).verdict, Verdict::Inconclusive);
}

#[test]
fn a_failed_revert_and_a_broken_probe_end_the_soak_at_once() {
    let bench = Bench::new().unwrap();
    let rows = [
        (json!({ "action": { "type": "test_touch_file", "path": bench.path("f"), "misbehave": "undo_fails" } }), 3),
        (json!({ "during": [{ "type": "test_answer", "answer": false }] }), 1),
        (json!({ "abort_if": { "type": "test_file_exists", "path": bench.path("f") } }), 1),
    ];
    for (extra, code) in rows.into_iter().rev() {
        let pool = [touch(&bench, &extra)];
        let document = json!({ "pool": pool, "interval_seconds": 20, "events": 5, "flake_budget_percent": 100 });
        let report = soaked(&bench, &document);
        assert_eq!((report.verdict.exit_code(), report.events.len()), (code, 1), "{extra}: {report:?}");
        assert_eq!(report.failure.as_ref().unwrap().event, Some(1));
    }
}

#[test]
fn a_bug_shows_again_at_the_same_event_and_shrinks_to_what_it_needs() {
    let bench = Bench::new().unwrap();
    let log = bench.path("log");
    let spec = Arc::new(soak(&buggy(&log)));
    let fresh = |events: Vec<PlannedEvent>| {
        let _ = fs::remove_file(&log);
        run(&bench, &spec, SoakPlan { seed: 11, events })
    };
    let plan = SoakPlan::draw(&spec, &[], 11).unwrap();
    let first = fresh(plan.events.clone()).to_reproduce().unwrap();
    let again = fresh(plan.events.clone()).to_reproduce().unwrap();
    assert_eq!(first, again);
    let k = first.event.unwrap();
    assert!((3..200).contains(&k), "{k}");
    let failing: Vec<PlannedEvent> = plan.events.into_iter().filter(|event| event.number <= k).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let fails = async |events: &[PlannedEvent]| {
        let seen = std::thread::scope(|scope| scope.spawn(|| fresh(events.to_vec())).join().unwrap());
        Ok::<bool, std::convert::Infallible>(seen.to_reproduce().is_some_and(|seen| seen.rule == first.rule))
    };
    let shrunk = runtime.block_on(shrink(failing, 200, fails)).unwrap();
    let values: Vec<&Value> = shrunk.events.iter().map(|event| &event.action["value"]).collect();
    assert!(shrunk.minimal && shrunk.events.len() == 3, "{shrunk:?}");
    assert_eq!(
        values.iter().filter_map(|value| value.as_u64()).collect::<std::collections::BTreeSet<_>>(),
        [3, 7, 9].into()
    );
    let bounded =
        runtime.block_on(shrink(shrunk.events.clone(), 0, async |_: &[PlannedEvent]| Ok::<_, ()>(true))).unwrap();
    assert!(!bounded.minimal && bounded.tries == 0);
}

/// A bug that needs three values.
fn buggy(log: &Path) -> Value {
    json!({
        "pool": [{
            "name": "append", "action": { "type": "test_append", "log": log, "value": 0 },
            "draw": { "value": { "min": 1, "max": 20 } },
        }],
        "interval_seconds": 60, "events": 200,
        "invariants": [{ "name": "no bug", "type": "test_without", "log": log, "values": [3, 7, 9] }],
    })
}
