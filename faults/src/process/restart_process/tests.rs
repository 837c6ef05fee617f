//! Tests of `restart_process` on real nodes.

use chaos_core::{Permission, Policy, Reverted, Task, Verdict, parse};
// Starts nodes.
use chaos_nodes as _;
use chaos_runner::{Report, Runner};
use chaos_test::Bench;
use serde_json::{Value, json};

use super::*;

chaos_test::contract_subject!(RestartProcess, |subjects| {
    subjects.node("n1", json!({"type": "process", "argv": ["sleep", "600"]}));
    Ok(RestartProcess { target: FaultTarget::Node("n1".to_owned()) })
});

fn run(bench: &Bench, target: &Value, ready: Option<Value>) -> Report {
    let action = json!({"type": "restart_node", "target": target});
    let mut task = Task::of(parse(&json!({"trigger": {"type": "test_now"}, "action": action})).unwrap());
    let mut node = json!({"type": "process", "argv": ["sh", "-c", "echo $$ >> pids; exec sleep 600"]});
    if let Some(ready) = ready {
        node["ready"] = ready;
    }
    node["dir"] = json!(bench.path("n1"));
    task.nodes.insert("n1".to_owned(), parse(&node).unwrap());
    let permissions = vec![Permission::Irreversible];
    let policy = Policy { allow_commands: vec!["sh".into()], permissions, ..Policy::default() };
    let runner = Runner::builder().state_dir(bench.state()).workspace(bench.folder()).seed(1).policy(policy);
    runner.build().unwrap().run(task).unwrap()
}

#[test]
fn a_restarted_node_is_another_process_in_the_same_folder() {
    let bench = Bench::new().unwrap();
    let written = json!({"type": "test_file_exists", "path": bench.path("n1/pids"), "within_seconds": 30});
    let report = run(&bench, &json!({"node": "n1"}), Some(written));
    let result = &report.entries[0];
    assert_eq!((report.verdict, result.reverted), (Verdict::Unchecked, Reverted::Reverted), "{report:?}");
    assert!(report.node_exits.is_empty(), "{report:?}");
    let seen = &result.witness.as_ref().unwrap().evidence.summary;
    let pids = std::fs::read_to_string(bench.path("n1/pids")).unwrap();
    let first = pids.lines().next().unwrap();
    assert!(seen.contains(&format!("node `n1`, process {first} (")) && seen.contains("was replaced by"), "{seen}");
    assert_eq!(bench.journals_left(), 0);
}

#[test]
fn a_process_that_nobody_supervises_can_not_be_restarted() {
    let bench = Bench::new().unwrap();
    let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let report = run(&bench, &json!({"pid": child.id()}), None);
    let error = report.entries[0].error.clone().unwrap();
    assert!(error.contains("declare it as a node of type `process`"), "{error}");
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}
