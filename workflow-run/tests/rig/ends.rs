//! Every way out: interrupted, panicked, with something that stays, and after a run that died.

use std::time::Duration;

use chaos_rig::Rig;
use chaos_workflow_run::{RunFolder, ScenarioOptions, ScenarioOutcome, WrapperStep, capture_dead};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::stage::{Stage, anything, captured};

/// What is done as each step begins.
type AtStep = fn(WrapperStep);

/// Row 1.10, SIGINT and SIGTERM: both cancel the run.
#[tokio::test(flavor = "multi_thread")]
async fn model_an_interrupted_run_is_captured_and_cleaned() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(Some("10m"), &[("one", 0, "600s"), ("two", 0, "0s")]);
    let started = stage.start(stage.options("r1"));
    stage.until_followed("one").await;
    started.control.cancel();
    let (report, run) = started.end().await;
    assert_eq!(report.first_failure.as_ref().unwrap().detail, "poll: interrupted", "{}", report.text());
    assert_eq!((report.exit_code, run.verdict.exit_code()), (2, 2));
    assert!(captured(&report, "workflow-nodes.txt").contains("one [Task]"));
    stage.assert_nothing_left().await;
}

/// Row 1.10, a panic at each step: what follows it is done all the same.
#[tokio::test(flavor = "multi_thread")]
async fn model_a_panic_at_any_step_leaves_nothing() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(Some("10m"), &[("one", 0, "0s")]);
    let at: [(&str, AtStep); 5] = [
        ("fetch", |step| assert!(step != WrapperStep::Fetch, "on purpose")),
        ("render", |step| assert!(step != WrapperStep::Render, "on purpose")),
        ("apply", |step| assert!(step != WrapperStep::Apply, "on purpose")),
        ("poll", |step| assert!(step != WrapperStep::Poll, "on purpose")),
        ("capture", |step| assert!(step != WrapperStep::Capture, "on purpose")),
    ];
    for (name, at_step) in at {
        let report = stage.run(ScenarioOptions { at_step: Some(at_step), ..stage.options(name) }).await;
        let want = if name == "capture" { 0 } else { 2 };
        assert_eq!(report.exit_code, want, "{name}: {}", report.text());
        let told = serde_json::to_string(&report).unwrap();
        assert!(told.contains("panicked"), "{name}: {told}");
        stage.assert_nothing_left().await;
    }
}

/// Row 1.11: a pod that does not go does not hold the run up, and is told.
#[tokio::test(flavor = "multi_thread")]
async fn model_what_can_not_be_removed_is_told() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(Some("10m"), &[("one", 0, "600s")]);
    let started = stage.start(ScenarioOptions { clean_timeout: Duration::from_secs(20), ..stage.options("r1") });
    let pod = stage.until_pod("one").await;
    let pods = stage.cluster.pods(&stage.namespace);
    let patch = json!({"metadata": {"finalizers": ["example.org/stays"]}});
    pods.patch(&pod, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    started.control.cancel();
    let (report, run) = started.end().await;
    assert_eq!((report.exit_code, run.verdict.exit_code()), (3, 3), "{}", report.text());
    let left = report.left.clone().unwrap();
    assert!(left.contains("still being deleted") && left.contains("one"), "{left}");
    let free = json!({"metadata": {"finalizers": null}});
    pods.patch(&pod, &PatchParams::default(), &Patch::Merge(&free)).await.unwrap();
    // What recovery does with nothing but the record.
    let journals = chaos_core::StateDir::at(stage.folder.path().join("state"));
    let recovered = tokio::task::spawn_blocking(move || chaos_runner::recover(&journals)).await.unwrap().unwrap();
    assert_eq!(recovered.exit_code(), 0, "{recovered:?}");
    stage.assert_nothing_left().await;
}

