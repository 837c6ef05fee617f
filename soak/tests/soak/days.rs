//! Soaks of a day over nodes in memory, in seconds: real faults on fake nodes under virtual time.

use std::sync::Arc;

use chaos_core::{SoakSpec, Task, Verdict};
use chaos_faults as _;
use chaos_schema::{KindHint, LoadOptions, check_value};
use chaos_soak::{EventEnd, PlannedEvent, SoakEdgeKind, SoakPlan, SoakReport, shrink, soak_targets};
use chaos_test::Bench;
use serde_json::{Value, json};

use crate::execution::run_on;

/// Five members and a protected one, of which three must be left alone, for a day.
fn document(more: &Value) -> Value {
    let member = json!({ "type": "test_memory_node", "labels": { "role": "member" } });
    let mut document = json!({
        "nodes": {
            "n1": member, "n2": member, "n3": member, "n4": member, "n5": member,
            "seed": { "type": "test_memory_node", "labels": { "role": "member" }, "protected": true },
        },
        "soak": {
            "interval_seconds": 60, "duration_seconds": 86_400, "overlap": 2,
            "min_healthy": [{ "labels": { "role": "member" }, "count": 4 }],
            "pool": [
                {
                    "name": "pause", "weight": 3,
                    "action": { "type": "pause_process", "target": { "nodes": { "role": "member" } } },
                    "draw": { "duration_seconds": { "min": 5, "max": 100 } },
                    "during": [{ "type": "test_cluster", "least": 4 }],
                },
                {
                    "name": "kill", "action": { "type": "kill_process", "target": { "nodes": { "role": "member" } } },
                    "draw": { "duration_seconds": { "choice": [10, 20] } },
                },
            ],
            "invariants": [{ "name": "no bug", "type": "test_cluster", "least": 4 }],
        },
    });
    for (pointer, value) in more.as_object().into_iter().flatten() {
        *document.pointer_mut(pointer).unwrap() = value.clone();
    }
    document
}

fn task(document: &Value) -> (Task, Arc<SoakSpec>) {
    let loaded = check_value(document, "soak.yaml", &LoadOptions::of(KindHint::Task));
    assert!(loaded.document.is_some(), "{:?}", loaded.diagnostics);
    let mut task = loaded.document.unwrap().into_task().unwrap();
    let soak = task.soak.take().unwrap();
    (task, Arc::new(soak))
}

/// Runs these events of the document, or all that a seed draws.
fn run(document: &Value, events: Option<Vec<PlannedEvent>>) -> SoakReport {
    let bench = Bench::new().unwrap();
    let (task, spec) = task(document);
    let targets = soak_targets(&task.nodes);
    let plan = SoakPlan::draw(&spec, &targets, 3).unwrap();
    let plan = SoakPlan { events: events.unwrap_or(plan.events), ..plan };
    run_on(&bench, task, &spec, targets, plan)
}

#[test]
fn a_day_of_pauses_and_kills_of_nodes_leaves_enough_of_them_and_reverts_all() {
    let report = run(&document(&json!({})), None);
    assert_eq!((report.verdict, report.skipped), (Verdict::Held, 0), "{:?}", report.why);
    assert!(report.n > 1_000 && report.n == report.passed, "{}", report.text());
    assert!(report.events.iter().all(|event| event.node.as_deref().is_some_and(|node| node != "seed")));
    assert_eq!(report.overlap.most, 2, "{:?}", report.overlap);
    assert!(report.overlap.several_seconds > 0.0 && report.overlap.several_seconds < report.overlap.in_force_seconds);
    // Each comes into force and goes once, and is told by its name and number.
    let count = |kind: SoakEdgeKind| report.edges.iter().filter(|edge| edge.edge == kind).count();
    assert_eq!((count(SoakEdgeKind::InForce), count(SoakEdgeKind::Gone)), (report.n, report.n));
    assert!(report.edges.is_sorted_by(|a, b| a.at_seconds <= b.at_seconds));
    assert_eq!(report.edges.last().unwrap().in_force, 0);
    let overlapped: usize = report.faults.iter().map(|fault| fault.overlapped).sum();
    assert!((2..report.n).contains(&overlapped), "{:?}", report.faults);
}

#[test]
fn a_bug_of_the_cluster_shows_again_at_the_same_event_and_shrinks_to_three() {
    let document = document(&json!({ "/soak/invariants/0": {
        "name": "no bug", "type": "test_cluster", "bug": ["n4 killed", "n1 paused", "n5 killed"],
    }}));
    let first = run(&document, None);
    let failure = first.to_reproduce().unwrap();
    assert_eq!((first.verdict, failure.rule.as_str()), (Verdict::Deviated, "invariant `no bug`"), "{failure:?}");
    let k = failure.event.unwrap();
    assert!(k > 6, "{k}");
    // The same plan, from the seed and from its events.
    let (task, spec) = task(&document);
    let events = SoakPlan::draw(&spec, &soak_targets(&task.nodes), 3).unwrap().events;
    for again in [None, Some(events.clone())] {
        assert_eq!(run(&document, again).to_reproduce(), Some(failure.clone()));
    }
    let failing: Vec<PlannedEvent> = events.into_iter().filter(|event| event.number <= k).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let fails = async |events: &[PlannedEvent]| {
        let seen = std::thread::scope(|scope| scope.spawn(|| run(&document, Some(events.to_vec()))).join().unwrap());
        Ok::<bool, std::convert::Infallible>(seen.to_reproduce().is_some_and(|seen| seen.rule == failure.rule))
    };
    let shrunk = runtime.block_on(shrink(failing, 100, fails)).unwrap();
    let drawn: Vec<(&str, &str)> =
        shrunk.events.iter().map(|event| (event.fault.as_str(), event.node.as_deref().unwrap())).collect();
    assert_eq!((shrunk.minimal, &drawn[..]), (true, &[("kill", "n4"), ("pause", "n1"), ("kill", "n5")][..]));
}

#[test]
fn a_node_that_ends_by_itself_fails_the_soak_at_once_and_one_that_is_killed_does_not() {
    let report = run(
        &document(
            &json!({ "/nodes/seed": { "type": "test_memory_node", "dies_after": 9, "protected": true, "labels": {} },
            "/soak/min_healthy/0/count": 3 }),
        ),
        None,
    );
    let failure = report.failure.clone().unwrap();
    assert_eq!(failure.rule, "node `seed` ended by itself: exit code 7", "{failure:?}");
    assert_eq!((report.verdict, failure.event), (Verdict::Deviated, Some(9)), "{report:?}");
    let last = report.events.iter().find(|event| event.number == 9).unwrap();
    assert_eq!(last.end, EventEnd::Crashed(failure.rule.clone()));
    // It is not held to its end: what was in force is undone at that moment.
    let (from, to) = (last.in_force_seconds.unwrap_or(last.started_seconds), last.gone_seconds.unwrap());
    assert!(to - from < 1.0, "{last:?}");
    assert!(report.events.iter().any(|event| event.fault == "kill" && event.end == EventEnd::Passed));
}
