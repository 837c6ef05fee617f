//! Tests of `stress_cpu`, with loads that are this test program.

use std::sync::Arc;

use chaos_core::{Journal, Policy, Presence, Reverted, UndoLog, Undone, Verdict};
use chaos_host::Signal;
use chaos_test::run_context;
use serde_json::json;

use super::*;
use crate::resources::test_nodes::{HANG, contract_node, loads, no_groups, node, run, seen, undid, until};

chaos_test::contract_subject!(StressCpu, |subjects| {
    contract_node(subjects)?;
    Ok(StressCpu { target: FaultTarget::Node("n1".to_owned()), workers: NonZeroU32::MIN })
});

#[test]
fn loads_run_in_the_nodes_group_and_are_gone_after_it() {
    if no_groups().is_some() {
        return;
    }
    let action = json!({"type": "stress_cpu", "target": {"node": "n1"}, "workers": 2});
    let result = run(&action, &node("exec sleep 600"), false);
    assert_eq!((result.verdict, result.reverted), (Verdict::Unchecked, Reverted::Reverted), "{result:?}");
    assert_eq!(seen(&result).matches("has used the processor for").count(), 2, "{}", seen(&result));
    assert_eq!(undid(&result), "the load on node `n1` has ended (2 killed)");
}

#[test]
fn a_load_that_is_left_out_does_not_pass() {
    let node = json!({"type": "process", "argv": ["sleep", "600"]});
    let result = run(&json!({"type": "stress_cpu", "target": {"node": "n1"}}), &node, true);
    assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_somebody_ends_is_seen_and_its_undo_twice_is_harmless() {
    loads();
    let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let target = FaultTarget::Running(chaos_core::Locator::Pid(child.id().try_into().unwrap()));
    let (fault, cx) = (StressCpu { target, workers: NonZeroU32::MIN }, run_context().build());
    let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
    assert_eq!(Fault::witness(&fault, &cx).await.presence, Presence::Absent);
    Fault::inject(&fault, &cx.clone().into(), &log.handle()).await.unwrap();
    let sighting = Fault::witness(&fault, &cx).await;
    assert_eq!(sighting.presence, Presence::Present, "{sighting:?}");
    let word = |text: &str| text.split("beside ").nth(1)?.split(", process ").nth(1)?.split(' ').next()?.parse().ok();
    let load = chaos_host::PidFd::open(word(&sighting.evidence.summary).unwrap()).unwrap().unwrap();
    load.signal(Signal::KILL).unwrap();
    until("it is still there", || load.stat().unwrap().is_none_or(|stat| stat.is_dead()));
    assert_eq!(Fault::witness(&fault, &cx).await.presence, Presence::Absent);
    let step = log.newest_first().remove(0).step;
    for _ in 0..2 {
        let undone = step.undo(&cx.undo_context(HANG)).await.unwrap();
        assert!(matches!(undone, Undone::NothingToDo(_)), "{undone:?}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn workers_count_against_the_ceiling_and_a_plan_says_where_they_run() {
    loads();
    let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let target = FaultTarget::Running(chaos_core::Locator::Pid(child.id().try_into().unwrap()));
    let fault = StressCpu { target, workers: NonZeroU32::new(65).unwrap() };
    let plan = Fault::plan(&fault, &run_context().build()).await.unwrap();
    assert!(plan.summary.starts_with("use 65 processors beside process"), "{plan:?}");
    assert!(
        plan.summary.contains("on this machine, since it has no group") || plan.summary.contains("in `/"),
        "{plan:?}"
    );
    assert_eq!(plan.check(&Policy::default()).unwrap_err().flag.as_deref(), Some("--max-concurrency 65"));
    child.kill().unwrap();
    child.wait().unwrap();
}
