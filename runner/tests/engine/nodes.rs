//! The life of nodes in a run: started before anything else, stopped at the end, acted on by faults.

use std::path::PathBuf;

use chaos_core::{Reverted, Task, Verdict, parse};
use chaos_runner::{Report, Runner, RunnerBuilder};
use chaos_test::Bench;
use serde_json::{Value, json};

fn runner(bench: &Bench) -> RunnerBuilder {
    Runner::builder().state_dir(bench.state()).workspace(bench.folder()).seed(1)
}

/// A task of one entry that touches a file, on nodes that live in folders of the bench.
fn task(bench: &Bench, nodes: &[(&str, Value)]) -> Task {
    let touch = json!({"type": "test_touch_file", "path": bench.path("touched")});
    let entry = json!({"trigger": {"type": "test_now"}, "action": touch, "duration_seconds": 0.05});
    let mut task = Task::of(parse(&entry).unwrap());
    for (name, keys) in nodes {
        let mut node = json!({"type": "test_node", "dir": folder(bench, name)});
        node.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        task.nodes.insert((*name).to_owned(), parse(&node).unwrap());
    }
    task
}

fn folder(bench: &Bench, name: &str) -> PathBuf {
    bench.path(name)
}

fn is_up(bench: &Bench, name: &str) -> bool {
    folder(bench, name).join("state").exists()
}

fn run(bench: &Bench, task: Task) -> Report {
    runner(bench).build().unwrap().run(task).unwrap()
}

#[test]
fn nodes_are_up_for_the_steady_state_and_stopped_at_the_end() {
    let bench = Bench::new().unwrap();
    let mut task = task(&bench, &[("a", json!({})), ("b", json!({}))]);
    for name in ["a", "b"] {
        let probe = json!({"type": "test_file_exists", "path": folder(&bench, name).join("state")});
        task.steady_state.push(parse(&probe).unwrap());
    }
    let report = run(&bench, task);
    assert_eq!(report.verdict, Verdict::Held, "{report:?}");
    assert!(report.steady_state_before.iter().chain(&report.steady_state_after).all(|probe| probe.success));
    assert!(!is_up(&bench, "a") && !is_up(&bench, "b"));
    assert_eq!(bench.journals_left(), 0);
}

#[test]
fn with_a_node_that_does_not_come_up_nothing_is_injected_and_the_others_are_stopped() {
    let bench = Bench::new().unwrap();
    let report = run(&bench, task(&bench, &[("a", json!({})), ("b", json!({"stays_down": true}))]));
    let entry = &report.entries[0];
    assert_eq!(entry.error.as_deref(), Some("skipped: node `b` is not up: it does not come up"));
    assert_eq!((report.verdict, entry.reverted), (Verdict::Inconclusive, Reverted::NothingToRevert));
    assert!(!is_up(&bench, "a"));
    assert_eq!(bench.journals_left(), 0);
}

#[test]
fn a_node_counts_as_up_once_its_own_probe_says_so_and_not_later_than_asked() {
    let bench = Bench::new().unwrap();
    let ready = |answer: bool, within: u64| {
        let probe = json!({"type": "test_answer", "answer": answer, "within_seconds": within});
        json!({"ready": probe})
    };
    assert_eq!(run(&bench, task(&bench, &[("a", ready(true, 30))])).verdict, Verdict::Unchecked);
    let report = run(&bench, task(&bench, &[("a", ready(false, 1))]));
    let error = report.entries[0].error.clone().unwrap();
    let want = "skipped: node `a` is not up: node `a` was not ready within 1 s (`test_answer`: as told)";
    assert_eq!(error, want);
    assert!(!is_up(&bench, "a"));
}

#[test]
fn what_can_not_be_a_node_is_refused_before_anything_starts() {
    let rows = [
        ("../a", json!({}), "node `../a`: invalid name: expected a letter, then letters, digits, `_` or `-`"),
        (
            "a",
            json!({"ports": ["client"]}),
            "node `a`: port `client` has no number: give it one, as whoever loads a document does",
        ),
    ];
    for (name, keys, why) in rows {
        let bench = Bench::new().unwrap();
        let report = run(&bench, task(&bench, &[(name, keys), ("b", json!({}))]));
        let error = report.entries[0].error.clone().unwrap();
        assert_eq!(error, format!("skipped: nothing was started, because not all of it may run ({why})"));
        assert!(!folder(&bench, "b").exists());
    }
    let bench = Bench::new().unwrap();
    let report = bench.runner().build().unwrap().run(task(&bench, &[("a", json!({}))])).unwrap();
    let error = report.entries[0].error.clone().unwrap();
    assert!(error.contains("nodes can't be started under virtual time"), "{error}");
}

#[test]
fn a_dry_run_plans_nodes_and_faults_on_them_and_touches_nothing() {
    let bench = Bench::new().unwrap();
    let plan = runner(&bench).build().unwrap().dry_run(task(&bench, &[("a", json!({}))])).unwrap();
    assert!(plan.allowed(), "{plan:?}");
    assert_eq!(plan.nodes[0].plan.as_ref().unwrap().summary, "start node `a`");
    assert!(!folder(&bench, "a").exists());
}