/// Row 1.12: the next run with the id of a dead one finishes it, and starts nothing.
#[tokio::test(flavor = "multi_thread")]
async fn model_a_dead_run_is_finished_and_not_repeated() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(Some("10m"), &[("one", 0, "600s")]);
    let folder = stage.workspace().join(".squall/workflow-runs").join(&stage.namespace).join("release-r1");
    std::fs::create_dir_all(&folder).unwrap();
    let record = json!({"engine_run": "dead-1", "workflow": "release-r1", "namespace": stage.namespace});
    std::fs::write(folder.join("run.json"), record.to_string()).unwrap();
    let task = json!({"name": "one", "templateType": "Task", "task": {"container": {"name": "main", "image": "stub"},
        "labels": {"rig.squall.dev/after": "600s"}}});
    let workflow = json!({
        "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "Workflow",
        "metadata": {"name": "release-r1", "annotations": {"squall.dev/run": "dead-1"}},
        "spec": {"entry": "one", "templates": [task]},
    });
    let api = stage.cluster.chaos_mesh("Workflow", "workflows", &stage.namespace);
    api.create(&PostParams::default(), &serde_json::from_value(workflow).unwrap()).await.unwrap();
    stage.until_pod("one").await;
    let report = stage.run(stage.options("r1")).await;
    assert_eq!(report.exit_code, 2, "{}", report.text());
    assert!(report.first_failure.as_ref().unwrap().detail.contains("an earlier run with this id died"));
    assert!(report.steps.is_empty());
    stage.assert_nothing_left().await;
    assert!(!stage.asked().iter().any(|one| one.verb == "create"
        && one.resource == "workflows"
        && one.agent.starts_with("squall/")
        && one.body["metadata"]["annotations"]["squall.dev/run"] != "dead-1"));
}

/// What of a dead run can't be captured stands in the report of the run that finishes it.
#[tokio::test(flavor = "multi_thread")]
async fn what_of_a_dead_run_can_not_be_captured_is_told() {
    let Some(stage) = Stage::new().await else { return };
    let place = stage.workspace().join(".squall/workflow-runs").join(&stage.namespace).join("release-r1");
    std::fs::create_dir_all(&place).unwrap();
    let record = json!({"engine_run": "dead-1", "workflow": "release-r1", "namespace": stage.namespace});
    std::fs::write(place.join("run.json"), record.to_string()).unwrap();
    // A user who may remove everything, and may not read events.
    let may = |groups: &[&str], resources: &[&str], verbs: &[&str]| PolicyRule {
        api_groups: Some(groups.iter().map(|&word| word.to_owned()).collect()),
        resources: Some(resources.iter().map(|&word| word.to_owned()).collect()),
        verbs: verbs.iter().map(|&word| word.to_owned()).collect(),
        ..PolicyRule::default()
    };
    let rules = vec![may(&["chaos-mesh.org"], &["*"], &["*"]), may(&[""], &["pods", "configmaps"], &["*"])];
    let access = stage.rig.restricted_to(&stage.namespace, rules).await;
    let options = ScenarioOptions { access, ..stage.options("r1") };
    let mut folder = RunFolder::open(&options.workspace, &options.namespace, &options.workflow()).unwrap();
    capture_dead(&options, &mut folder, &chaos_core::Redactor::default()).await;
    let report = stage.start_in(options, anything(), folder).end().await.0;
    assert_eq!(report.exit_code, 2, "{}", report.text());
    assert!(report.problems.iter().any(|one| one.starts_with("list events: ")), "{:?}", report.problems);
}

/// Row 1.13: an upload that fails is told, and the verdict stays; what it could not send is on disk.
#[tokio::test(flavor = "multi_thread")]
async fn model_a_failing_upload_keeps_the_verdict() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(Some("10m"), &[("one", 0, "0s")]);
    let env = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("x".to_owned()),
        // Nobody listens there.
        "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:1".to_owned()),
        _ => None,
    };
    let mut store = chaos_workflow_run::Store::from_env("bucket", "nightly/release/r1", env);
    (store.per_file, store.in_all) = (Duration::from_secs(1), Duration::from_secs(3));
    let report = stage.run(ScenarioOptions { store: Some(store), ..stage.options("r1") }).await;
    assert_eq!((report.outcome, report.exit_code), (ScenarioOutcome::Pass, 0), "{}", report.text());
    assert!(report.problems.iter().any(|problem| problem.starts_with("upload: ")), "{:?}", report.problems);
    assert_eq!(report.uploaded, Vec::<String>::new());
    assert!(captured(&report, "report.json").contains("upload: "));
}

