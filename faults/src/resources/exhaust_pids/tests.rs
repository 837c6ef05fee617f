//! Tests of `exhaust_pids` on real nodes.

use std::os::unix::process::CommandExt;
use std::process::Command;

use chaos_core::{Reverted, Verdict};
use chaos_test::run_context;
use serde_json::json;

use super::*;
use crate::resources::test_nodes::{contract_node, no_groups, node, run, seen, undid};

chaos_test::contract_subject!(ExhaustPids, |subjects| {
    contract_node(subjects)?;
    Ok(ExhaustPids { target: FaultTarget::Node("n1".to_owned()), leave: 0 })
});

#[test]
fn a_node_can_start_nothing_and_can_again_after_the_undo() {
    if no_groups().is_some() {
        return;
    }
    let result = run(&json!({"type": "exhaust_pids", "target": {"node": "n1"}}), &node("exec sleep 600"), false);
    assert_eq!((result.verdict, result.reverted), (Verdict::Unchecked, Reverted::Reverted), "{result:?}");
    assert!(seen(&result).ends_with("may start 0 more processes (limit 1, 1 there)"), "{}", seen(&result));
    assert_eq!(undid(&result), "node `n1` has the old `pids.max` again");
}

#[test]
fn an_exhaustion_that_is_left_out_does_not_pass() {
    if no_groups().is_some() {
        return;
    }
    let result = run(&json!({"type": "exhaust_pids", "target": {"node": "n1"}}), &node("exec sleep 600"), true);
    assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive), "{result:?}");
}

#[test]
fn a_node_of_roots_without_a_group_is_refused_by_name() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let node = json!({"type": "process", "argv": ["sleep", "600"]});
    let result = run(&json!({"type": "exhaust_pids", "target": {"node": "n1"}}), &node, false);
    let error = result.error.unwrap();
    assert!(error.contains("node `n1` has no group of its own; give it `group: true`"), "{error}");
    assert_eq!(result.reverted, Reverted::NothingToRevert);
}

#[tokio::test]
async fn without_a_group_another_user_gets_the_limit_of_its_processes_or_a_refusal() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: needs root, to start a process of another user");
        return;
    }
    let mut child = Command::new("sleep").arg("600").uid(65_534).spawn().unwrap();
    let target = FaultTarget::Running(chaos_core::Locator::Pid(child.id().try_into().unwrap()));
    let planned = Fault::plan(&ExhaustPids { target: target.clone(), leave: 0 }, &run_context().build()).await;
    match planned {
        Ok(plan) => assert!(plan.summary.contains("processes of its process below 0"), "{plan:?}"),
        Err(error) => assert!(error.to_string().ends_with("needs CAP_SYS_RESOURCE"), "{error}"),
    }
    let error = Fault::plan(&ExhaustPids { target, leave: 1 }, &run_context().build()).await.unwrap_err().to_string();
    assert!(error.contains("the limit counts all processes of the user"), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
}
