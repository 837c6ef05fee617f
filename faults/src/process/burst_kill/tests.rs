//! Tests of `burst_kill` on real nodes and on fakes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaos_core::{DeclaredNode, NodeContext, NodePlace, Nodes, parse};
// Starts nodes.
use chaos_nodes as _;
use chaos_test::run_context;
use serde_json::json;

use super::*;

fn members(pick: u32) -> BurstKill {
    let text = json!({"target": {"nodes": {"role": "member"}, "pick": pick}, "within_ms": 30_000});
    serde_json::from_value(text).unwrap()
}

chaos_test::contract_subject!(BurstKill, |subjects| {
    for name in ["n1", "n2", "n3"] {
        let labels = json!({"role": "member"});
        subjects.node(name, json!({"type": "process", "argv": ["sleep", "600"], "labels": labels}));
    }
    Ok(members(2))
});

/// A context with five members, of which `n3` is protected; none is up.
fn context(seed: u64) -> RunContext {
    let cx = run_context().seed(seed).build();
    for name in ["n1", "n2", "n3", "n4", "n5"] {
        let node: DeclaredNode = parse(&json!({"type": "test_node"})).unwrap();
        let place = NodePlace { dir: "/nonexistent".into(), logs: "/nonexistent".into(), ports: BTreeMap::new() };
        let member = node.member(NodeContext::new(name, cx.clone(), place)).unwrap();
        let labels = BTreeMap::from([("role".to_owned(), "member".to_owned())]);
        cx.services().get::<Nodes>().declare(name, labels, name == "n3", member);
    }
    cx
}

#[tokio::test]
async fn a_draw_is_the_seeds_and_never_a_protected_node() {
    let fault = members(3);
    let mut drawn = BTreeSet::new();
    for seed in 0..1_000 {
        let plan = Fault::plan(&fault, &context(seed)).await.unwrap();
        assert_eq!(plan, Fault::plan(&fault, &context(seed)).await.unwrap(), "seed {seed}");
        assert!(plan.touches.len() == 3 && !plan.summary.contains("n3"), "{plan:?}");
        drawn.insert(plan.summary);
    }
    // Three of the four that may be drawn.
    assert_eq!(drawn.len(), 4, "{drawn:?}");
}

#[tokio::test]
async fn what_was_drawn_stays_drawn_for_the_entry() {
    let (fault, cx) = (members(2), context(7));
    let first = fault.target.resolve(&cx).unwrap();
    let again = fault.target.resolve(&cx).unwrap();
    assert!(first.iter().zip(&again).all(|(a, b)| Arc::ptr_eq(a, b)));
}

#[tokio::test]
async fn one_process_is_no_burst_and_more_than_there_are_is_refused() {
    let one = Fault::plan(&members(1), &context(1)).await.unwrap_err().to_string();
    assert!(one.starts_with("a burst needs two processes or more"), "{one}");
    let many = Fault::plan(&members(5), &context(1)).await.unwrap_err().to_string();
    assert!(many.contains("5 wanted, and 4 may be acted on"), "{many}");
}
