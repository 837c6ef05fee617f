//! The rig that the tests of a program share: namespaces, pods that end as their labels say, users, the audit log.
#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::time::Duration;

use chaos_kube::Cluster;
use chaos_rig::Rig;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::{Api, DeleteParams, DynamicObject, LogParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

/// A pod that does not come about by then never will.
const PATIENCE: Duration = Duration::from_mins(2);

fn pod(name: &str, labels: impl Into<Value>) -> Pod {
    let labels: Value = labels.into();
    serde_json::from_value(json!({
        "metadata": { "name": name, "labels": labels },
        "spec": { "restartPolicy": "Never", "containers": [{ "name": "main", "image": "stub" }] },
    }))
    .unwrap()
}

/// Waits until the pod is as asked for.
async fn until(pods: &Api<Pod>, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            last = serde_json::to_value(pods.get(name).await.unwrap()).unwrap();
            if holds(&last["status"]) {
                return last["status"].clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    found.unwrap_or_else(|_| panic!("{name} is not {what}: {}", last["status"]))
}

fn phase(wanted: &str) -> impl Fn(&Value) -> bool {
    move |status: &Value| status["phase"] == *wanted
}

#[tokio::test]
async fn pods_end_with_the_exit_code_and_the_reason_of_their_labels() {
    let Some(rig) = Rig::start() else { return };
    let (cluster, namespace) = (Cluster::connect(&rig.access()).await.unwrap(), rig.namespace().await);
    let pods = cluster.pods(&namespace);
    let rows = [
        ("zero", json!({ "rig.squall.dev/exit": "0" }), "Succeeded", 0, "Completed"),
        ("three", json!({ "rig.squall.dev/exit": "3" }), "Failed", 3, "Error"),
        (
            "killed",
            json!({ "rig.squall.dev/exit": "137", "rig.squall.dev/reason": "OOMKilled" }),
            "Failed",
            137,
            "OOMKilled",
        ),
        ("later", json!({ "rig.squall.dev/after": "1s" }), "Succeeded", 0, "Completed"),
    ];
    for (name, labels, ..) in &rows {
        pods.create(&PostParams::default(), &pod(name, labels.clone())).await.unwrap();
    }
    for (name, _, wanted, code, reason) in rows {
        let status = until(&pods, name, wanted, phase(wanted)).await;
        let ended = &status["containerStatuses"][0]["state"]["terminated"];
        assert_eq!(
            (ended["exitCode"].as_i64(), ended["reason"].as_str()),
            (Some(code), Some(reason)),
            "{name}: {status}"
        );
        assert!(ended["startedAt"].is_string() && ended["finishedAt"].is_string(), "{name}: {status}");
    }
}

#[tokio::test]
async fn a_pod_without_labels_runs_until_it_is_deleted() {
    let Some(rig) = Rig::start() else { return };
    let (cluster, namespace) = (Cluster::connect(&rig.access()).await.unwrap(), rig.namespace().await);
    let pods = cluster.pods(&namespace);
    pods.create(&PostParams::default(), &pod("forever", json!({}))).await.unwrap();
    let status = until(&pods, "forever", "running", phase("Running")).await;
    assert!(status["podIP"].is_string() && status["containerStatuses"][0]["state"]["running"].is_object(), "{status}");
    pods.delete("forever", &DeleteParams::default()).await.unwrap();
    gone(&pods, "forever").await;
}

async fn gone(pods: &Api<Pod>, name: &str) {
    let gone = async {
        while pods.get_opt(name).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap_or_else(|_| panic!("{name} is still there"));
}

#[tokio::test]
async fn a_pod_with_a_finalizer_stays_until_that_is_gone() {
    let Some(rig) = Rig::start() else { return };
    let (cluster, namespace) = (Cluster::connect(&rig.access()).await.unwrap(), rig.namespace().await);
    let pods = cluster.pods(&namespace);
    let mut held = pod("held", json!({}));
    held.metadata.finalizers = Some(vec!["squall.dev/test".to_owned()]);
    pods.create(&PostParams::default(), &held).await.unwrap();
    until(&pods, "held", "running", phase("Running")).await;
    pods.delete("held", &DeleteParams::default()).await.unwrap();
    // Another pod, deleted later, is gone before it.
    pods.create(&PostParams::default(), &pod("free", json!({}))).await.unwrap();
    until(&pods, "free", "running", phase("Running")).await;
    pods.delete("free", &DeleteParams::default()).await.unwrap();
    gone(&pods, "free").await;
    assert!(pods.get("held").await.unwrap().metadata.deletion_timestamp.is_some());
    let patch = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    pods.patch("held", &PatchParams::default(), &patch).await.unwrap();
    gone(&pods, "held").await;
}

#[tokio::test]
async fn containers_wait_for_the_reason_of_a_label_for_ever_or_for_its_time() {
    let Some(rig) = Rig::start() else { return };
    let (cluster, namespace) = (Cluster::connect(&rig.access()).await.unwrap(), rig.namespace().await);
    let pods = cluster.pods(&namespace);
    let waiting = json!({ "rig.squall.dev/waiting": "ErrImagePull", "rig.squall.dev/exit": "0" });
    let clearing = json!({
        "rig.squall.dev/waiting": "ImagePullBackOff", "rig.squall.dev/waiting-for": "1s", "rig.squall.dev/exit": "4"
    });
    pods.create(&PostParams::default(), &pod("waits", waiting)).await.unwrap();
    pods.create(&PostParams::default(), &pod("clears", clearing)).await.unwrap();
    let reason = |status: &Value| status["containerStatuses"][0]["state"]["waiting"]["reason"].clone();
    let status = until(&pods, "waits", "waiting", |status| reason(status) == "ErrImagePull").await;
    assert_eq!(status["phase"], "Pending");
    let status = until(&pods, "clears", "ended", phase("Failed")).await;
    assert_eq!(status["containerStatuses"][0]["state"]["terminated"]["exitCode"], 4, "{status}");
    let status = serde_json::to_value(pods.get("waits").await.unwrap()).unwrap()["status"].clone();
    assert_eq!(
        (status["phase"].as_str(), reason(&status)),
        (Some("Pending"), json!("ErrImagePull")),
        "it does not clear"
    );
}

#[tokio::test]
async fn containers_have_logs_whose_tail_can_be_read() {
    let Some(rig) = Rig::start() else { return };
    let (cluster, namespace) = (Cluster::connect(&rig.access()).await.unwrap(), rig.namespace().await);
    let pods = cluster.pods(&namespace);
    let mut loud = pod("loud", json!({ "rig.squall.dev/exit": "1" }));
    loud.spec.as_mut().unwrap().containers[0].name = "loud".to_owned();
    for made in [pod("quiet", json!({ "rig.squall.dev/exit": "0" })), loud] {
        pods.create(&PostParams::default(), &made).await.unwrap();
    }
    until(&pods, "quiet", "ended", phase("Succeeded")).await;
    until(&pods, "loud", "ended", phase("Failed")).await;
    let log = pods.logs("quiet", &LogParams::default()).await.unwrap();
    assert_eq!(log.lines().last(), Some("last line of the fake pod"), "{log}");
    assert_eq!(log.lines().count(), 3);
    let tail = LogParams { tail_lines: Some(2), ..LogParams::default() };
    let tail = pods.logs("loud", &tail).await.unwrap();
    let lines: Vec<_> = tail.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("line 29999 of many") && lines[1].starts_with("line 30000 of many"), "{tail}");
}

#[tokio::test]
async fn a_workflow_keeps_its_spec_and_loses_a_phase() {
    let Some(rig) = Rig::start() else { return };
    let (cluster, namespace) = (Cluster::connect(&rig.access()).await.unwrap(), rig.namespace().await);
    let workflows = cluster.chaos_mesh("Workflow", "workflows", &namespace);
    let templates =
        json!([{ "name": "a", "templateType": "Task", "task": { "container": { "name": "c", "command": ["x"] } } }]);
    let workflow: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "Workflow", "metadata": { "name": "w" },
        "spec": { "entry": "a", "templates": templates }, "status": { "entryNode": "dropped here" },
    }))
    .unwrap();
    let made = workflows.create(&PostParams::default(), &workflow).await.unwrap();
    assert_eq!(made.data["spec"]["templates"], templates, "unknown fields of templates are kept");
    assert_eq!(made.data["status"], Value::Null, "the status is written through its subresource alone");
    let status = json!({ "status": { "phase": "Failed", "entryNode": "a-1", "conditions": [{ "type": "Accomplished", "status": "True" }] } });
    let written = workflows.patch_status("w", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    assert_eq!(
        written.data["status"],
        json!({ "entryNode": "a-1", "conditions": [{ "type": "Accomplished", "status": "True" }] })
    );
    // The user-facing chaos kinds have no status subresource: the whole object is written.
    let chaos = cluster.chaos_mesh("PodChaos", "podchaos", &namespace);
    let kill: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "PodChaos", "metadata": { "name": "k" },
        "spec": { "action": "pod-kill" }, "status": { "conditions": [] },
    }))
    .unwrap();
    assert_eq!(chaos.create(&PostParams::default(), &kill).await.unwrap().data["status"], json!({ "conditions": [] }));
}

