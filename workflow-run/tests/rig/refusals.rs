//! What is refused before anything is applied.

use chaos_core::Policy;
use chaos_workflow_run::{ScenarioOptions, ScenarioReport, ScenarioSource};
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::stage::{Stage, options_as};

fn refused(stage: &Stage, report: &ScenarioReport, why: &str) {
    let first = report.first_failure.clone().unwrap();
    assert!(first.detail.contains(why), "{}", first.detail);
    assert_eq!((report.exit_code, report.applied), (2, false), "{}", report.text());
    let writes = ["create", "patch", "update", "delete", "deletecollection"];
    let wrote: Vec<_> = stage.asked().into_iter().filter(|one| writes.contains(&one.verb.as_str())).collect();
    assert!(wrote.is_empty(), "{wrote:#?}");
}

/// Rows 1.1, 1.4, and the policy: nothing is written, and where the policy refuses nothing is asked.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_scenario_is_refused_before_anything_is_applied() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(Some("10m"), &[("one", 0, "0s")]);
    let refused_by_policy = stage.start_within(stage.options("p1"), Policy::default()).end().await.0;
    refused(&stage, &refused_by_policy, "--allow-context");
    assert_eq!(stage.asked(), []);
    let other = ScenarioSource { reference: "no-such-branch".into(), ..stage.options("x").source };
    let report = stage.run(ScenarioOptions { source: other, ..stage.options("f1") }).await;
    refused(&stage, &report, "no-such-branch");
    let text = std::fs::read_to_string(stage.folder.path().join("repo/scenarios/release.yaml")).unwrap();
    stage.commit(&text.replace("workflow-vars-release-", "workflow-vars-"));
    refused(&stage, &stage.run(stage.options("c1")).await, "`configMapRef` names another ConfigMap");
    stage.commit(&text.replace("name: release-$RUN_ID", "name: other-$RUN_ID"));
    refused(&stage, &stage.run(stage.options("c2")).await, "the Workflow has another name");
    stage.commit(&text.replace("placeholders: RUN_ID", "placeholders: RUN_ID,IMAGE"));
    refused(&stage, &stage.run(stage.options("c3")).await, "IMAGE");
}

