//! Chaos objects find their targets once, are injected and recovered, and stay until they are.

use std::time::Duration;

use chaos_manifests::ChaosKind;
use chaos_rig::model::WorkflowModel;
use k8s_openapi::api::core::v1::Event;
use kube::ResourceExt as _;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::world::{World, serial};

const REFUSES: &str = "rig.squall.dev/refuses-chaos";
const KEEPS: &str = "rig.squall.dev/keeps-chaos";

/// Objects of a kind of chaos, or Schedules.
pub(crate) fn objects(world: &World, kind: &str) -> Api<DynamicObject> {
    world.cluster.chaos(kind, &world.namespace)
}

/// Looks until the objects of a kind are so: 120 s at most, for a machine that is busy.
pub(crate) async fn until(
    world: &World,
    kind: &str,
    what: &str,
    so: impl Fn(&[DynamicObject]) -> bool,
) -> Vec<DynamicObject> {
    let objects = objects(world, kind);
    for _ in 0..2400 {
        let found = objects.list(&ListParams::default()).await.unwrap().items;
        if so(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let found = objects.list(&ListParams::default()).await.unwrap().items;
    panic!("never: {what}\n{found:#?}\nerrors {:#?}", world.model.as_ref().map(WorkflowModel::errors));
}

/// The status of a condition of a chaos object; empty while it is absent.
fn condition<'a>(object: &'a DynamicObject, kind: &str) -> &'a str {
    let all = object.data["status"]["conditions"].as_array();
    let found = all.and_then(|all| all.iter().find(|it| it["type"] == kind));
    found.and_then(|it| it["status"].as_str()).unwrap_or_default()
}

/// Whether exactly these of the four conditions are true, and the others there and false.
pub(crate) fn true_are(object: &DynamicObject, expected: &[&str]) -> bool {
    let truth = |kind: &str| if expected.contains(&kind) { "True" } else { "False" };
    let all = ["Selected", "AllInjected", "AllRecovered", "Paused"];
    all.iter().all(|kind| condition(object, kind) == truth(kind))
}

fn records(object: &DynamicObject) -> &[Value] {
    object.data["status"]["experiment"]["containerRecords"].as_array().map_or(&[], Vec::as_slice)
}

/// How many events of an operation with that end all records of an object hold.
fn events(object: &DynamicObject, operation: &str, end: &str) -> usize {
    let all = records(object).iter().filter_map(|it| it["events"].as_array()).flatten();
    all.filter(|it| it["operation"] == operation && it["type"] == end).count()
}

/// A pod that chaos may be done to, with an annotation that is true.
pub(crate) async fn target(world: &World, name: &str, annotation: Option<&str>) {
    let annotations = annotation.map(|key| json!({ key: "true" }));
    let pod = json!({
        "metadata": { "name": name, "labels": { "app": "target" }, "annotations": annotations },
        "spec": { "containers": [{ "name": "main", "image": "stub" }] },
    });
    world.pods().create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
}

