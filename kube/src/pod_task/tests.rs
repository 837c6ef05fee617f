//! What needs no cluster: names, objects, and what a pod's status comes to.

use chaos_core::{StepContext, StepNode, StepOutcome};
use chaos_test::run_context;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::object::Identity;
use super::state::{PodState, Stand};
use super::*;
use crate::sweep_pods::RUN_LABEL;

fn task(more: &Value) -> PodTask {
    let mut task = json!({
        "namespace": "nightly",
        "pod": { "container": { "name": "main", "image": "x", "future": {"field": 1} } },
    });
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(task).unwrap()
}

fn cx(step: &str, attempt: u64) -> StepContext {
    StepContext::new(run_context().build(), "/nowhere".into(), step).attempt_of(attempt)
}

fn pod(status: &Value) -> PodState {
    let pod = json!({ "metadata": { "name": "p" }, "status": status });
    PodState { pod: Some(std::sync::Arc::new(serde_json::from_value(pod).unwrap())), gone: false }
}

fn terminated(code: i32, more: &Value) -> Value {
    let mut ended = json!({ "exitCode": code });
    ended.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let its = json!({ "name": "main", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "terminated": ended } });
    json!({ "phase": if code == 0 { "Succeeded" } else { "Failed" }, "containerStatuses": [its] })
}

fn waiting(reason: &str) -> Value {
    let its = json!({ "name": "main", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "waiting": { "reason": reason, "message": "first\nsecond" } } });
    json!({ "phase": "Pending", "containerStatuses": [its] })
}

