//! Compiled mode: the sequence stops by itself.

use chaos_workflow_run::{ScenarioMode, ScenarioOptions, ScenarioOutcome};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::stage::{FIVE, Stage};

/// What a strict run asks about pods beside its steps: a list and a watch at its beginning, lists at its end, a watch that is renewed.
const AROUND: usize = 12;

/// Row 0.9: the steps after a failure never begin, what is to run last does, and the verdict is the same.
#[tokio::test(flavor = "multi_thread")]
async fn model_a_compiled_sequence_stops_by_itself() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(Some("60m"), &FIVE);
    let options = ScenarioOptions { mode: ScenarioMode::Compiled, finally: vec!["five".into()], ..stage.options("r1") };
    let report = stage.run(options).await;
    assert_eq!((report.outcome, report.exit_code), (ScenarioOutcome::TaskFail, 1), "{}", report.text());
    assert_eq!(report.first_failure.as_ref().unwrap().exit_code, Some(1));
    let made = stage.rig.audit();
    let made = made.iter().filter(|one| one.namespace == stage.namespace && one.verb == "create");
    let names: Vec<&str> = made.filter(|one| one.resource == "pods").map(|one| one.name.as_str()).collect();
    assert!(!names.iter().any(|name| name.starts_with("three") || name.starts_with("four")), "{names:?}");
    let begun: Vec<&str> = report.steps.iter().map(|step| step.step.as_str()).collect();
    assert!(begun.iter().any(|step| step.starts_with("five")), "{begun:?}");
    assert!(!begun.iter().any(|step| step.starts_with("three") || step.starts_with("four")), "{begun:?}");
    stage.assert_nothing_left().await;
}

/// Row 0.7: our own engine begins no further step, and what is to run last runs once.
#[tokio::test(flavor = "multi_thread")]
async fn a_strict_sequence_begins_nothing_after_a_failure() {
    let Some(stage) = Stage::new().await else { return };
    stage.scenario(Some("10m"), &FIVE);
    let options = ScenarioOptions { mode: ScenarioMode::Strict, finally: vec!["five".into()], ..stage.options("r1") };
    let report = stage.run(options).await;
    assert_eq!((report.outcome, report.exit_code), (ScenarioOutcome::TaskFail, 1), "{}", report.text());
    let first = report.first_failure.clone().unwrap();
    assert!(first.step.contains("two"), "{first:?}");
    let made = stage.asked();
    let made: Vec<&str> = made
        .iter()
        .filter(|one| one.verb == "create" && one.resource == "pods")
        .map(|one| one.body["metadata"]["name"].as_str().unwrap_or(&one.name))
        .collect();
    assert_eq!(made.len(), 3, "{made:?}");
    assert!(!made.iter().any(|name| name.contains("three") || name.contains("four")), "{made:?}");
    assert!(made.last().is_some_and(|name| name.contains("five")), "{made:?}");
    assert!(report.files.iter().any(|name| name.starts_with("steps/")), "{:?}", report.files);
    let pods = stage.cluster.pods(&stage.namespace).list(&kube::api::ListParams::default()).await.unwrap();
    assert_eq!(pods.items.len(), 0);
}

/// Rows 0.4, 0.5 on our own engine: what a step says decides, though its pod ends well, and a later `pass` changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_strict_run_heeds_what_its_steps_say() {
    let Some(stage) = Stage::new().await else { return };
    stage.commit(&held(&[("one", None), ("two", Some(0))], true));
    let started = stage.start(ScenarioOptions { mode: ScenarioMode::Strict, ..stage.options("r1") });
    let pod = stage.until_pod("release-r1-one").await;
    stage.say(&["pass", "task-fail"]).await;
    stage.until_decided("EXIT_REASON is `task-fail`").await;
    stage.say_now("pass").await;
    end_pod(&stage, &pod).await;
    let (report, _) = started.end().await;
    assert_eq!((report.outcome, report.exit_code), (ScenarioOutcome::TaskFail, 1), "{}", report.text());
    let first = report.first_failure.clone().unwrap();
    assert_eq!((first.step.as_str(), first.detail.as_str()), ("one", "EXIT_REASON is `task-fail`"));
    assert!(report.exit_reasons.contains(&"task-fail".to_owned()), "{:?}", report.exit_reasons);
    assert_eq!(created(&stage), ["one"], "{}", report.text());
}