#[tokio::test]
async fn the_audit_log_tells_who_asked_for_what_in_order() {
    let Some(rig) = Rig::local() else { return };
    let (cluster, namespace) = (Cluster::connect(&rig.access()).await.unwrap(), rig.namespace().await);
    let pods = cluster.pods(&namespace);
    assert!(pods.get("one").await.is_err());
    pods.create(&PostParams::default(), &pod("one", json!({ "made-by": "test" }))).await.unwrap();
    until(&pods, "one", "running", phase("Running")).await;
    pods.delete("one", &DeleteParams::default()).await.unwrap();
    let audit: Vec<_> = rig.audit().into_iter().filter(|request| request.namespace == namespace).collect();
    let mut seen: Vec<_> = audit.iter().map(|request| (request.verb.as_str(), request.code)).collect();
    seen.dedup();
    assert_eq!(
        seen,
        [("get", 404), ("create", 201), ("get", 200), ("delete", 200)],
        "and nothing of scheduler, kwok or controllers"
    );
    assert!(audit.iter().all(|request| request.user == "admin" && request.resource == "pods"));
    assert!(audit.windows(2).all(|pair| pair[0].at <= pair[1].at));
    let create = audit.iter().find(|request| request.verb == "create").unwrap();
    assert_eq!(create.body["metadata"]["labels"]["made-by"], "test");
    assert_eq!(create.name, "one");
}

