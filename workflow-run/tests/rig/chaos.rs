//! Chaos that lands passes; what did not land, or was not recovered, fails the run by name.

use std::time::Duration;

use chaos_core::NamePattern;
use chaos_workflow_run::{ScenarioOptions, ScenarioOutcome, ScenarioReport};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::stage::{Stage, anything, captured, options_as};

/// What of a pod makes the model refuse to inject, or to recover.
const REFUSES: &str = "rig.squall.dev/refuses-chaos";
const KEEPS: &str = "rig.squall.dev/keeps-chaos";
/// How long chaos is there: long enough that it is injected on a busy machine, too.
const DEADLINE: &str = "12s";
/// How long a run waits for chaos that is never recovered: long enough that everything else is gone by then on a busy machine, too.
const CLEAN: Duration = Duration::from_secs(30);

/// Chaos on pods with the label `app: target`.
fn on_targets() -> Value {
    json!({"action": "pod-failure", "mode": "all", "selector": {"labelSelectors": {"app": "target"}}})
}

/// A scenario of one template of chaos and a step after it.
fn scenario(stage: &Stage, chaos: &Value) {
    let name = &chaos["name"];
    let manifest = json!({
        "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "Workflow",
        "metadata": {"name": "release-$RUN_ID", "annotations": {"squall.dev/placeholders": "RUN_ID"}},
        "spec": {"entry": "main", "templates": [
            {"name": "main", "templateType": "Serial", "deadline": "5m", "children": [name, "after"]},
            chaos,
            {"name": "after", "templateType": "Task", "deadline": "2m", "task": {
                "labels": {"rig.squall.dev/exit": "0"}, "container": {"name": "main", "image": "stub"}}},
        ]},
    });
    // JSON is YAML.
    stage.commit(&serde_json::to_string_pretty(&manifest).unwrap());
}

fn cut(spec: &Value) -> Value {
    json!({"name": "cut", "templateType": "PodChaos", "deadline": DEADLINE, "podChaos": spec})
}

/// A pod that chaos is done to, with an annotation that is true.
async fn target(stage: &Stage, name: &str, annotation: Option<&str>) {
    let annotations = annotation.map(|key| json!({ key: "true" }));
    let pod = json!({
        "metadata": {"name": name, "labels": {"app": "target"}, "annotations": annotations},
        "spec": {"containers": [{"name": "main", "image": "stub"}]},
    });
    let pods = stage.cluster.pods(&stage.namespace);
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
}

async fn objects(stage: &Stage, kind: &str) -> usize {
    stage.cluster.chaos(kind, &stage.namespace).list(&ListParams::default()).await.unwrap().items.len()
}

