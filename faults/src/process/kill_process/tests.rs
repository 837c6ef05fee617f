//! Tests of `kill_process` on real nodes, and on processes that nobody supervises.

use std::num::NonZeroU32;
use std::process::{Child, Command, Stdio};

use chaos_core::{ChaosResult, FaultNode, Permission, Policy, Reverted, Task, Verdict, parse};
use chaos_host::ProcessStat;
// Starts nodes, and finds processes by their pid.
use chaos_nodes as _;
use chaos_runner::Runner;
use chaos_test::Bench;
use serde_json::{Value, json};

use super::*;

chaos_test::contract_subject!(KillProcess, |subjects| {
    subjects.node("n1", json!({"type": "process", "argv": ["sleep", "600"]}));
    Ok(KillProcess { target: FaultTarget::Node("n1".to_owned()), signal: SignalName::Term })
});

/// Runs one entry on nodes that sleep, each in a run of its own, in real time.
fn run(bench: &Bench, action: &Value, nodes: &[(&str, Value)], sham: bool) -> ChaosResult {
    let entry = json!({"trigger": {"type": "test_now"}, "action": action, "duration_seconds": 0.1});
    let mut task = Task::of(parse(&entry).unwrap());
    for (name, keys) in nodes {
        let mut node = json!({"type": "process", "argv": ["sleep", "600"]});
        node.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        task.nodes.insert((*name).to_owned(), parse(&node).unwrap());
    }
    let policy = Policy { allow_commands: vec!["sleep".into()], permissions: permissions(), ..Policy::default() };
    let runner = Runner::builder().state_dir(bench.state()).workspace(bench.folder()).seed(1).policy(policy).sham(sham);
    let mut report = runner.build().unwrap().run(task).unwrap();
    assert!(report.node_exits.is_empty() && report.nodes_left.is_empty(), "{report:?}");
    assert_eq!(bench.journals_left(), 0);
    report.entries.remove(0)
}

fn permissions() -> Vec<Permission> {
    vec![Permission::Irreversible]
}

struct Sleeper(Child);

impl Sleeper {
    fn start() -> Self {
        Self(Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap())
    }

    fn is_over(&self) -> bool {
        ProcessStat::of(self.0.id()).unwrap().is_none_or(|stat| stat.is_dead())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_killed_node_is_down_for_the_hold_and_up_again_after_it() {
    let bench = Bench::new().unwrap();
    let result = run(&bench, &json!({"type": "kill_node", "target": {"node": "n1"}}), &[("n1", json!({}))], false);
    assert_eq!((result.verdict, result.reverted), (Verdict::Unchecked, Reverted::Reverted), "{result:?}");
    let seen = result.witness.unwrap().evidence.summary;
    assert_eq!(seen, "node `n1` is down (ended by SIGKILL)");
    let undid = result.timeline.iter().find(|point| point.event == "undid").unwrap();
    assert!(undid.detail.contains("node `n1` runs again, as process"), "{undid:?}");
}

#[test]
fn a_kill_that_is_left_out_does_not_pass() {
    let bench = Bench::new().unwrap();
    let result = run(&bench, &json!({"type": "kill_process", "target": {"node": "n1"}}), &[("n1", json!({}))], true);
    assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive), "{result:?}");
    let seen = result.witness.unwrap().evidence.summary;
    assert!(seen.contains("is there (state "), "the witness is the process table: {seen}");
}

#[test]
fn a_node_whose_kill_has_no_effect_does_not_pass() {
    let bench = Bench::new().unwrap();
    let action = json!({"type": "kill_process", "target": {"node": "n1"}});
    let node = json!({"type": "test_node", "no_effect": true, "argv": null});
    let mut node = node;
    node.as_object_mut().unwrap().remove("argv");
    let entry = json!({"trigger": {"type": "test_now"}, "action": action, "duration_seconds": 0.1});
    let mut task = Task::of(parse(&entry).unwrap());
    task.nodes.insert("n1".to_owned(), parse(&node).unwrap());
    let runner = Runner::builder().state_dir(bench.state()).workspace(bench.folder()).seed(1);
    let report = runner.build().unwrap().run(task).unwrap();
    assert_eq!(report.verdict, Verdict::Inconclusive, "{report:?}");
    let error = report.entries[0].error.clone().unwrap();
    assert!(error.starts_with("the fault did not demonstrably land"), "{error}");
}

