//! Tests of `limit_resources` on real nodes.

use std::sync::Arc;

use chaos_core::{FaultNode, Journal, Presence, Reverted, UndoLog, Undone, Verdict, parse};
use chaos_test::run_context;
use serde_json::json;

use super::*;
use crate::resources::test_nodes::{HANG, contract_node, no_groups, node, run, seen, undid};

chaos_test::contract_subject!(LimitResources, |subjects| {
    contract_node(subjects)?;
    let (cpus, memory_bytes) = (Cpus::try_from(0.2).ok(), NonZeroU64::new(1 << 26));
    Ok(LimitResources { target: FaultTarget::Node("n1".to_owned()), cpus, memory_bytes })
});

#[test]
fn a_busy_node_is_throttled_and_has_its_old_limits_again() {
    if no_groups().is_some() {
        return;
    }
    let action = json!({"type": "limit_resources", "target": {"node": "n1"}, "cpus": 0.2, "memory_bytes": 67_108_864});
    let result = run(&action, &node("while :; do :; done"), false);
    assert_eq!((result.verdict, result.reverted), (Verdict::Unchecked, Reverted::Reverted), "{result:?}");
    assert_eq!(seen(&result), "node `n1` may use 0.2 processors and 67108864 bytes of memory");
    let undone: Vec<&str> =
        result.timeline.iter().filter(|point| point.event == "undid").map(|point| point.detail.as_str()).collect();
    assert!(undone.iter().all(|one| one.contains("node `n1` has the old `")), "{undone:?}");
    assert_eq!(undone.len(), 2, "{undone:?}");
    assert!(undid(&result).contains("memory") || undid(&result).contains("cpu"));
}

#[test]
fn a_limit_that_is_left_out_does_not_pass() {
    if no_groups().is_some() {
        return;
    }
    let action = json!({"type": "limit_resources", "target": {"node": "n1"}, "cpus": 0.2});
    let result = run(&action, &node("exec sleep 600"), true);
    assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive), "{result:?}");
}

#[test]
fn a_node_without_a_group_and_a_process_in_the_root_group_are_refused_by_name() {
    let node = json!({"type": "process", "argv": ["sleep", "600"]});
    let result = run(&json!({"type": "limit_resources", "target": {"node": "n1"}, "cpus": 0.2}), &node, false);
    let error = result.error.unwrap();
    assert!(error.contains("node `n1` has no group of its own; give it `group: true`"), "{error}");
    let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let action = json!({"type": "limit_resources", "target": {"pid": child.id()}, "cpus": 0.2});
    let error = run(&action, &node, false).error.unwrap();
    // Where the tests run in no group, it is in the root; else it is in ours. Both are refused.
    let refused = ["which can't be limited", "holds Squall itself", "no cgroup hierarchy"];
    assert!(refused.iter().any(|why| error.contains(why)), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Counts while somebody puts the quota back behind our back.
#[tokio::test(flavor = "multi_thread")]
async fn the_kernel_counts_the_throttling_and_a_limit_that_is_put_back_is_seen() {
    if no_groups().is_some() {
        return;
    }
    let run_id = format!("limit-{}", std::process::id());
    let cx = run_context().run_id(&run_id).env([("PATH", "/usr/bin:/bin")]).build();
    let folder = tempfile::tempdir().unwrap();
    let place = chaos_core::NodePlace {
        dir: folder.path().join("n1"),
        logs: folder.path().join("logs"),
        ports: std::collections::BTreeMap::new(),
    };
    let declared: chaos_core::DeclaredNode = parse(&node("while :; do :; done")).unwrap();
    let member = declared.member(chaos_core::NodeContext::new("n1", cx.clone(), place)).unwrap();
    let nodes = cx.services().get::<chaos_core::Nodes>();
    nodes.declare("n1", std::collections::BTreeMap::new(), false, Arc::clone(&member));
    let life = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
    member.start(&life.handle()).await.unwrap();
    let fault: LimitResources = parse(&json!({"target": {"node": "n1"}, "cpus": 0.05})).unwrap();
    assert_eq!(Fault::witness(&fault, &cx).await.presence, Presence::Absent);
    let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
    Fault::inject(&fault, &cx.clone().into(), &log.handle()).await.unwrap();
    assert_eq!(Fault::witness(&fault, &cx).await.presence, Presence::Present);
    let facet = member.resources().unwrap();
    let began = std::time::Instant::now();
    while facet.counters().await.unwrap().throttled == 0 {
        assert!(began.elapsed() < HANG, "it is not throttled");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let step = log.newest_first().remove(0).step;
    assert!(matches!(step.undo(&cx.undo_context(HANG)).await.unwrap(), Undone::Reverted(_)));
    assert_eq!(Fault::witness(&fault, &cx).await.presence, Presence::Absent, "put back, and seen");
    assert!(matches!(step.undo(&cx.undo_context(HANG)).await.unwrap(), Undone::NothingToDo(_)));
    for armed in life.newest_first() {
        armed.step.undo(&cx.undo_context(HANG)).await.unwrap();
    }
    let gone = step.undo(&cx.undo_context(HANG)).await.unwrap();
    assert_eq!(gone.detail(), "the group of node `n1` is gone, and its limits with it");
    assert!(crate::resources::test_nodes::groups_of(&run_id).is_empty());
}

#[test]
fn a_limit_is_of_something() {
    let target = json!({"node": "n1"});
    let error = parse::<FaultNode>(&json!({"type": "limit_resources", "target": target})).unwrap_err();
    assert_eq!(error.message, "expected `cpus`, `memory_bytes`, or both");
    let action = json!({"type": "limit_resources", "target": target, "cpus": 0});
    let error = parse::<FaultNode>(&action).unwrap_err();
    assert!(error.message.contains("expected a number from 0.01 to 100000, such as 0.5"), "{error}");
}
