//! Runs on an API server that throttles them.

use chaos_workflow_run::{ScenarioMode, ScenarioOptions, ScenarioOutcome};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::modes::{end_pod, held};
use crate::stage::{Stage, options_as};
use crate::throttle::{Throttle, pauses_are_kept, refusals, somebody};

/// The steps whose pods were made, in their order.
fn made(stage: &Stage) -> Vec<String> {
    let asked = stage.rig.audit_of(&stage.namespace).into_iter();
    let asked = asked.filter(|one| one.verb == "create" && one.resource == "pods" && one.code == 201);
    asked.map(|one| step_of(&one.body)).collect()
}

/// The step in the name of a pod, which is `WORKFLOW-STEP-…` in strict mode and `STEP-…` else.
fn step_of(pod: &Value) -> String {
    let meta = &pod["metadata"];
    let name = meta["name"].as_str().or(meta["generateName"].as_str()).unwrap();
    name.trim_start_matches("release-r1-").split('-').next().unwrap().to_owned()
}

/// Row 1.7: what stops the Workflow, captures and cleans up is refused for a while; the verdict is the same.
#[tokio::test(flavor = "multi_thread")]
async fn model_a_server_that_throttles_costs_no_verdict() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(Some("10m"), &[("one", 0, "0s"), ("two", 0, "600s"), ("three", 0, "0s")]);
    let user = somebody(&stage).await;
    let started = stage.start(options_as(stage.options("r1"), user.clone()));
    stage.until_pod("two").await;
    let throttle = Throttle::begin(&stage, &user, &["*"], &["*"]).await;
    let failed = json!({"metadata": {"name": "workflow-vars-release-r1"}, "data": {"EXIT_REASON": "task-fail"}});
    let failed: ConfigMap = serde_json::from_value(failed).unwrap();
    stage.cluster.config_maps(&stage.namespace).create(&PostParams::default(), &failed).await.unwrap();
    throttle.until_felt("patch", "workflows").await;
    pauses_are_kept(&user, &refusals(&stage, "patch", "workflows")).await;
    throttle.end().await;
    let (report, _) = started.end().await;
    assert_eq!((report.outcome, report.exit_code), (ScenarioOutcome::TaskFail, 1), "{}", report.text());
    let first = report.first_failure.unwrap();
    assert_eq!((first.step.as_str(), first.detail.as_str()), ("two", "EXIT_REASON is `task-fail`"));
    assert_eq!((report.problems, report.began_after_failure), (vec![], vec![]));
    assert_eq!(made(&stage), ["one", "two"]);
    stage.assert_nothing_left().await;
}

/// The same for our own engine, whose pods are not made for a while: each is made once, and none after the failure.
#[tokio::test(flavor = "multi_thread")]
async fn a_strict_run_survives_a_server_that_throttles() {
    let Some(stage) = Stage::of_shared(false).await else { return };
    let steps = [("one", None), ("two", Some(0)), ("three", Some(1)), ("four", Some(0))];
    stage.commit(&held(&steps, true));
    let user = somebody(&stage).await;
    let options = ScenarioOptions { mode: ScenarioMode::Strict, ..options_as(stage.options("r1"), user.clone()) };
    let throttle = Throttle::begin(&stage, &user, &["*"], &["*"]).await;
    let started = stage.start(options);
    // Nothing is made before it is known what there is.
    throttle.until_felt("list", "pods").await;
    pauses_are_kept(&user, &refusals(&stage, "list", "pods")).await;
    throttle.end().await;
    // The first step goes on until the next pods are refused.
    let pod = stage.until_pod("release-r1-one").await;
    let throttle = Throttle::begin(&stage, &user, &["create"], &["pods"]).await;
    end_pod(&stage, &pod).await;
    throttle.until_felt("create", "pods").await;
    pauses_are_kept(&user, &refusals(&stage, "create", "pods")).await;
    throttle.end().await;
    let (report, _) = started.end().await;
    assert_eq!((report.outcome, report.exit_code), (ScenarioOutcome::TaskFail, 1), "{}", report.text());
    assert_eq!(report.first_failure.unwrap().step, "three");
    assert_eq!(made(&stage), ["one", "two", "three"]);
    assert_eq!(stage.rig.objects(&stage.namespace), Vec::<String>::new());
}

/// Row 1.6: a Workflow of that name that comes between the look whether there is one and the creation. A throttle of the creation alone makes
/// time for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_at_the_last_moment_is_refused_and_left_alone() {
    let Some(stage) = Stage::of_shared(false).await else { return };
    stage.scenario(Some("10m"), &[("one", 0, "0s")]);
    let user = somebody(&stage).await;
    let throttle = Throttle::begin(&stage, &user, &["create"], &["workflows"]).await;
    let started = stage.start(options_as(stage.options("r1"), user.clone()));
    throttle.until_felt("create", "workflows").await;
    let workflow = json!({
        "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "Workflow", "metadata": {"name": "release-r1"},
        "spec": {"entry": "wait", "templates": [{"name": "wait", "templateType": "Suspend", "deadline": "10m"}]},
    });
    let api = stage.cluster.chaos_mesh("Workflow", "workflows", &stage.namespace);
    let other = api.create(&PostParams::default(), &serde_json::from_value(workflow).unwrap()).await.unwrap();
    throttle.end().await;
    let (report, run) = started.end().await;
    let first = report.first_failure.as_ref().unwrap();
    assert!(first.detail.contains("has a Workflow `release-r1` of that name already"), "{}", first.detail);
    assert_eq!((report.exit_code, run.verdict.exit_code(), report.applied), (2, 2, false), "{}", report.text());
    let asked: Vec<_> = stage.asked().into_iter().filter(|one| one.user != "admin").collect();
    let codes: Vec<u16> = asked.iter().filter(|one| one.verb == "create").map(|one| one.code).collect();
    assert_eq!((codes.last(), codes.contains(&201)), (Some(&409), false), "{codes:?}");
    assert!(!asked.iter().any(|one| ["patch", "delete"].contains(&one.verb.as_str())), "{asked:#?}");
    assert_eq!(api.get("release-r1").await.unwrap(), other);
    // What was armed for it is not left, and would not touch it.
    let journals = chaos_core::StateDir::at(stage.folder.path().join("state"));
    let recovered = tokio::task::spawn_blocking(move || chaos_runner::recover(&journals)).await.unwrap().unwrap();
    assert_eq!(recovered.exit_code(), 0, "{recovered:?}");
    assert_eq!(api.get("release-r1").await.unwrap(), other);
}