fn end(state: &PodState) -> (StepOutcome, String) {
    match state.stand("main") {
        Stand::Ended(end) => (end.outcome, end.detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_exit_is_classified() {
    let rows = [
        (terminated(0, &json!({})), StepOutcome::Pass, "exited with 0"),
        (terminated(1, &json!({})), StepOutcome::TaskFail, "exited with 1"),
        (terminated(2, &json!({})), StepOutcome::InfraFail, "exited with 2"),
        (terminated(77, &json!({"reason": "Error"})), StepOutcome::TaskFail, "exited with 77"),
        (terminated(137, &json!({"reason": "OOMKilled"})), StepOutcome::TaskFail, "137, as after signal 9 (OOMKilled)"),
        (terminated(1, &json!({"signal": 15})), StepOutcome::TaskFail, "as after signal 15"),
        (terminated(128, &json!({"reason": "StartError"})), StepOutcome::InfraFail, "(StartError)"),
        (terminated(137, &json!({"reason": "ContainerStatusUnknown"})), StepOutcome::InfraFail, "Unknown"),
        (json!({"phase": "Failed", "reason": "Evicted", "message": "disk"}), StepOutcome::InfraFail, "(Evicted: disk)"),
        (json!({"phase": "Succeeded"}), StepOutcome::InfraFail, "without an exit code"),
    ];
    for (status, outcome, detail) in rows {
        let (seen, said) = end(&pod(&status));
        assert_eq!(seen, outcome, "{status}");
        assert!(said.contains(detail), "{said}");
    }
}

#[test]
fn what_is_stuck_is_told_from_what_is_on_its_way() {
    for reason in ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"] {
        assert_eq!(pod(&waiting(reason)).stand("main"), Stand::Stuck(format!("{reason}: first")));
    }
    for reason in ["ContainerCreating", "PodInitializing"] {
        assert_eq!(pod(&waiting(reason)).stand("main"), Stand::Going);
    }
    assert_eq!(pod(&json!({ "phase": "Pending" })).stand("main"), Stand::Going);
    assert_eq!(pod(&json!({ "phase": "Running" })).stand("main"), Stand::Going);
    assert_eq!(PodState::default().stand("main"), Stand::Going);
    // Another container that ends says nothing.
    assert_eq!(pod(&json!({ "phase": "Running", "containerStatuses": [] })).stand("main"), Stand::Going);
}

#[test]
fn a_pod_that_somebody_else_deletes_is_no_failure_of_the_task() {
    let mut gone = pod(&json!({ "phase": "Running" }));
    gone.gone = true;
    let (outcome, detail) = end(&gone);
    assert_eq!(outcome, StepOutcome::InfraFail);
    assert!(detail.contains("gone before its end"), "{detail}");
    for (code, outcome) in [(0, StepOutcome::Pass), (143, StepOutcome::InfraFail)] {
        let mut taken: Pod = Pod::clone(pod(&terminated(code, &json!({}))).pod.as_ref().unwrap());
        taken.metadata.deletion_timestamp = Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
        assert_eq!(end(&PodState { pod: Some(std::sync::Arc::new(taken)), gone: false }).0, outcome);
    }
}

#[test]
fn the_name_of_a_pod_is_made_of_run_step_and_attempt() {
    let name = |run: &str, step: &str, attempt| Identity::of(&cx(step, attempt), run).name;
    assert_eq!(name("r1", "one", 1), name("r1", "one", 1));
    let long = "x".repeat(200);
    let names = [
        name("r1", "one", 1),
        name("r1", "one", 2),
        name("r1", "two", 1),
        name("r2", "one", 1),
        name("r1", &long, 1),
        name("r1", &format!("{long}y"), 1),
        name("R_1.x", "Ü", 1),
        name(&"-".repeat(63), "-", 1),
    ];
    let different: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "{names:?}");
    for name in &names {
        let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(name.len() <= 63 && name.chars().all(inside), "{name}");
        assert!(!name.starts_with('-') && !name.ends_with('-'), "{name}");
    }
    assert!(names[0].starts_with("r1-one-1-"), "{}", names[0]);
}

#[test]
fn the_pod_runs_once_belongs_to_its_run_and_keeps_fields_that_nobody_here_knows() {
    let labels = json!({ "pod": {
        "container": { "name": "main", "image": "x", "future": {"field": 1} },
        "labels": { "a": "b", RUN_LABEL: "another" }, "serviceAccountName": "s", "volumes": [{"name": "v", "emptyDir": {}}],
    } });
    let identity = Identity::of(&cx("one", 1), "r1");
    let pod = identity.pod(&task(&labels));
    assert_eq!(pod["spec"]["restartPolicy"], "Never");
    assert_eq!(pod["spec"]["containers"][0]["future"], json!({"field": 1}));
    assert_eq!((&pod["spec"]["serviceAccountName"], &pod["spec"]["volumes"][0]["name"]), (&json!("s"), &json!("v")));
    let labels = &pod["metadata"]["labels"];
    assert_eq!((&labels["a"], &labels[RUN_LABEL]), (&json!("b"), &json!("r1")));
    assert!(identity.is(&serde_json::from_value(pod.clone()).unwrap()));
    let other = Identity::of(&cx("one", 2), "r1");
    assert!(!other.is(&serde_json::from_value(pod).unwrap()), "another attempt's pod was taken for ours");
}

#[test]
fn what_no_cluster_would_take_is_refused_before_anything_is_done() {
    let bad = [
        json!({ "pod": { "container": { "name": "main" } } }),
        json!({ "pod": { "container": { "image": "x" } } }),
        json!({ "namespace": "" }),
        json!({ "run": "-x" }),
        json!({ "run": "a/b" }),
        json!({ "run": "x".repeat(64) }),
    ];
    for more in bad {
        assert!(Step::reach(&task(&more)).is_err(), "{more}");
    }
}

#[test]
fn the_reach_names_context_namespace_and_kind_for_the_policy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, "apiVersion: v1\nkind: Config\ncurrent-context: kind\n").unwrap();
    let reach = Step::reach(&task(&json!({ "kubeconfig": file }))).unwrap();
    let asked = &reach.clusters[0];
    assert_eq!((asked.context.as_str(), asked.namespace.as_str()), ("kind", "nightly"));
    let refusal = chaos_core::Policy::default().check_cluster(asked).unwrap_err();
    assert_eq!(refusal.flag.as_deref(), Some("--allow-context kind --allow-namespace nightly --allow-kind Pod"));
    let named = Step::reach(&task(&json!({ "kubeconfig": file, "context": "other" }))).unwrap();
    assert_eq!(named.clusters[0].context, "other");
}

#[test]
fn the_step_is_registered() {
    let document = json!({ "type": "pod_task", "name": "a", "namespace": "n", "deadline_seconds": 5,
        "pod": { "container": { "name": "main", "image": "x" } } });
    let node: StepNode = serde_json::from_value(document).unwrap();
    assert_eq!(node.type_name(), "pod_task");
}
