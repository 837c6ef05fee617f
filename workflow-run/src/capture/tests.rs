use std::sync::Arc;

use serde_json::json;
use tokio::time::sleep;

use super::*;
use crate::fake_api::{Answer, client, list, object, plain, refusal};

/// When the server answers nothing.
#[derive(Debug, Clone, Copy)]
struct Hangs {
    from: Duration,
    until: Duration,
    /// Only what has this in its path.
    what: &'static str,
}

/// A server with a Workflow of one node and so many pods.
fn cluster(pods: usize, hangs: Hangs) -> Cluster {
    let began = Instant::now();
    let labels = json!({ "chaos-mesh.org/workflow": "release-r1", "chaos-mesh.org/controlled-by": "one-x" });
    let pod = |at: usize| {
        let its = json!({ "name": "main", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "terminated": { "exitCode": 0 } } });
        json!({ "metadata": { "name": format!("one-{at}"), "uid": format!("u{at}"), "labels": labels },
            "status": { "phase": "Succeeded", "containerStatuses": [its] } })
    };
    let pods: Arc<Vec<Value>> = Arc::new((0..pods).map(pod).collect());
    let client = client(move |path| {
        let pods = Arc::clone(&pods);
        async move {
            let now = began.elapsed();
            if path.contains(hangs.what) && now >= hangs.from && now < hangs.until {
                sleep(hangs.until.saturating_sub(now)).await;
            }
            answered(&path, &pods)
        }
    });
    Cluster::with_client(client, "fake")
}

fn answered(path: &str, pods: &[Value]) -> Answer {
    let spec = json!({ "templateName": "one", "workflowName": "release-r1", "type": "Task" });
    let node = json!({ "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "WorkflowNode", "metadata": { "name": "one-x" },
        "spec": spec, "status": {} });
    let workflow = json!({ "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "Workflow",
        "metadata": { "name": "release-r1" }, "spec": { "entry": "one", "templates": [] }, "status": {} });
    let map = json!({ "metadata": { "name": "workflow-vars-release-r1" }, "data": { "EXIT_REASON": "pass" } });
    if path.contains("/log?") {
        return plain("it ran\n");
    }
    let kinds = ["/workflownodes", "/workflows/", "/pods", "/configmaps", "/events"];
    match kinds.iter().position(|kind| path.contains(kind)) {
        Some(0) => list("1", &[node]),
        Some(1) => object(&workflow),
        Some(2) => list("1", pods),
        Some(3) => list("1", &[map]),
        Some(4) => list("1", &[]),
        _ => refusal(404),
    }
}

/// What was captured, how long that took, and the files.
async fn captured_of(cluster: &Cluster) -> (Captured, Duration, Vec<String>) {
    let workspace = tempfile::tempdir().unwrap();
    let folder = RunFolder::open(workspace.path(), "nightly", "release-r1").unwrap();
    let began = Instant::now();
    let captured = capture(cluster, "nightly", "release-r1", &folder, &Redactor::default()).await;
    (captured, began.elapsed(), folder.files())
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_for_25_seconds_costs_nothing_but_time() {
    let second = Duration::from_secs(1);
    for what in ["/workflows/", "/workflownodes", "/pods?", "/configmaps", "/events", "/log?", ""] {
        let hangs = Hangs { from: Duration::ZERO, until: second * 25, what };
        let (captured, took, files) = captured_of(&cluster(2, hangs)).await;
        assert_eq!(captured.problems, Vec::<String>::new(), "{what}");
        assert!(captured.is_whole && took >= second * 25 && took < second * 45, "{what}: {took:?}");
        for file in ["workflow.json", "workflow-nodes.json", "pods.json", "workflow-vars.json", "events.json"] {
            assert!(files.iter().any(|name| name == file), "{what}: {files:?}");
        }
        assert_eq!(files.iter().filter(|name| name.starts_with("logs/")).count(), 2, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_had_is_told_and_capture_ends_all_the_same() {
    let hangs = |what| Hangs { from: Duration::ZERO, until: Duration::from_hours(1), what };
    let (captured, took, _) = captured_of(&cluster(0, hangs(""))).await;
    assert!(took <= LIMIT && !captured.is_whole, "{took:?}");
    let told = captured.problems.join("\n");
    for what in ["read Workflow", "list WorkflowNodes", "list pods", "list ConfigMaps", "list events"] {
        assert!(told.contains(what), "{told}");
    }
    // The logs of many pods, none of which comes.
    let (captured, took, files) = captured_of(&cluster(300, hangs("/log?"))).await;
    assert!(took <= LIMIT && captured.is_whole, "{took:?}");
    assert!(files.iter().any(|name| name == "pods.json"), "{files:?}");
    assert_eq!(captured.problems.len(), 300);
    assert!(captured.problems[0].contains("no answer from the API server in 45 s"), "{}", captured.problems[0]);
    assert!(captured.problems[299].contains("`one-299`: not asked"), "{}", captured.problems[299]);
}

#[test]
fn secrets_are_known_by_their_names() {
    for name in ["DB_PASSWORD", "API_TOKEN", "OPENAI_API_KEY", "admin_mnemonic", "S3_SECRET_ACCESS_KEY"] {
        assert!(is_secret(name), "{name}");
    }
    for name in ["ADMIN_SECRET_NAME", "CHAIN_ID", "EXIT_REASON", "RUN_ID"] {
        assert!(!is_secret(name), "{name}");
    }
}

#[test]
fn what_is_learned_of_one_object_is_masked_in_all() {
    let redactor = Redactor::default();
    let pod = json!({"spec": {"containers": [{"env": [{"name": "DB_PASSWORD", "value": "hunter2hunter2"}]}]}});
    learn(&pod, &redactor);
    learn(&json!({"data": {"API_TOKEN": "abcdefabcdef"}}), &redactor);
    let masked = redactor.text("log: hunter2hunter2 and abcdefabcdef");
    assert_eq!(masked, "log: *** and ***");
}

#[test]
fn what_only_servers_read_is_left_out() {
    let mut value =
        json!([{"metadata": {"name": "x", "managedFields": [1]}, "spec": {"metadata": {"managedFields": 2}}}]);
    without_managed_fields(&mut value);
    assert_eq!(value, json!([{"metadata": {"name": "x"}, "spec": {"metadata": {}}}]));
}
