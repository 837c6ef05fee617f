//! Conditional branches of Tasks.

use serde_json::{Value, json};

use crate::world::{Seen, World, endless, serial, task};

fn with(mut task: Value, branches: &[(&str, &str)]) -> Value {
    let branch = |(target, expression): &(&str, &str)| json!({ "target": target, "expression": expression });
    task["conditionalBranches"] = branches.iter().map(branch).collect();
    task
}

#[tokio::test]
async fn model_a_task_runs_the_branches_that_its_exit_code_selects() {
    let Some(world) = World::new().await else { return };
    let branches = [("good", "exitCode == 0"), ("bad", "exitCode != 0"), ("loud", "stdout != \"\"")];
    world.flow(&[with(task("step", 3), &branches), task("good", 0), task("bad", 0), task("loud", 0)]).await;
    let seen = world.until("the Workflow is accomplished", Seen::accomplished).await;
    assert!(!seen.has("good") && seen.holds("bad", "Accomplished") && seen.holds("loud", "Accomplished"));
    let decided = seen.node("step").unwrap().status.conditional_branches_status.clone().unwrap();
    let results: Vec<_> = decided.branches.iter().map(|it| it.evaluation_result.as_str()).collect();
    assert_eq!(results, ["False", "True", "True"]);
    let context: Value = serde_json::from_str(&decided.context[0]).unwrap();
    assert_eq!(context["exitCode"], 3);
    assert!(!context["stdout"].as_str().unwrap().is_empty(), "{context}");
    let reasons = world.reasons().await;
    for reason in ["TaskPodPodCompleted", "ConditionalBranchesSelected"] {
        assert_eq!(reasons.iter().filter(|it| *it == reason).count(), 1, "only for a task with branches: {reasons:?}");
    }
}

#[tokio::test]
async fn model_an_empty_expression_keeps_its_task_open_until_the_deadline() {
    let Some(world) = World::new().await else { return };
    let mut step = with(task("step", 0), &[("next", "")]);
    // Long enough that the pod ends before it on a busy machine, too.
    step["deadline"] = "20s".into();
    world.flow(&[serial("entry", None, &["step"]), step, task("next", 0)]).await;
    let seen = world.until("the Workflow is accomplished", Seen::accomplished).await;
    let step = seen.node("step").unwrap();
    assert_eq!(step.reason("DeadlineExceed"), Some("NodeDeadlineExceed"));
    assert_eq!(step.status.conditional_branches_status.as_ref().unwrap().branches[0].evaluation_result, "Unknown");
    assert!(!seen.has("next"));
}

#[tokio::test]
async fn model_an_abort_leaks_into_branches_when_the_pod_ends_later() {
    let Some(world) = World::new().await else { return };
    world
        .flow(&[
            serial("entry", None, &["step"]),
            with(endless("step", None), &[("next", "exitCode == 0")]),
            task("next", 0),
        ])
        .await;
    let seen = world.until("the pod is there", |seen| seen.pods_of("step").len() == 1).await;
    world.abort(Some("true")).await;
    world.until("it is aborted", |seen| seen.holds("step", "Aborted")).await;
    world.end_pod(seen.pods_of("step")[0]).await;
    world.until("the branch of an aborted step starts", |seen| seen.has("next")).await;
}