/// Row 1.7: the API server goes away and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn model_an_api_server_that_restarts_is_survived() {
    let Some(rig) = Rig::alone() else { return };
    let stage = Stage::of(rig, true).await;
    stage.scenario(Some("10m"), &[("one", 0, "5s"), ("two", 1, "0s"), ("three", 0, "5s")]);
    let started = stage.start(stage.options("r1"));
    stage.until_pod("one").await;
    stage.until_followed("one").await;
    stage.rig.kill_api();
    tokio::time::sleep(Duration::from_secs(5)).await;
    stage.rig.start_api().await;
    let (report, _) = started.end().await;
    assert_eq!(report.outcome, ScenarioOutcome::TaskFail, "{}", report.text());
    assert_eq!(report.first_failure.as_ref().unwrap().step, "two");
    let told = report.decisions.join("\n");
    assert!(told.contains("the API server does not answer") && told.contains("the API server answers again"), "{told}");
    stage.assert_nothing_left().await;
}

/// Row 1.7: the store hangs while a step runs, one ends and the next one is to begin.
#[tokio::test(flavor = "multi_thread")]
async fn model_a_store_that_hangs_for_half_a_minute_is_survived() {
    let Some(rig) = Rig::alone() else { return };
    let stage = Stage::of(rig, true).await;
    stage.scenario(Some("10m"), &[("one", 0, "5s"), ("two", 1, "0s"), ("three", 0, "600s")]);
    let started = stage.start(stage.options("r1"));
    stage.until_pod("one").await;
    stage.until_followed("one").await;
    stage.rig.freeze_etcd();
    tokio::time::sleep(Duration::from_secs(30)).await;
    stage.rig.thaw_etcd();
    let (report, _) = started.end().await;
    assert_eq!((report.outcome, report.exit_code), (ScenarioOutcome::TaskFail, 1), "{}", report.text());
    assert_eq!(report.first_failure.as_ref().unwrap().step, "two");
    let pods = stage.rig.audit_of(&stage.namespace).into_iter();
    let pods = pods.filter(|one| one.verb == "create" && one.resource == "pods" && one.code == 201);
    let pods: Vec<_> = pods.map(|one| one.body["metadata"]["generateName"].as_str().unwrap().to_owned()).collect();
    let pods: Vec<&str> = pods.iter().map(|name| name.split('-').next().unwrap()).collect();
    assert!(pods == ["one", "two"] || pods == ["one", "two", "three"], "{pods:?}");
    stage.assert_nothing_left().await;
}

/// Rows 1.7, 1.10, 1.11: interrupted while the store hangs, so that capture, abort and deletion have no answer at first.
#[tokio::test(flavor = "multi_thread")]
async fn model_an_interruption_while_the_store_hangs_is_captured_and_cleaned() {
    let Some(rig) = Rig::alone() else { return };
    let stage = Stage::of(rig, true).await;
    stage.scenario(Some("10m"), &[("one", 0, "600s")]);
    let started = stage.start(stage.options("r1"));
    stage.until_pod("one").await;
    stage.until_followed("one").await;
    stage.rig.freeze_etcd();
    started.control.cancel();
    // Longer than one request may take, and far from the time that is given up after.
    tokio::time::sleep(Duration::from_secs(20)).await;
    stage.rig.thaw_etcd();
    let (report, run) = started.end().await;
    assert_eq!(report.first_failure.as_ref().unwrap().detail, "poll: interrupted", "{}", report.text());
    assert_eq!((report.exit_code, run.verdict.exit_code()), (2, 2), "{}", report.text());
    // The first read was asked again until the store went on.
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(captured(&report, "workflow.json").contains("release-r1"));
    assert!(captured(&report, "workflow-nodes.txt").contains("one [Task]"));
    stage.assert_nothing_left().await;
}
