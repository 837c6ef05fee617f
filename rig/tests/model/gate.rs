//! Status checks as gates.

use chaos_manifests::ABORT_ANNOTATION;
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::{Seen, World, endless, serial, task};

/// A server that answers so many requests well, and the others with a failure.
async fn server(good: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/health", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for request in 0.. {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let _ = stream.read(&mut [0; 1024]).await;
            let code = if request < good { 200 } else { 500 };
            let _ = stream.write_all(format!("HTTP/1.1 {code} So\r\nContent-Length: 0\r\n\r\n").as_bytes()).await;
        }
    });
    url
}

fn gate(url: &str, abort: bool, check: Value) -> Value {
    let mut check = check;
    check["type"] = "HTTP".into();
    check["timeoutSeconds"] = 30.into();
    check["http"] = json!({ "url": url, "method": "GET", "criteria": { "statusCode": "200" } });
    json!({ "name": "gate", "templateType": "StatusCheck", "abortWithStatusCheck": abort, "statusCheck": check })
}

fn aborted(seen: &Seen) -> bool {
    seen.accomplished() && seen.holds("entry", "Aborted") && seen.nodes.iter().all(crate::world::SeenNode::finished)
}

#[tokio::test]
async fn model_0_14_three_failures_abort_the_workflow_and_one_more_step_may_start() {
    let Some(world) = World::new().await else { return };
    let url = server(0).await;
    let check = json!({ "mode": "Synchronous", "intervalSeconds": 1, "failureThreshold": 3 });
    let steps = ["gate", "next", "never"];
    world
        .flow(&[serial("entry", None, &steps), gate(&url, true, check), endless("next", None), task("never", 0)])
        .await;
    let seen = world.until("all is aborted", aborted).await;
    let gate = seen.node("gate").unwrap();
    assert_eq!(gate.reason("Aborted"), Some("StatusCheckNotExceedSuccessThreshold"));
    assert_eq!(gate.reason("Accomplished"), Some("StatusCheckCompleted"));
    assert_eq!(seen.workflow.as_ref().unwrap().annotations()[ABORT_ANNOTATION], "true");
    assert_eq!(seen.node("entry").unwrap().reason("Aborted"), Some("WorkflowAborted"));
    if let Some(next) = seen.node("next") {
        assert_eq!(next.reason("Aborted"), Some("ParentNodeAborted"), "started before the abort reached the Serial");
    }
    world.caught_up().await;
    assert!(!world.seen().await.has("never"));
    let checks = world.cluster.chaos_mesh("StatusCheck", "statuschecks", &world.namespace);
    world.until("the check was deleted", |seen| seen.holds("gate", "Aborted")).await;
    for it in checks.list(&ListParams::default()).await.unwrap() {
        assert!(it.metadata.deletion_timestamp.is_some(), "{it:?}");
    }
}

#[tokio::test]
async fn model_0_14_a_last_failure_at_the_end_of_the_duration_aborts() {
    let Some(world) = World::new().await else { return };
    // It fails from the first success on, so the last record is a failure, and far from the threshold.
    let url = server(1).await;
    let check = json!({ "mode": "Continuous", "intervalSeconds": 1, "failureThreshold": 1000, "duration": "12s" });
    world.flow(&[serial("entry", None, &["gate"]), gate(&url, true, check)]).await;
    let seen = world.until("all is aborted", aborted).await;
    assert_eq!(seen.node("gate").unwrap().reason("Aborted"), Some("StatusCheckNotExceedSuccessThreshold"));
}

#[tokio::test]
async fn model_0_14_a_deadline_before_the_decision_gives_none() {
    let Some(world) = World::new().await else { return };
    let url = server(0).await;
    let mut gate = gate(&url, true, json!({ "intervalSeconds": 3600 }));
    gate["deadline"] = "3s".into();
    world.flow(&[serial("entry", None, &["gate", "next"]), gate, task("next", 0)]).await;
    let seen = world.until("the Workflow is accomplished", Seen::accomplished).await;
    let gate = seen.node("gate").unwrap();
    assert_eq!(gate.reason("DeadlineExceed"), Some("NodeDeadlineExceed"));
    assert!(!gate.is("Aborted") && !gate.is("Accomplished"), "undecided: {gate:#?}");
    assert!(seen.holds("next", "Accomplished"), "and the next step runs");
    assert!(!seen.workflow.as_ref().unwrap().annotations().contains_key(ABORT_ANNOTATION));
}

#[tokio::test]
async fn model_a_check_that_passes_lets_the_next_step_run() {
    let Some(world) = World::new().await else { return };
    let url = server(usize::MAX).await;
    let check = json!({ "intervalSeconds": 1, "successThreshold": 2 });
    world.flow(&[serial("entry", None, &["gate", "next"]), gate(&url, true, check), task("next", 0)]).await;
    let seen = world.until("the Workflow is accomplished", Seen::accomplished).await;
    let gate = seen.node("gate").unwrap();
    assert_eq!(gate.reason("Accomplished"), Some("StatusCheckCompleted"));
    assert!(!gate.is("Aborted") && seen.holds("next", "Accomplished"));
}

#[tokio::test]
async fn model_0_15_without_any_annotation_a_gate_aborts_nothing_but_itself() {
    let Some(world) = World::new().await else { return };
    let url = server(0).await;
    let check = json!({ "intervalSeconds": 1, "failureThreshold": 1 });
    let templates = [serial("entry", None, &["gate", "next"]), gate(&url, true, check), task("next", 0)];
    world.create("flow", None, &templates).await;
    let seen = world.until("the Workflow is accomplished", Seen::accomplished).await;
    assert!(seen.holds("gate", "Aborted") && !seen.holds("entry", "Aborted"));
    assert!(seen.holds("next", "Accomplished"), "marched on");
    let errors = world.model.as_ref().unwrap().errors();
    assert!(errors.iter().any(|it| it.contains("nil map")), "tried again and again: {errors:?}");
}