/// Row 1.5: the image of a controller, and the rights of a role.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_drifted_is_refused_with_both_values() {
    let Some(stage) = Stage::new().await else { return };
    let deployment = json!({
        "metadata": {"name": "controller"},
        "spec": {"selector": {"matchLabels": {"app": "c"}}, "replicas": 0, "template": {"metadata": {"labels": {"app": "c"}},
            "spec": {"containers": [{"name": "manager", "image": "registry/c:1"}]}}},
    });
    let deployments: kube::Api<k8s_openapi::api::apps::v1::Deployment> =
        kube::Api::namespaced(stage.cluster.client(), &stage.namespace);
    deployments.create(&PostParams::default(), &serde_json::from_value(deployment).unwrap()).await.unwrap();
    let roles: kube::Api<k8s_openapi::api::rbac::v1::Role> =
        kube::Api::namespaced(stage.cluster.client(), &stage.namespace);
    let role =
        json!({"metadata": {"name": "c"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
    roles.create(&PostParams::default(), &serde_json::from_value(role).unwrap()).await.unwrap();
    stage.scenario(Some("10m"), &[("one", 0, "0s")]);
    let with = |images: &[&str]| images.iter().map(|image| image.parse().unwrap()).collect::<Vec<_>>();
    let images = with(&["controller/manager=registry/c:2"]);
    let report = stage.run(ScenarioOptions { images, ..stage.options("i1") }).await;
    let first = report.first_failure.clone().unwrap().detail;
    assert!(first.contains("`controller/manager` runs `registry/c:1`, declared is `registry/c:2`"), "{first}");
    assert_eq!((report.exit_code, report.applied), (2, false));
    let text = std::fs::read_to_string(stage.folder.path().join("repo/scenarios/release.yaml")).unwrap();
    let declare = |sum: &str| {
        text.replace(
            "squall.dev/placeholders: RUN_ID",
            &format!("squall.dev/placeholders: RUN_ID\n    squall.dev/rbac.c: Role/c={sum}"),
        )
    };
    stage.commit(&declare(&format!("sha256:{}", "0".repeat(64))));
    let report = stage.run(stage.options("i2")).await;
    let first = report.first_failure.clone().unwrap().detail;
    let is = first.split("is `").nth(1).and_then(|rest| rest.split('`').next()).unwrap().to_owned();
    assert!(is.starts_with("sha256:") && is.len() == 71, "{first}");
    assert_eq!((report.exit_code, report.applied), (2, false));
    // What the refusal names is what is accepted.
    stage.commit(&declare(&is));
    let report =
        stage.run(ScenarioOptions { images: with(&["controller/manager=registry/c:1"]), ..stage.options("i3") }).await;
    assert_eq!(report.exit_code, 0, "{}", report.text());
}

/// Row 1.6: a Workflow of that name that is not ours is left alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_is_refused_and_left_alone() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(Some("10m"), &[("one", 0, "0s")]);
    let workflow = json!({
        "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "Workflow", "metadata": {"name": "release-r1"},
        "spec": {"entry": "wait", "templates": [{"name": "wait", "templateType": "Suspend", "deadline": "10m"}]},
    });
    let api = stage.cluster.chaos_mesh("Workflow", "workflows", &stage.namespace);
    api.create(&PostParams::default(), &serde_json::from_value(workflow).unwrap()).await.unwrap();
    let report = stage.run(stage.options("r1")).await;
    assert!(report.first_failure.as_ref().unwrap().detail.contains("a Workflow `release-r1`"), "{}", report.text());
    assert_eq!((report.exit_code, report.applied), (2, false));
    let left = api.get("release-r1").await.unwrap();
    assert!(left.metadata.annotations.is_none() && left.metadata.deletion_timestamp.is_none(), "{left:?}");
}

/// Rights that are missing are named before anything is applied.
#[tokio::test(flavor = "multi_thread")]
async fn missing_rights_are_named() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(Some("10m"), &[("one", 0, "0s")]);
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| k8s_openapi::api::rbac::v1::PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(resources.iter().map(|it| (*it).to_owned()).collect()),
        verbs: verbs.iter().map(|it| (*it).to_owned()).collect(),
        ..k8s_openapi::api::rbac::v1::PolicyRule::default()
    };
    let rules = vec![
        rule("chaos-mesh.org", &["workflows"], &["get", "list", "watch", "create", "delete"]),
        rule("chaos-mesh.org", &["workflownodes"], &["get", "list", "watch"]),
        rule("", &["pods", "configmaps"], &["get", "list", "watch"]),
    ];
    let user = stage.rig.restricted_to(&stage.namespace, rules).await;
    let report = stage.run(options_as(stage.options("r1"), user)).await;
    let first = report.first_failure.clone().unwrap().detail;
    assert!(first.contains("patch workflows, delete pods"), "{first}");
    assert_eq!((report.exit_code, report.applied), (2, false));
}

/// Row 1.6: a quota refuses the Workflow itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_used_up_refuses_the_workflow_and_nothing_is_left() {
    let Some(stage) = Stage::of_shared(false).await else { return };
    stage.scenario(Some("10m"), &[("one", 0, "0s")]);
    let quotas: kube::Api<k8s_openapi::api::core::v1::ResourceQuota> =
        kube::Api::namespaced(stage.cluster.client(), &stage.namespace);
    let hard = json!({"count/workflows.chaos-mesh.org": "0"});
    let quota = json!({"metadata": {"name": "none"}, "spec": {"hard": hard}});
    quotas.create(&PostParams::default(), &serde_json::from_value(quota).unwrap()).await.unwrap();
    // What the controller of quotas, which no rig has, would count.
    let counted = json!({"status": {"hard": hard, "used": hard}});
    quotas.patch_status("none", &PatchParams::default(), &Patch::Merge(&counted)).await.unwrap();
    let report = stage.run(stage.options("r1")).await;
    let first = report.first_failure.as_ref().unwrap();
    assert!(first.detail.contains("the API server refused (403 Forbidden)"), "{}", first.detail);
    assert!(
        first.detail.contains("exceeded quota: none, requested: count/workflows.chaos-mesh.org=1"),
        "{}",
        first.detail
    );
    assert_eq!((report.exit_code, report.applied), (2, false), "{}", report.text());
    assert!(stage.asked().iter().any(|one| one.verb == "create" && one.code == 403), "{:#?}", stage.asked());
    assert_eq!(stage.rig.objects(&stage.namespace), Vec::<String>::new());
}
