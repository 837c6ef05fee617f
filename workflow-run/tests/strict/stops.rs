//! What starts, what does not, and what is stopped.

use std::time::Duration;

use serde_json::json;

use crate::fixture::{Place, detail, exits, outcomes, serial, task, with};

#[tokio::test(flavor = "multi_thread")]
async fn five_steps_of_which_the_second_fails_and_steps_three_to_five_are_never_asked_for() {
    let Some(place) = Place::new().await else { return };
    let templates =
        [exits("one", 0), exits("two", 1), exits("three", 0), exits("four", 0), exits("five", 0), exits("report", 0)];
    let report = place.run(&serial(&templates), &["report"]).await;
    assert_eq!(place.created(), ["one", "two", "report"], "{}", report.text());
    let expected = [
        ("all", "task_fail"),
        ("one", "pass"),
        ("two", "task_fail"),
        ("three", "skipped"),
        ("four", "skipped"),
        ("five", "skipped"),
        ("report", "pass"),
    ];
    assert_eq!(outcomes(&report), expected);
    assert_eq!((report.exit_code, report.first_failure.as_deref()), (1, Some("two")));
    assert_eq!(place.left().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finally_that_fails_hides_nothing_and_is_listed() {
    let Some(place) = Place::new().await else { return };
    let report = place.run(&serial(&[exits("one", 1), exits("report", 2)]), &["report"]).await;
    assert_eq!(outcomes(&report), [("all", "task_fail"), ("one", "task_fail"), ("report", "infra_fail")]);
    assert_eq!((report.exit_code, report.first_failure.as_deref()), (1, Some("one")));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_end_of_a_pod_is_classified_on_the_server() {
    let Some(place) = Place::new().await else { return };
    let rows = [
        ("zero", vec![("exit", "0")], "pass", "exited with 0"),
        ("one", vec![("exit", "1")], "task_fail", "exited with 1"),
        ("two", vec![("exit", "2")], "infra_fail", "exited with 2"),
        ("killed", vec![("exit", "137"), ("reason", "OOMKilled")], "task_fail", "as after signal 9 (OOMKilled)"),
        ("image", vec![("waiting", "ErrImagePull")], "infra_fail", "does not start (ErrImagePull"),
        ("config", vec![("waiting", "CreateContainerConfigError")], "infra_fail", "(CreateContainerConfigError"),
        // What passes by itself is waited for.
        ("late", vec![("waiting", "ErrImagePull"), ("waiting-for", "1s"), ("exit", "0")], "pass", "exited with 0"),
    ];
    let steps = rows.iter().map(|(name, labels, _, _)| {
        let labels: serde_json::Map<_, _> =
            labels.iter().map(|(key, value)| (format!("rig.squall.dev/{key}"), json!(value))).collect();
        let access = place.rig.access();
        let patience = if *name == "late" { 120 } else { 1 };
        json!({ "type": "pod_task", "name": name, "namespace": place.namespace, "run": place.run,
            "waiting_seconds": patience, "kubeconfig": access.kubeconfig, "context": access.context,
            "pod": { "container": { "name": "main", "image": "x" }, "labels": labels } })
    });
    let steps: Vec<_> = steps.map(|step| leaf(&step)).collect();
    let success = chaos_core::ParallelSuccess::BestEffort;
    let tree = chaos_core::WorkflowStep {
        name: "all".into(),
        at: "/workflow".into(),
        deadline: None,
        idempotent: false,
        body: chaos_core::StepBody::Parallel { steps, success },
    };
    let report = place.drive(tree.into(), |_| {}).await;
    for (name, _, outcome, why) in rows {
        let step = report.steps.iter().find(|step| step.name == name).unwrap();
        assert_eq!(step.outcome.word(), outcome, "{name}: {}", step.detail);
        assert!(step.detail.contains(why), "{name}: {}", step.detail);
    }
    assert_eq!(place.left().await, Vec::<String>::new());
}

/// A leaf of a document.
fn leaf(step: &serde_json::Value) -> chaos_core::WorkflowStep {
    chaos_core::WorkflowStep {
        name: step["name"].as_str().unwrap().to_owned(),
        at: format!("/workflow/{}", step["name"]),
        deadline: None,
        idempotent: false,
        body: chaos_core::StepBody::Leaf(chaos_core::Late::new(step.clone(), "/workflow")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_kills_the_pod_and_what_has_ended_before_it_is_a_success() {
    let Some(place) = Place::new().await else { return };
    let slow = with(task("slow", &[]), &json!({ "deadline": "5s" }));
    let quick = with(exits("quick", 0), &json!({ "deadline": "60s" }));
    let report = place.run(&serial(&[quick, slow, exits("next", 0), exits("report", 0)]), &["report"]).await;
    let expected =
        [("all", "timed_out"), ("quick", "pass"), ("slow", "timed_out"), ("next", "skipped"), ("report", "pass")];
    assert_eq!(outcomes(&report), expected);
    assert_eq!(detail(&report, "slow"), "the deadline of `slow` (5 s) has passed");
    assert_eq!(report.exit_code, 1);
    // It was gone before the diagnostics began.
    let asked = place.asked();
    let at = |verb: &str, part: &str| {
        asked.iter().position(|request| {
            let name = request.body["metadata"]["name"].as_str().unwrap_or(&request.name);
            request.verb == verb && request.resource == "pods" && name.contains(part)
        })
    };
    assert!(at("delete", "-slow-").unwrap() < at("create", "-report-").unwrap());
    assert_eq!(place.left().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_kills_the_pod_that_runs_and_diagnostics_run() {
    let Some(place) = Place::new().await else { return };
    let pods = place.pods().await;
    let (spec, run) = (serial(&[task("endless", &[]), exits("next", 0), exits("report", 0)]), place.run.clone());
    let report = place
        .run_while(&spec, &["report"], move |session| {
            tokio::spawn(async move {
                // When it runs, and not before.
                let selected = kube::api::ListParams::default().labels(&format!("squall.dev/run={run}"));
                let runs = |pod: &k8s_openapi::api::core::v1::Pod| {
                    pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
                };
                while !pods.list(&selected).await.unwrap().items.iter().any(runs) {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                session.control().cancel();
            });
        })
        .await;
    let expected = [("all", "infra_fail"), ("endless", "infra_fail"), ("next", "skipped"), ("report", "pass")];
    assert_eq!(outcomes(&report), expected);
    assert_eq!((report.exit_code, place.created()), (2, vec!["endless".to_owned(), "report".to_owned()]));
    assert_eq!(place.left().await, Vec::<String>::new());
}