fn outcome_of(report: &ScenarioReport, step: &str) -> Option<ScenarioOutcome> {
    report.steps.iter().find(|one| one.step == step).and_then(|one| one.outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn model_chaos_that_landed_passes_and_is_recovered() {
    let Some(stage) = Stage::new().await else { return };
    target(&stage, "a", None).await;
    target(&stage, "b", None).await;
    scenario(&stage, &cut(&on_targets()));
    let report = stage.run(stage.options("r1")).await;
    assert_eq!((report.outcome, report.exit_code), (ScenarioOutcome::Pass, 0), "{}", report.text());
    assert_eq!(outcome_of(&report, "cut"), Some(ScenarioOutcome::Pass));
    assert_eq!(outcome_of(&report, "after"), Some(ScenarioOutcome::Pass));
    assert_eq!(objects(&stage, "PodChaos").await, 0);
    stage.assert_nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn model_chaos_that_did_not_land_is_no_pass() {
    let rows = [
        (None, "its chaos did not land: its selector has found nothing"),
        (Some(REFUSES), "its chaos did not land: injected into 1 of 2: "),
    ];
    for (annotation, want) in rows {
        let Some(stage) = Stage::new().await else { return };
        if annotation.is_some() {
            target(&stage, "a", None).await;
            target(&stage, "b", annotation).await;
        }
        scenario(&stage, &cut(&on_targets()));
        let report = stage.run(stage.options("r1")).await;
        assert_eq!((report.outcome, report.exit_code), (ScenarioOutcome::InfraFail, 2), "{}", report.text());
        let first = report.first_failure.as_ref().unwrap();
        assert_eq!(first.step, "cut");
        assert!(first.detail.starts_with(want), "{}", first.detail);
        assert_eq!(outcome_of(&report, "cut"), Some(ScenarioOutcome::InfraFail));
        assert_eq!(objects(&stage, "PodChaos").await, 0);
        stage.assert_nothing_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn model_chaos_that_is_not_recovered_is_told_by_name() {
    let Some(stage) = Stage::new().await else { return };
    target(&stage, "a", Some(KEEPS)).await;
    scenario(&stage, &cut(&on_targets()));
    let options = ScenarioOptions { clean_timeout: CLEAN, ..stage.options("r1") };
    let report = stage.run(options).await;
    assert_eq!(report.exit_code, 3, "{}", report.text());
    let left = report.left.as_deref().unwrap();
    assert!(left.contains("perhaps still in force: PodChaos `cut-"), "{left}");
    assert!(captured(&report, "chaos.json").contains("pod-failure"));
    assert_eq!(objects(&stage, "PodChaos").await, 1, "or there is nothing to be told");
    // So that the namespace can go.
    let patch = Patch::Merge(json!({"metadata": {"annotations": {KEEPS: null}}}));
    stage.cluster.pods(&stage.namespace).patch("a", &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn model_a_schedule_passes_when_what_it_makes_lands() {
    for (has_target, want) in [(true, ScenarioOutcome::Pass), (false, ScenarioOutcome::InfraFail)] {
        let Some(stage) = Stage::new().await else { return };
        if has_target {
            target(&stage, "a", None).await;
        }
        let schedule =
            json!({"schedule": "@every 1s", "type": "PodChaos", "historyLimit": 2, "podChaos": on_targets()});
        scenario(
            &stage,
            &json!({"name": "again", "templateType": "Schedule", "deadline": DEADLINE, "schedule": schedule}),
        );
        let report = stage.run(stage.options("r1")).await;
        assert_eq!(report.outcome, want, "{}", report.text());
        assert_eq!(outcome_of(&report, "again"), Some(want));
        assert_eq!((objects(&stage, "PodChaos").await, objects(&stage, "Schedule").await), (0, 0));
        stage.assert_nothing_left().await;
    }
}

/// Its node and its Schedule are gone by then, and hold nothing up.
#[tokio::test(flavor = "multi_thread")]
async fn model_what_a_schedule_made_and_is_not_recovered_is_told_by_name() {
    let Some(stage) = Stage::new().await else { return };
    target(&stage, "a", Some(KEEPS)).await;
    let schedule = json!({"schedule": "@every 1s", "type": "PodChaos", "historyLimit": 2, "podChaos": on_targets()});
    scenario(&stage, &json!({"name": "again", "templateType": "Schedule", "deadline": DEADLINE, "schedule": schedule}));
    let options = ScenarioOptions { clean_timeout: CLEAN, ..stage.options("r1") };
    let report = stage.run(options).await;
    assert_eq!(report.exit_code, 3, "{}", report.text());
    let left = report.left.as_deref().unwrap();
    assert!(left.contains("perhaps still in force: PodChaos `again-"), "{left}");
    assert_eq!((objects(&stage, "PodChaos").await, objects(&stage, "Schedule").await), (1, 0));
    stage.assert_nothing_left().await;
    let patch = Patch::Merge(json!({"metadata": {"annotations": {KEEPS: null}}}));
    stage.cluster.pods(&stage.namespace).patch("a", &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_chaos_would_reach_is_refused_before_anything_is_applied() {
    let Some(stage) = Stage::new().await else { return };
    let mut spec = on_targets();
    spec["selector"]["namespaces"] = json!(["elsewhere"]);
    scenario(&stage, &cut(&spec));
    let own = || vec![NamePattern(stage.namespace.clone())];
    let mut policy = anything();
    policy.clusters.namespaces = own();
    let (report, _) = stage.start_within(stage.options("r1"), policy).end().await;
    assert_eq!(report.exit_code, 2);
    let why = &report.first_failure.as_ref().unwrap().detail;
    assert!(why.contains("namespace `elsewhere`"), "{why}");
    // A kind that may not be touched is not touched through a Workflow either.
    let mut policy = anything();
    policy.clusters.kinds = vec![NamePattern("Workflow".into()), NamePattern("Pod".into())];
    let (report, _) = stage.start_within(stage.options("r2"), policy).end().await;
    let why = &report.first_failure.as_ref().unwrap().detail;
    assert!(why.contains("kind `PodChaos`"), "{why}");
    // And whoever may not see it can't say what has become of it.
    let may = |groups: &str, resources: &[&str]| PolicyRule {
        api_groups: Some(vec![groups.to_owned()]),
        resources: Some(resources.iter().map(|&word| word.to_owned()).collect()),
        verbs: vec!["*".to_owned()],
        ..PolicyRule::default()
    };
    let rules = vec![may("chaos-mesh.org", &["workflows", "workflownodes"]), may("", &["pods", "configmaps"])];
    let access = stage.rig.restricted_to(&stage.namespace, rules).await;
    let report = stage.run(options_as(stage.options("r3"), access)).await;
    let why = &report.first_failure.as_ref().unwrap().detail;
    assert!(why.contains("list podchaos") && why.contains("watch podchaos"), "{why}");
    let writes = |verb: &str| ["create", "update", "patch", "delete", "deletecollection"].contains(&verb);
    assert!(!stage.asked().iter().any(|one| writes(&one.verb) && one.resource == "workflows"));
}