/// The step of each pod that our engine asked for, in order.
fn created(stage: &Stage) -> Vec<String> {
    let asked = stage.asked().into_iter().filter(|one| one.verb == "create" && one.resource == "pods");
    let names = asked.map(|one| one.body["metadata"]["name"].as_str().unwrap().to_owned());
    names.map(|name| name.strip_prefix("release-r1-").unwrap().split('-').next().unwrap().to_owned()).collect()
}

/// A scenario of these steps, of which those without an exit code end when the test says so.
pub(crate) fn held(steps: &[(&str, Option<i32>)], names_variables: bool) -> String {
    let names: Vec<&str> = steps.iter().map(|(name, _)| *name).collect();
    let from = "            envFrom: [{configMapRef: {name: workflow-vars-release-$RUN_ID, optional: true}}]\n";
    let from = if names_variables { from } else { "" };
    let mut text = format!(
        "apiVersion: chaos-mesh.org/v1alpha1\nkind: Workflow\nmetadata: {{name: release-$RUN_ID}}\nspec:\n  entry: main\n  \
         templates:\n    - {{name: main, templateType: Serial, deadline: 10m, children: [{}]}}\n",
        names.join(", ")
    );
    text.extend(steps.iter().map(|(name, exit)| {
        let labels = exit.map(|exit| format!("rig.squall.dev/exit: \"{exit}\"")).unwrap_or_default();
        format!(
            "    - name: {name}\n      templateType: Task\n      task:\n        labels: {{{labels}}}\n        container:\n            \
             name: main\n            image: stub\n{from}"
        )
    }));
    text
}

/// Lets a pod end well that has no exit code so far.
pub(crate) async fn end_pod(stage: &Stage, pod: &str) {
    let patch = json!({ "metadata": { "labels": { "rig.squall.dev/exit": "0" } } });
    let pods = stage.cluster.pods(&stage.namespace);
    pods.patch(pod, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

/// The second of five says `fail` and exits with 0: the others are never asked for, and what is to run last is.
#[tokio::test(flavor = "multi_thread")]
async fn a_strict_sequence_begins_nothing_after_a_step_that_said_fail_and_exits_with_0() {
    let steps = [("one", Some(0)), ("two", None), ("three", Some(0)), ("four", Some(0)), ("five", Some(0))];
    for names_variables in [true, false] {
        let Some(stage) = Stage::new().await else { return };
        stage.commit(&held(&[&steps[..], &[("last", Some(0))]].concat(), names_variables));
        let finally = vec!["last".into()];
        let started = stage.start(ScenarioOptions { mode: ScenarioMode::Strict, finally, ..stage.options("r1") });
        let pod = stage.until_pod("release-r1-two").await;
        stage.say(&["fail"]).await;
        if !names_variables {
            // Nothing is read then: what the watch has not told in time is seen one step later.
            stage.until_decided("EXIT_REASON is `fail`").await;
        }
        end_pod(&stage, &pod).await;
        let (report, _) = started.end().await;
        assert_eq!(created(&stage), ["one", "two", "last"], "{}", report.text());
        assert_eq!((report.outcome, report.exit_code), (ScenarioOutcome::TaskFail, 1), "{}", report.text());
        let first = report.first_failure.clone().unwrap();
        assert_eq!((first.step.as_str(), first.detail.as_str()), ("two", "EXIT_REASON is `fail`"));
        assert_eq!(report.later_failures, []);
        let outcome = |name: &str| report.steps.iter().find(|step| step.step == name).unwrap().outcome;
        assert_eq!((outcome("one"), outcome("last")), (Some(ScenarioOutcome::Pass), Some(ScenarioOutcome::Pass)));
        assert_eq!((outcome("two"), outcome("three")), (Some(ScenarioOutcome::TaskFail), None));
    }
}

/// What the reads cost: none where the scenario does not name the variables, and one more request for each step where it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_strict_step_costs_two_requests_and_one_more_where_the_scenario_names_the_variables() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let steps = names.map(|name| (name, Some(0)));
    for (names_variables, each) in [(false, 0), (true, 1)] {
        let Some(stage) = Stage::new().await else { return };
        stage.commit(&held(&steps, names_variables));
        let report = stage.run(ScenarioOptions { mode: ScenarioMode::Strict, ..stage.options("r1") }).await;
        assert_eq!(report.exit_code, 0, "{}", report.text());
        let asked = stage.asked();
        let reads = asked.iter().filter(|one| one.resource == "configmaps" && one.verb == "list").count();
        // The first of the watch, and one at the end.
        assert_eq!(reads, 2 + each * steps.len());
        let pods = asked.iter().filter(|one| one.resource.starts_with("pods")).count();
        assert!(pods <= 2 * steps.len() + AROUND, "{pods}");
    }
}
