//! Aborts by annotation: before there is an entry, twice, and removed.

use chaos_manifests::ABORT_ANNOTATION;
use serde_json::json;

use crate::world::{Seen, World, endless, phase, runs, serial, task};

#[tokio::test]
async fn model_0_15_an_abort_before_the_entry_exists_is_applied_when_it_does() {
    let Some(world) = World::new().await else { return };
    let templates = [serial("entry", None, &["step"]), endless("step", None)];
    world.create("flow", Some(json!({ ABORT_ANNOTATION: "true" })), &templates).await;
    let seen = world.until("the Workflow is accomplished", Seen::accomplished).await;
    assert_eq!(seen.node("entry").unwrap().reason("Aborted"), Some("WorkflowAborted"));
    assert!(seen.workflow_status().end_time.is_some());
}

#[tokio::test]
async fn model_0_15_an_abort_reaches_active_nodes_and_never_their_pods() {
    let Some(world) = World::new().await else { return };
    let steps = ["done", "running", "never"];
    world.flow(&[serial("entry", None, &steps), task("done", 0), endless("running", None), task("never", 0)]).await;
    world.until("the second step runs", |seen| runs(seen, "running")).await;
    world.abort(Some("true")).await;
    world.until("it is aborted", |seen| seen.holds("running", "Aborted") && seen.accomplished()).await;
    world.abort(Some("true")).await;
    world.caught_up().await;
    let seen = world.seen().await;
    assert_eq!(seen.node("entry").unwrap().reason("Aborted"), Some("WorkflowAborted"));
    assert_eq!(seen.node("running").unwrap().reason("Aborted"), Some("ParentNodeAborted"));
    assert!(!seen.holds("done", "Aborted") && !seen.has("never"));
    assert_eq!(phase(seen.pods_of("running")[0]), "Running");
    let reasons = world.reasons().await;
    assert_eq!(reasons.iter().filter(|it| *it == "WorkflowAborted").count(), 1, "twice is once: {reasons:?}");
}

#[tokio::test]
async fn model_0_15_an_abort_that_is_removed_reopens_the_entry_and_the_next_step_runs() {
    let Some(world) = World::new().await else { return };
    world.flow(&[serial("entry", None, &["running", "next"]), endless("running", None), task("next", 0)]).await;
    world.until("the first step runs", |seen| seen.pods_of("running").len() == 1).await;
    world.abort(Some("true")).await;
    world.until("it is aborted", |seen| seen.holds("running", "Aborted") && seen.accomplished()).await;
    world.abort(None).await;
    let run = |seen: &Seen| seen.holds("next", "Accomplished") && seen.holds("entry", "Accomplished");
    let seen = world.until("the next step has run", |seen| run(seen) && seen.accomplished()).await;
    assert!(!seen.holds("entry", "Aborted"));
    assert_eq!(seen.node("running").unwrap().reason("Aborted"), Some("ParentNodeAborted"), "a child keeps it");
}

#[tokio::test]
async fn model_0_15_a_workflow_without_annotations_can_be_aborted_by_one() {
    let Some(world) = World::new().await else { return };
    world.create("flow", None, &[serial("entry", None, &["step"]), endless("step", None)]).await;
    world.until("the step runs", |seen| seen.pods_of("step").len() == 1).await;
    world.abort(Some("true")).await;
    world.until("it is aborted", |seen| seen.holds("step", "Aborted") && seen.accomplished()).await;
}

#[tokio::test]
async fn model_an_abort_of_a_running_check_settles_when_the_check_is_gone() {
    let Some(world) = World::new().await else { return };
    let check = json!({ "intervalSeconds": 3600, "type": "HTTP", "http": { "url": "http://127.0.0.1:1/", "criteria": { "statusCode": "200" } } });
    let gate = json!({ "name": "gate", "templateType": "StatusCheck", "statusCheck": check });
    world.flow(&[serial("entry", None, &["gate", "never"]), gate, task("never", 0)]).await;
    let checks = world.cluster.chaos_mesh("StatusCheck", "statuschecks", &world.namespace);
    world.until("the node is there", |seen| seen.has("gate")).await;
    world.abort(Some("true")).await;
    // While its check lingers, the node is computed to be not aborted, and aborted again by its parent.
    loop {
        world.until("it is aborted", |seen| seen.holds("gate", "Aborted") && seen.accomplished()).await;
        world.caught_up().await;
        let left = checks.list(&kube::api::ListParams::default()).await.unwrap().items;
        if left.is_empty() && world.seen().await.holds("gate", "Aborted") {
            break;
        }
    }
    assert!(!world.seen().await.has("never"));
}
