//! Tests of `stress_memory`, with loads that are this test program.

use chaos_core::{Reverted, Verdict};
use chaos_test::run_context;
use serde_json::json;

use super::*;
use crate::resources::test_nodes::{contract_node, loads, no_groups, node, run, seen, undid};

chaos_test::contract_subject!(StressMemory, |subjects| {
    contract_node(subjects)?;
    let bytes = NonZeroU64::MIN.saturating_add(8 << 20);
    Ok(StressMemory { target: FaultTarget::Node("n1".to_owned()), bytes })
});

#[test]
fn memory_is_held_in_the_nodes_group_and_free_after_it() {
    if no_groups().is_some() {
        return;
    }
    let action = json!({"type": "stress_memory", "target": {"node": "n1"}, "bytes": 33_554_432});
    let result = run(&action, &node("exec sleep 600"), false);
    assert_eq!((result.verdict, result.reverted), (Verdict::Unchecked, Reverted::Reverted), "{result:?}");
    assert!(seen(&result).starts_with("beside node `n1`, a process holds "), "{}", seen(&result));
    assert_eq!(undid(&result), "the load on node `n1` has ended (1 killed)");
}

#[test]
fn a_load_that_is_left_out_does_not_pass() {
    let node = json!({"type": "process", "argv": ["sleep", "600"]});
    let result = run(&json!({"type": "stress_memory", "target": {"node": "n1"}, "bytes": 1_048_576}), &node, true);
    assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive), "{result:?}");
}

#[test]
fn more_than_the_groups_limit_is_refused_by_name() {
    if no_groups().is_some() {
        return;
    }
    let mut node = node("exec sleep 600");
    node["limits"] = json!({"memory_bytes": 16_777_216});
    let action = json!({"type": "stress_memory", "target": {"node": "n1"}, "bytes": 33_554_432});
    let result = run(&action, &node, false);
    let error = result.error.unwrap();
    assert!(error.contains("33554432 bytes are more than the group of node `n1` can spare"), "{error}");
    assert_eq!(result.reverted, Reverted::NothingToRevert);
}

#[tokio::test]
async fn more_than_the_machine_has_is_refused_before_anything_is_started() {
    loads();
    let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let target = FaultTarget::Running(chaos_core::Locator::Pid(child.id().try_into().unwrap()));
    let fault = StressMemory { target, bytes: NonZeroU64::MAX };
    let error = Fault::plan(&fault, &run_context().build()).await.unwrap_err().to_string();
    assert!(error.contains("bytes are more than this machine can spare"), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
}