async fn take_away(world: &World, pod: &str, annotation: &str) {
    let patch = json!({ "metadata": { "annotations": { annotation: null } } });
    world.pods().patch(pod, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

async fn annotate(world: &World, object: &DynamicObject, key: &str, value: &str) {
    let patch = json!({ "metadata": { "annotations": { key: value } } });
    let api = objects(world, &object.types.as_ref().unwrap().kind);
    api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

fn finalizers(object: &DynamicObject) -> &[String] {
    object.metadata.finalizers.as_deref().unwrap_or_default()
}

/// A node with chaos for all target pods.
fn pod_chaos(action: &str) -> Value {
    json!({ "name": "fault", "templateType": "PodChaos",
            "podChaos": { "action": action, "mode": "all", "selector": { "labelSelectors": { "app": "target" } } } })
}

async fn flow(world: &World, chaos: Value) {
    world.flow(&[serial("entry", None, &["fault"]), chaos]).await;
}

/// Waits for the only chaos object of a Workflow.
async fn one(world: &World, kind: &str, what: &str, so: impl Fn(&DynamicObject) -> bool) -> DynamicObject {
    until(world, kind, what, |all| all.len() == 1 && so(&all[0])).await.remove(0)
}

#[tokio::test]
async fn model_chaos_is_injected_into_all_its_targets_and_recovered_before_its_object_goes() {
    let Some(world) = World::new().await else { return };
    for name in ["b", "a"] {
        target(&world, name, None).await;
    }
    flow(&world, pod_chaos("pod-failure")).await;
    let injected = ["Selected", "AllInjected"];
    let object = one(&world, "PodChaos", "all are injected", |it| true_are(it, &injected)).await;
    assert_eq!(finalizers(&object), ["chaos-mesh/records"]);
    assert_eq!(object.data["status"]["experiment"]["desiredPhase"], "Run");
    let ids: Vec<_> = records(&object).iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [format!("{}/a", world.namespace), format!("{}/b", world.namespace)]);
    assert!(records(&object).iter().all(|it| it["injectedCount"] == 1 && it["phase"] == "Injected"));
    world.abort(Some("true")).await;
    until(&world, "PodChaos", "the object is gone", <[_]>::is_empty).await;
    // Events are written last.
    world.caught_up().await;
    let reasons = world.reasons().await;
    assert_eq!(reasons.iter().filter(|it| *it == "Recovered").count(), 2, "{reasons:?}");
    assert_eq!(world.model.as_ref().unwrap().errors(), Vec::<String>::new());
    assert!(world.pods().get("a").await.unwrap().metadata.deletion_timestamp.is_none(), "only a kill deletes pods");
}

#[tokio::test]
async fn model_a_kill_deletes_its_pods_and_is_never_recovered() {
    let Some(world) = World::new().await else { return };
    target(&world, "a", None).await;
    let mut kill = pod_chaos("pod-kill");
    kill["podChaos"]["duration"] = "1s".into();
    flow(&world, kill).await;
    let injected = ["Selected", "AllInjected"];
    let object = one(&world, "PodChaos", "the pod is killed", |it| true_are(it, &injected)).await;
    assert!(world.pods().get_opt("a").await.unwrap().is_none());
    // A pod of the same name is another pod: it is neither selected nor killed again.
    target(&world, "a", None).await;
    let created = object.metadata.creation_timestamp.as_ref().unwrap().0;
    while k8s_openapi::jiff::Timestamp::now().duration_since(created).as_secs() < 3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    annotate(&world, &object, "test", "look again").await;
    world.caught_up().await;
    let object = one(&world, "PodChaos", "the object is there", |_| true).await;
    assert!(true_are(&object, &injected), "{object:#?}");
    assert_eq!(object.data["status"]["experiment"]["desiredPhase"], "Run", "its duration is over");
    assert!(world.pods().get_opt("a").await.unwrap().is_some());
}

#[tokio::test]
async fn model_chaos_without_a_target_is_never_injected_also_when_one_comes() {
    let Some(world) = World::new().await else { return };
    flow(&world, pod_chaos("pod-kill")).await;
    let object = one(&world, "PodChaos", "nothing was selected", |it| true_are(it, &[])).await;
    target(&world, "late", None).await;
    annotate(&world, &object, "test", "look again").await;
    world.caught_up().await;
    let object = one(&world, "PodChaos", "the object is there", |_| true).await;
    assert!(true_are(&object, &[]) && records(&object).is_empty(), "{object:#?}");
    assert!(world.pods().get_opt("late").await.unwrap().is_some());
    let events: Api<Event> = Api::namespaced(world.cluster.client(), &world.namespace);
    let told = events.list(&ListParams::default()).await.unwrap().items.into_iter().filter_map(|it| it.message);
    assert_eq!(told.filter(|it| it.contains("no target has been selected")).count(), 1);
    world.abort(Some("true")).await;
    until(&world, "PodChaos", "the object is gone", <[_]>::is_empty).await;
}

#[tokio::test]
async fn model_a_pod_that_refuses_is_tried_again_until_it_does_not() {
    let Some(world) = World::new().await else { return };
    target(&world, "a", None).await;
    target(&world, "b", Some(REFUSES)).await;
    flow(&world, pod_chaos("pod-failure")).await;
    let object = one(&world, "PodChaos", "it failed three times", |it| events(it, "Apply", "Failed") >= 3).await;
    assert!(true_are(&object, &["Selected"]), "{object:#?}");
    assert_eq!(events(&object, "Apply", "Succeeded"), 1, "the other pod, and that once: {object:#?}");
    let errors = world.model.as_ref().unwrap().errors();
    assert!(errors.iter().any(|it| it.contains("/b: the pod refuses chaos")), "{errors:?}");
    take_away(&world, "b", REFUSES).await;
    let injected = ["Selected", "AllInjected"];
    let object = one(&world, "PodChaos", "all are injected", |it| true_are(it, &injected)).await;
    assert!(records(&object).iter().all(|it| it["injectedCount"] == 1), "{object:#?}");
}

#[tokio::test]
async fn model_a_pod_that_keeps_its_chaos_holds_the_object_after_its_node_has_finished() {
    let Some(world) = World::new().await else { return };
    target(&world, "a", Some(KEEPS)).await;
    let object = kept(&world).await;
    assert!(object.metadata.deletion_timestamp.is_some() && finalizers(&object) == ["chaos-mesh/records"]);
    assert!(true_are(&object, &["Selected", "AllInjected"]), "{object:#?}");
    assert_eq!(object.data["status"]["experiment"]["desiredPhase"], "Stop");
    assert!(world.seen().await.holds("fault", "ChaosInjected"), "the object is there");
    take_away(&world, "a", KEEPS).await;
    world.until("the object is gone", |seen| !seen.holds("fault", "ChaosInjected")).await;
    assert!(objects(&world, "PodChaos").list(&ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn model_an_object_that_is_held_goes_by_force() {
    let Some(world) = World::new().await else { return };
    target(&world, "a", Some(KEEPS)).await;
    let object = kept(&world).await;
    annotate(&world, &object, "chaos-mesh.chaos-mesh.org/cleanFinalizer", "forced").await;
    until(&world, "PodChaos", "the object is gone", <[_]>::is_empty).await;
    world.caught_up().await;
    assert!(!world.reasons().await.contains(&"Recovered".to_owned()));
}

/// Chaos of a node that has finished, after two recoveries that failed.
async fn kept(world: &World) -> DynamicObject {
    flow(world, pod_chaos("pod-failure")).await;
    let injected = ["Selected", "AllInjected"];
    one(world, "PodChaos", "it is injected", |it| true_are(it, &injected)).await;
    world.abort(Some("true")).await;
    world.until("the node has finished", |seen| seen.accomplished() && seen.holds("fault", "Aborted")).await;
    one(world, "PodChaos", "its recovery failed twice", |it| events(it, "Recover", "Failed") >= 2).await
}

#[tokio::test]
async fn model_chaos_whose_duration_is_over_is_recovered_and_stays() {
    let Some(world) = World::new().await else { return };
    target(&world, "a", None).await;
    let mut failure = pod_chaos("pod-failure");
    // Long enough that it is injected before on a busy machine, too.
    failure["podChaos"]["duration"] = "10s".into();
    flow(&world, failure).await;
    let recovered = ["Selected", "AllRecovered"];
    let object = one(&world, "PodChaos", "it is recovered", |it| true_are(it, &recovered)).await;
    let record = &records(&object)[0];
    assert_eq!((&record["injectedCount"], &record["recoveredCount"]), (&json!(1), &json!(1)));
    assert_eq!(object.data["status"]["experiment"]["desiredPhase"], "Stop");
    assert!(object.metadata.deletion_timestamp.is_none() && !world.seen().await.accomplished());
}

#[tokio::test]
async fn model_chaos_that_is_paused_is_recovered_and_injected_again() {
    let Some(world) = World::new().await else { return };
    target(&world, "a", None).await;
    flow(&world, pod_chaos("pod-failure")).await;
    let injected = ["Selected", "AllInjected"];
    let object = one(&world, "PodChaos", "it is injected", |it| true_are(it, &injected)).await;
    annotate(&world, &object, chaos_manifests::PAUSE_ANNOTATION, "true").await;
    let paused = ["Selected", "AllRecovered", "Paused"];
    one(&world, "PodChaos", "it is paused", |it| true_are(it, &paused)).await;
    annotate(&world, &object, chaos_manifests::PAUSE_ANNOTATION, "false").await;
    let object = one(&world, "PodChaos", "it is injected again", |it| true_are(it, &injected)).await;
    assert_eq!(records(&object)[0]["injectedCount"], 2);
}

#[tokio::test]
async fn model_chaos_of_every_kind_is_injected_and_without_a_selector_into_itself() {
    let Some(world) = World::new().await else { return };
    target(&world, "a", None).await;
    let mut all = serial("entry", None, &[]);
    all["templateType"] = "Parallel".into();
    all["children"] = ChaosKind::ALL.iter().map(|it| it.kind.to_lowercase()).collect();
    let mut templates = vec![all];
    for kind in ChaosKind::ALL {
        let spec = json!({ "mode": "one", "selector": { "pods": { &world.namespace: ["a"] } } });
        templates.push(json!({ "name": kind.kind.to_lowercase(), "templateType": kind.kind, kind.field: spec }));
    }
    world.flow(&templates).await;
    for kind in ChaosKind::ALL {
        let injected = ["Selected", "AllInjected"];
        let object = one(&world, kind.kind, kind.kind, |it| true_are(it, &injected)).await;
        let own = if kind.has_selector { format!("{}/a", world.namespace) } else { object.name_any() };
        assert_eq!(records(&object)[0]["id"], own.as_str(), "{}", kind.kind);
    }
}

#[tokio::test]
async fn model_chaos_that_was_there_before_the_model_is_injected() {
    let Some(mut world) = World::new().await else { return };
    drop(world.model.take());
    target(&world, "a", None).await;
    let object = json!({ "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "PodChaos", "metadata": { "name": "left" },
                         "spec": pod_chaos("pod-failure")["podChaos"] });
    let object = serde_json::from_value(object).unwrap();
    objects(&world, "PodChaos").create(&PostParams::default(), &object).await.unwrap();
    world.model = Some(WorkflowModel::start_in(&world.rig.access(), &world.namespace));
    one(&world, "PodChaos", "it is injected", |it| true_are(it, &["Selected", "AllInjected"])).await;
}

#[tokio::test]
async fn model_no_kind_of_chaos_is_watched_before_it_is_used() {
    let Some(world) = World::new().await else { return };
    target(&world, "a", None).await;
    world.caught_up().await;
    let watched = || {
        let mut all: Vec<_> = world.rig.audit();
        all.retain(|it| it.namespace == world.namespace && it.verb == "watch" && it.resource.ends_with("chaos"));
        let mut kinds: Vec<_> = all.into_iter().map(|it| it.resource).collect();
        kinds.dedup();
        kinds
    };
    assert_eq!(watched(), Vec::<String>::new());
    flow(&world, pod_chaos("pod-failure")).await;
    one(&world, "PodChaos", "it is injected", |it| true_are(it, &["Selected", "AllInjected"])).await;
    // The log is written behind the answers.
    while watched().is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(watched(), ["podchaos"]);
}
