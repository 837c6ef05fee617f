//! The first failure stops a Workflow, and nothing erases it.

use chaos_workflow_run::{ScenarioOptions, ScenarioOutcome};

use crate::stage::{FIVE, Stage, captured};

/// Rows 0.2, 0.3, 1.10, 1.11: the verdict names the second step, at most one more begins, and everything is read before it goes.
#[tokio::test(flavor = "multi_thread")]
async fn model_a_failed_step_stops_the_workflow() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(Some("10m"), &FIVE);
    let report = stage.run(stage.options("r1")).await;
    let first = report.first_failure.clone().unwrap();
    assert_eq!((first.step.as_str(), first.exit_code, first.outcome), ("two", Some(1), ScenarioOutcome::TaskFail));
    assert_eq!((report.outcome, report.exit_code), (ScenarioOutcome::TaskFail, 1), "{}", report.text());
    assert!(report.began_after_failure.len() <= 1, "{:?}", report.began_after_failure);
    assert!(report.began_after_failure.iter().all(|step| step == "three"));
    let begun: Vec<&str> = report.steps.iter().map(|step| step.step.as_str()).collect();
    assert!(!begun.contains(&"four") && !begun.contains(&"five"), "{begun:?}");
    let made = stage.rig.audit();
    let later = made.iter().filter(|one| one.namespace == stage.namespace && one.verb == "create");
    let later: Vec<&str> = later
        .map(|one| one.name.as_str())
        .filter(|name| name.starts_with("four") || name.starts_with("five"))
        .collect();
    assert_eq!(later, Vec::<&str>::new());
    stage.assert_nothing_left().await;
    order_is_right(&stage);
}

/// Capture, then abort and delete, then the sweep; the abort once.
fn order_is_right(stage: &Stage) {
    let asked = stage.asked();
    let is = |verb: &str, resource: &str| {
        let (verb, resource) = (verb.to_owned(), resource.to_owned());
        move |one: &&chaos_rig::AuditedRequest| one.verb == verb && one.resource == resource
    };
    assert_eq!(asked.iter().filter(is("patch", "workflows")).count(), 1, "{asked:#?}");
    let at = |verb, resource| asked.iter().position(|one| is(verb, resource)(&one));
    let deleted = at("delete", "workflows").unwrap();
    assert!(at("patch", "workflows").unwrap() < deleted);
    let last = |resource: &str| asked.iter().rposition(|one| one.resource == resource);
    for resource in ["events", "pods/log"] {
        assert!(last(resource).is_none_or(|at| at < deleted), "{resource}");
    }
    assert!(last("events").is_some());
    assert!(at("delete", "pods").is_none_or(|swept| deleted < swept));
}

/// Row 1.10: what is on disk, for its owner alone, and without secrets.
#[tokio::test(flavor = "multi_thread")]
async fn model_a_run_that_passes_is_captured_and_cleaned() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(Some("10m"), &[("one", 0, "0s"), ("two", 0, "0s")]);
    let report = stage.run(stage.options("r1")).await;
    assert_eq!((report.outcome, report.exit_code), (ScenarioOutcome::Pass, 0), "{}", report.text());
    let steps: Vec<_> = report.steps.iter().map(|step| (step.step.as_str(), step.exit_code)).collect();
    assert_eq!(steps, [("one", Some(0)), ("two", Some(0))]);
    assert_eq!(report.source.commit.as_ref().map(String::len), Some(40));
    stage.assert_nothing_left().await;
    for name in ["workflow.json", "workflow-nodes.json", "pods.json", "events.json", "scenario.yaml", "decisions.jsonl"]
    {
        assert!(!captured(&report, name).contains("hunter2"), "{name}");
    }
    assert!(captured(&report, "pods.json").contains("API_TOKEN"));
    assert!(captured(&report, "workflow-nodes.txt").starts_with("main [Serial] main-"));
    assert_eq!(report.problems, Vec::<String>::new());
    let read: serde_json::Value = serde_json::from_str(&captured(&report, "report.json")).unwrap();
    assert_eq!(read["outcome"], "pass");
}

/// Rows 0.3, 0.4: what a step says under `EXIT_REASON` stops the Workflow while the step still runs; a later `pass` changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn model_the_first_exit_reason_stays() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(Some("10m"), &[("one", 0, "0s"), ("two", 0, "60s"), ("three", 0, "0s")]);
    let started = stage.start(stage.options("r1"));
    stage.until_followed("two").await;
    stage.say(&["pass", "task-fail"]).await;
    stage.until_decided("EXIT_REASON is `task-fail`").await;
    stage.say_now("pass").await;
    let (report, _) = started.end().await;
    assert_eq!(report.outcome, ScenarioOutcome::TaskFail, "{}", report.text());
    let first = report.first_failure.unwrap();
    assert_eq!((first.step.as_str(), first.detail.as_str()), ("two", "EXIT_REASON is `task-fail`"));
    assert!(report.exit_reasons.contains(&"task-fail".to_owned()), "{:?}", report.exit_reasons);
    assert!(!report.steps.iter().any(|step| step.step == "three"));
    assert!(captured_reason(&report.folder).contains("EXIT_REASON"));
    stage.assert_nothing_left().await;
}

fn captured_reason(folder: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(folder).join("workflow-vars.json")).unwrap()
}

/// Row 0.6, on pods: a signal, an infra failure, an image that can't be pulled.
#[tokio::test(flavor = "multi_thread")]
async fn model_ends_of_pods_are_classified() {
    let Some(stage) = Stage::new().await else { return };
    let rows = [(2, ScenarioOutcome::InfraFail, None, 2), (137, ScenarioOutcome::TaskFail, Some(9), 1)];
    for (exit, outcome, signal, code) in rows {
        stage.scenario(Some("10m"), &[("only", exit, "0s")]);
        let report = stage.run(stage.options(&format!("e{exit}"))).await;
        let first = report.first_failure.clone().unwrap();
        assert_eq!((first.outcome, first.signal, report.exit_code), (outcome, signal, code), "{}", report.text());
    }
    let text = std::fs::read_to_string(stage.folder.path().join("repo/scenarios/release.yaml")).unwrap();
    let waiting = text.replace("rig.squall.dev/exit: \"137\"", "rig.squall.dev/waiting: ErrImagePull");
    stage.commit(&waiting);
    let report = stage.run(stage.options("image")).await;
    let first = report.first_failure.clone().unwrap();
    assert_eq!(first.detail, "its container can't be started: ErrImagePull", "{}", report.text());
    assert_eq!(report.exit_code, 2);
}

/// Row 1.9: a Workflow that does not end.
#[tokio::test(flavor = "multi_thread")]
async fn model_the_hard_timeout_ends_it() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(None, &[("one", 0, "600s")]);
    let options = ScenarioOptions { timeout: Some(std::time::Duration::from_secs(20)), ..stage.options("r1") };
    let report = stage.run(options).await;
    assert_eq!(report.first_failure.as_ref().unwrap().detail, "poll: not ended within 20 s", "{}", report.text());
    assert_eq!(report.exit_code, 2);
    assert!(captured(&report, "workflow-nodes.txt").contains("one [Task]"));
    stage.assert_nothing_left().await;
    order_is_right(&stage);
}
