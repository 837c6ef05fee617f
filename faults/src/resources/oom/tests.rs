//! Tests of `oom` on real nodes.

use chaos_core::{Reverted, Verdict};
use serde_json::json;

use super::*;
use crate::resources::test_nodes::{contract_node, no_groups, node, run, seen, undid};

chaos_test::contract_subject!(Oom, |subjects| {
    contract_node(subjects)?;
    Ok(Oom { target: FaultTarget::Node("n1".to_owned()) })
});

#[test]
fn the_kernel_kills_the_node_and_its_supervisor_starts_it_again() {
    if no_groups().is_some() {
        return;
    }
    let result = run(&json!({"type": "oom", "target": {"node": "n1"}}), &node("exec sleep 600"), false);
    assert_eq!((result.verdict, result.reverted), (Verdict::Unchecked, Reverted::Reverted), "{result:?}");
    let seen = seen(&result);
    assert!(seen.starts_with("node `n1` is down (ended by SIGKILL); the kernel counts "), "{seen}");
    assert!(undid(&result).contains("node `n1` runs again, as process"), "{}", undid(&result));
}

#[test]
fn a_kill_that_is_left_out_does_not_pass() {
    if no_groups().is_some() {
        return;
    }
    let result = run(&json!({"type": "oom", "target": {"node": "n1"}}), &node("exec sleep 600"), true);
    assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive), "{result:?}");
    assert!(seen(&result).contains("is there (state "), "{}", seen(&result));
}

#[test]
fn a_node_without_a_group_is_refused_by_name_and_lives() {
    let node = json!({"type": "process", "argv": ["sleep", "600"]});
    let result = run(&json!({"type": "oom", "target": {"node": "n1"}}), &node, false);
    let error = result.error.unwrap();
    assert!(error.contains("node `n1` has no group of its own; give it `group: true`"), "{error}");
    assert_eq!(result.reverted, Reverted::NothingToRevert);
}