#[tokio::test]
async fn a_restricted_user_may_do_what_its_rules_say_and_no_more() {
    let Some(rig) = Rig::start() else { return };
    let (here, there) = (rig.namespace().await, rig.namespace().await);
    let rule = |resource: &str, verbs: &[&str]| PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: verbs.iter().map(ToString::to_string).collect(),
        ..PolicyRule::default()
    };
    let refused = |result: kube::Result<_>| matches!(result, Err(kube::Error::Api(status)) if status.code == 403);
    let everywhere = Cluster::connect(&rig.restricted(vec![rule("pods", &["get", "list"])]).await).await.unwrap();
    for namespace in [&here, &there] {
        everywhere.pods(namespace).list(&kube::api::ListParams::default()).await.unwrap();
        assert!(refused(
            everywhere.pods(namespace).create(&PostParams::default(), &pod("p", json!({}))).await.map(drop)
        ));
    }
    let one = Cluster::connect(&rig.restricted_to(&here, vec![rule("pods", &["create"])]).await).await.unwrap();
    one.pods(&here).create(&PostParams::default(), &pod("p", json!({}))).await.unwrap();
    assert!(refused(one.pods(&here).get("p").await.map(drop)));
    assert!(refused(one.pods(&there).create(&PostParams::default(), &pod("p", json!({}))).await.map(drop)));
}