#[test]
fn a_process_that_nobody_supervises_stays_dead_and_the_result_says_so() {
    let (bench, child) = (Bench::new().unwrap(), Sleeper::start());
    let result = run(&bench, &json!({"type": "kill_process", "target": {"pid": child.0.id()}}), &[], false);
    assert_eq!((result.verdict, result.reverted), (Verdict::Unchecked, Reverted::NotReversible), "{result:?}");
    assert!(result.success && child.is_over());
}

#[test]
fn without_leave_what_can_not_be_undone_is_refused_and_nothing_is_signalled() {
    let (bench, child) = (Bench::new().unwrap(), Sleeper::start());
    let entry =
        json!({"trigger": {"type": "test_now"}, "action": {"type": "kill_process", "target": {"pid": child.0.id()}}});
    let runner = Runner::builder().state_dir(bench.state()).workspace(bench.folder());
    let report = runner.build().unwrap().run(Task::of(parse(&entry).unwrap())).unwrap();
    let error = report.entries[0].error.clone().unwrap();
    assert!(error.contains("irreversible") && !child.is_over(), "{error}");
}

#[test]
fn what_may_not_be_killed_is_refused_by_name() {
    let rows = [
        (json!({"node": "n2"}), json!({}), "unknown node `n2`; declared: n1"),
        (json!({"node": "n1"}), json!({"protected": true}), "node `n1` is protected, so no fault may act on it"),
        (
            json!({"nodes": {"role": "x"}}),
            json!({}),
            "nodes with {role: x}: 1 wanted, and 0 may be acted on (protected ones never count)",
        ),
        (json!({"pid": 1}), json!({}), "is the first process: ending it would stop the machine or the container"),
        (json!({"pid": std::process::id()}), json!({}), "is Squall itself"),
    ];
    for (target, keys, why) in rows {
        let bench = Bench::new().unwrap();
        let result = run(&bench, &json!({"type": "kill_process", "target": target}), &[("n1", keys)], false);
        let error = result.error.unwrap();
        assert!(error.contains(why), "{target}: {error}");
        assert_eq!((result.verdict, result.reverted), (Verdict::Inconclusive, Reverted::NothingToRevert));
    }
}

#[test]
fn a_target_is_exactly_one_thing() {
    let rows = [
        (json!({}), "names nothing to act on; expected one of `node`, `nodes`, `pid`, `pid_file`, `port`, `command`"),
        (json!({"node": "a", "pid": 7}), "names several things to act on (node, pid); keep one of them"),
        (json!({"node": "a", "pick": 2}), "`pick` chooses among `nodes`, which is not given"),
        (json!({"nodes": {}}), "`nodes` is empty"),
        (json!({"nodes": {"a": "b"}, "pick": 0}), "invalid `pick`: expected a number from 1 on, or `all`"),
    ];
    for (target, why) in rows {
        let error = parse::<FaultNode>(&json!({"type": "kill_process", "target": target})).unwrap_err();
        assert!(error.message.contains(why), "{target}: {error}");
    }
    for target in
        [json!({"nodes": {"a": "b"}, "pick": "all"}), json!({"nodes": {"a": "b"}, "pick": 2}), json!({"port": 80})]
    {
        let read: FaultTarget = parse(&target).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), target);
    }
    let pid = NonZeroU32::new(7).unwrap();
    let fault =
        KillProcess { target: FaultTarget::Running(chaos_core::Locator::Pid(pid)), signal: SignalName::default() };
    let text = json!({"target": {"pid": 7}, "signal": "SIGKILL"});
    assert_eq!(serde_json::to_value(fault).unwrap(), text);
}
