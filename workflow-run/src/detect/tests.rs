use serde_json::{Value, json};

use super::*;
use crate::phase::WorkflowPhase;
use crate::view::{SeenChaos, SeenContainer, SeenWorkflow};

const SECOND: Duration = Duration::from_secs(1);

fn conditions(list: &[(&str, &str)]) -> Value {
    let row = |(kind, reason): &(&str, &str)| json!({"type": kind, "status": "True", "reason": reason});
    json!({"conditions": list.iter().map(row).collect::<Vec<_>>()})
}

fn node(name: &str, kind: &str, made: u32, holds: &[(&str, &str)]) -> SeenNode {
    let container = json!({"container": {"name": "main"}});
    let spec = json!({"templateName": name, "workflowName": "w", "type": kind, "task": container});
    SeenNode {
        name: format!("{name}-x"),
        made: format!("2026-01-01T00:00:{made:02}Z"),
        spec: serde_json::from_value(spec).unwrap(),
        status: serde_json::from_value(conditions(holds)).unwrap(),
    }
}

fn pod(step: &str, exit: Option<i32>) -> SeenPod {
    let phase = match exit {
        Some(0) => "Succeeded",
        Some(_) => "Failed",
        None => "Running",
    };
    SeenPod {
        name: format!("{step}-pod"),
        uid: format!("{step}-uid"),
        node: format!("{step}-x"),
        phase: phase.into(),
        containers: vec![SeenContainer { name: "main".into(), exit_code: exit, ..SeenContainer::default() }],
        ..SeenPod::default()
    }
}

fn view(nodes: Vec<SeenNode>, pods: Vec<SeenPod>) -> ClusterView {
    let spec = json!({"entry": "entry", "templates": []});
    let workflow = SeenWorkflow {
        spec: serde_json::from_value(spec).unwrap(),
        status: serde_json::from_value(json!({"entryNode": "entry-x", "conditions": [
            {"type": "Scheduled", "status": "True"}]}))
        .unwrap(),
        ..SeenWorkflow::default()
    };
    ClusterView {
        workflow: Some(workflow),
        nodes: nodes.into_iter().map(|node| (node.name.clone(), node)).collect(),
        pods: pods.into_iter().map(|pod| (pod.uid.clone(), pod)).collect(),
        ..ClusterView::default()
    }
}

fn only(view: &ClusterView) -> Option<StepFailure> {
    let mut detector = Detector::default();
    let found = detector.observe(view, SECOND);
    assert!(found.len() <= 1, "{found:?}");
    found.into_iter().next()
}

/// Row 0.6: what exit codes and reasons mean.
#[test]
fn exit_codes_are_classified() {
    use ScenarioOutcome::{InfraFail, TaskFail};

    let rows = [
        (0, None),
        (1, Some((TaskFail, None, "exit code 1"))),
        (2, Some((InfraFail, None, "exit code 2"))),
        (3, Some((TaskFail, None, "exit code 3"))),
        (137, Some((TaskFail, Some(9), "exit code 137, signal 9"))),
        (139, Some((TaskFail, Some(11), "exit code 139, signal 11"))),
        (255, Some((TaskFail, None, "exit code 255"))),
    ];
    for (code, want) in rows {
        let done = node("a", "Task", 1, &[("Accomplished", "")]);
        let found = only(&view(vec![done], vec![pod("a", Some(code))]));
        let found = found.as_ref().map(|it| (it.outcome, it.signal, it.detail.as_str()));
        assert_eq!(found, want, "{code}");
    }
}

#[test]
fn a_pod_that_failed_as_a_whole_could_not_be_judged() {
    let evicted =
        SeenPod { phase: "Failed".into(), reason: "Evicted".into(), containers: Vec::new(), ..pod("a", None) };
    let found = only(&view(vec![node("a", "Task", 1, &[])], vec![evicted])).unwrap();
    assert_eq!((found.outcome, found.detail.as_str()), (ScenarioOutcome::InfraFail, "the pod failed: Evicted"));
    let mut killed = pod("a", Some(137));
    killed.containers[0].reason = "OOMKilled".into();
    let found = only(&view(vec![node("a", "Task", 1, &[])], vec![killed])).unwrap();
    assert_eq!(found.detail, "exit code 137, signal 9 (OOMKilled)");
}

/// Row 0.6: an image that can't be pulled and a config map that is not there, beyond a grace.
#[test]
fn a_container_that_can_not_start_fails_after_a_grace() {
    for reason in
        ["ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError"]
    {
        let mut waiting = pod("a", None);
        waiting.phase = "Pending".into();
        waiting.containers[0].is_waiting = true;
        waiting.containers[0].reason = reason.into();
        let seen = view(vec![node("a", "Task", 1, &[])], vec![waiting]);
        let mut detector = Detector::default();
        assert_eq!(detector.observe(&seen, SECOND), []);
        assert_eq!(detector.due(), Some(SECOND + WAITING));
        // It may have come right in between, and then the grace begins anew.
        assert_eq!(detector.observe(&view(vec![node("a", "Task", 1, &[])], vec![pod("a", None)]), SECOND * 10), []);
        assert_eq!(detector.observe(&seen, SECOND * 19), []);
        assert_eq!(detector.observe(&seen, SECOND * 38), []);
        let found = detector.observe(&seen, SECOND * 39);
        assert_eq!(found.len(), 1, "{reason}");
        assert_eq!(found[0].outcome, ScenarioOutcome::InfraFail);
        assert_eq!(found[0].detail, format!("its container can't be started: {reason}"));
        assert_eq!(detector.observe(&seen, SECOND * 60), []);
    }
}

/// Fact 3: the same condition ends one type as it should, and is the failure of another.
#[test]
fn a_deadline_is_judged_by_the_type_of_its_node() {
    use ScenarioOutcome::{InfraFail, TaskFail};

    let rows = [
        ("Suspend", "NodeDeadlineExceed", None),
        ("PodChaos", "NodeDeadlineExceed", None),
        ("NetworkChaos", "NodeDeadlineExceed", None),
        ("Schedule", "NodeDeadlineExceed", None),
        ("Task", "NodeDeadlineExceed", Some(TaskFail)),
        ("Task", "ParentNodeDeadlineExceed", Some(TaskFail)),
        ("Task", "NodeDeadlineOmitted", None),
        ("Serial", "NodeDeadlineExceed", Some(TaskFail)),
        ("Serial", "ParentNodeDeadlineExceed", None),
        ("Parallel", "NodeDeadlineExceed", Some(TaskFail)),
        ("StatusCheck", "NodeDeadlineExceed", Some(InfraFail)),
    ];
    for (kind, reason, want) in rows {
        let found = only(&view(vec![node("a", kind, 1, &[("DeadlineExceed", reason)])], Vec::new()));
        assert_eq!(found.map(|it| it.outcome), want, "{kind} {reason}");
    }
}

#[test]
fn an_abort_is_a_failure_unless_it_was_ours() {
    let aborted = |reason| view(vec![node("entry", "Serial", 1, &[("Aborted", reason)])], Vec::new());
    assert_eq!(only(&aborted("WorkflowAborted")).unwrap().detail, "somebody else aborted the Workflow");
    let mut detector = Detector::default();
    detector.stopping();
    assert_eq!(detector.observe(&aborted("WorkflowAborted"), SECOND), []);
    let check = view(vec![node("c", "StatusCheck", 1, &[("Aborted", "StatusCheckNotExceedSuccessThreshold")])], vec![]);
    assert_eq!(only(&check).unwrap().outcome, ScenarioOutcome::TaskFail);
}

/// A pod that was swept too early, or evicted: Chaos Mesh runs it again, with all that it did.
#[test]
fn a_pod_that_is_run_again_is_a_failure() {
    let mut detector = Detector::default();
    assert_eq!(detector.observe(&view(vec![node("a", "Task", 1, &[])], vec![pod("a", None)]), SECOND), []);
    let again = SeenPod { uid: "other".into(), name: "again".into(), ..pod("a", Some(0)) };
    let found = detector.observe(&view(vec![node("a", "Task", 1, &[])], vec![again]), SECOND * 2);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].outcome, ScenarioOutcome::InfraFail);
    assert_eq!(found[0].detail, "pod `a-pod` went away and was run again as `again`");
}

#[test]
fn a_branch_that_could_not_be_decided_is_a_failure() {
    let mut task = node("a", "Task", 1, &[("DeadlineExceed", "NodeDeadlineOmitted")]);
    let branches = json!({"branches": [{"target": "b", "evaluationResult": "Unknown"}]});
    task.status.conditional_branches_status = serde_json::from_value(branches).unwrap();
    let found = only(&view(vec![task], vec![pod("a", Some(0))])).unwrap();
    assert_eq!(found.detail, "which branch follows could not be decided");
}

/// Row 0.4: the first failure stays, whatever is written later.
#[test]
fn a_later_pass_erases_nothing() {
    let mut detector = Detector::default();
    let reason = |text: &str| ClusterView { exit_reason: Some(text.into()), ..view(Vec::new(), Vec::new()) };
    assert_eq!(detector.observe(&reason(""), SECOND), []);
    assert_eq!(detector.observe(&reason("pass"), SECOND), []);
    let found = detector.observe(&reason("task-fail"), SECOND * 2);
    assert_eq!(found[0].detail, "EXIT_REASON is `task-fail`");
    assert_eq!(detector.observe(&reason("task-fail"), SECOND * 3), []);
    assert_eq!(detector.observe(&reason("pass"), SECOND * 4), []);
    assert_eq!(detector.first().unwrap().outcome, ScenarioOutcome::TaskFail);
    assert_eq!(detector.reasons(), ["pass", "task-fail", "pass"]);
    let found = detector.observe(&reason("infra-fail"), SECOND * 5);
    assert_eq!(found[0].outcome, ScenarioOutcome::InfraFail);
    assert_eq!(detector.first().unwrap().outcome, ScenarioOutcome::TaskFail);
}

/// Row 0.5: nobody wrote anything, and it is a failure all the same.
#[test]
fn the_exit_code_of_a_pod_is_enough() {
    let done = || node("a", "Task", 1, &[("Accomplished", "")]);
    for reason in [None, Some("pass".to_owned()), Some(String::new())] {
        let seen = ClusterView { exit_reason: reason, ..view(vec![done()], vec![pod("a", Some(1))]) };
        assert_eq!(only(&seen).unwrap().step, "a");
    }
}

/// A verdict is never better than its evidence.
#[test]
fn a_task_whose_exit_code_nobody_saw_has_not_passed() {
    let done = || node("a", "Task", 1, &[("Accomplished", "")]);
    let mut detector = Detector::default();
    assert_eq!(detector.observe(&view(vec![done()], Vec::new()), SECOND), []);
    detector.unproven(&view(vec![done()], Vec::new()), SECOND);
    assert_eq!(detector.first().unwrap().detail, "it ended, and its pod was never seen");
    let mut detector = Detector::default();
    detector.observe(&view(vec![done()], vec![pod("a", Some(0))]), SECOND);
    // Its pod is gone since; its exit code was seen.
    detector.unproven(&view(vec![done()], Vec::new()), SECOND);
    assert_eq!(detector.first(), None);
}

/// Row 0.2: all five nodes end `Accomplished`, and the verdict names the second.
#[test]
fn a_workflow_that_marched_on_has_failed_where_it_failed_first() {
    let steps = ["a", "b", "c", "d", "e"];
    let mut nodes: Vec<SeenNode> =
        steps.iter().zip(1..).map(|(step, at)| node(step, "Task", at, &[("Accomplished", "")])).collect();
    nodes.push(node("entry", "Serial", 0, &[("Accomplished", "")]));
    let pods = steps.iter().map(|step| pod(step, Some(i32::from(*step == "b")))).collect();
    let mut seen = view(nodes, pods);
    let ended = conditions(&[("Scheduled", ""), ("Accomplished", "")]);
    seen.workflow.as_mut().unwrap().status = serde_json::from_value(ended).unwrap();
    let mut detector = Detector::default();
    let found = detector.observe(&seen, SECOND);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].step.as_str(), found[0].exit_code), ("b", Some(1)));
    assert_eq!(WorkflowPhase::of(&seen, true, true, SECOND), WorkflowPhase::Failed);
    assert_eq!(WorkflowPhase::of(&seen, true, false, SECOND), WorkflowPhase::Succeeded);
}

/// Section 2.6 of the recorded behaviour: the first that fits.
#[test]
fn phases_are_derived_in_their_order() {
    use WorkflowPhase::{Aborted, Failing, Gone, Invalid, Running, Succeeded, TimedOut};

    let running = || view(vec![node("entry", "Serial", 1, &[])], Vec::new());
    assert_eq!(WorkflowPhase::of(&running(), true, false, SECOND), Running);
    assert_eq!(WorkflowPhase::of(&running(), true, true, SECOND), Failing);
    assert_eq!(WorkflowPhase::of(&ClusterView::default(), true, true, SECOND), Gone);
    assert_eq!(WorkflowPhase::of(&ClusterView::default(), false, false, SECOND), Running);
    let mut asked = running();
    asked.workflow.as_mut().unwrap().abort_asked = true;
    assert_eq!(WorkflowPhase::of(&asked, true, true, SECOND), Aborted);
    let with = |kind, reason| view(vec![node("entry", "Serial", 1, &[(kind, reason)])], Vec::new());
    assert_eq!(WorkflowPhase::of(&with("Aborted", "WorkflowAborted"), true, false, SECOND), Aborted);
    assert_eq!(WorkflowPhase::of(&with("DeadlineExceed", "NodeDeadlineExceed"), true, true, SECOND), TimedOut);
    assert_eq!(WorkflowPhase::of(&with("DeadlineExceed", "NodeDeadlineOmitted"), true, false, SECOND), Running);
    let mut nothing = view(Vec::new(), Vec::new());
    nothing.workflow.as_mut().unwrap().status = serde_json::from_value(json!({})).unwrap();
    assert_eq!(WorkflowPhase::of(&nothing, true, false, SECOND * 10), Running);
    assert_eq!(WorkflowPhase::of(&nothing, true, false, SECOND * 11), Invalid);
    let mut suspend = view(vec![node("entry", "Suspend", 1, &[("DeadlineExceed", "NodeDeadlineExceed")])], Vec::new());
    let ended = conditions(&[("Scheduled", ""), ("Accomplished", "")]);
    suspend.workflow.as_mut().unwrap().status =
        serde_json::from_value(json!({"entryNode": "entry-x", "conditions": ended["conditions"]})).unwrap();
    assert_eq!(WorkflowPhase::of(&suspend, true, false, SECOND), Succeeded);
}

#[test]
fn a_program_that_never_ran_has_not_failed() {
    let mut ended = pod("a", Some(128));
    ended.containers[0].reason = "StartError".into();
    let failure = only(&view(vec![node("a", "Task", 1, &[("Accomplished", "")])], vec![ended])).unwrap();
    assert_eq!((failure.outcome, failure.detail.as_str()), (ScenarioOutcome::InfraFail, "exit code 128 (StartError)"));
}

/// A chaos object of the node `<step>-x`; `injected` says for each thing that it selected whether it got there.
fn chaos(step: &str, injected: &[bool]) -> ((usize, String), SeenChaos) {
    let record = |done: &bool| json!({"injectedCount": u32::from(*done)});
    let all = !injected.is_empty() && injected.iter().all(|done| *done);
    let status = json!({
        "conditions": [{"type": "AllInjected", "status": if all { "True" } else { "False" }}],
        "experiment": {"containerRecords": injected.iter().map(record).collect::<Vec<_>>()},
    });
    let name = format!("{step}-x-y");
    let one = SeenChaos {
        kind: "PodChaos".into(),
        name: name.clone(),
        owner: format!("{step}-x"),
        status: serde_json::from_value(status).unwrap(),
        ..SeenChaos::default()
    };
    ((0, name), one)
}

const ENDED: [(&str, &str); 1] = [("DeadlineExceed", "NodeDeadlineExceed")];

#[test]
fn chaos_that_landed_passes_and_chaos_that_did_not_is_no_pass() {
    let rows = [
        (&[true, true][..], None),
        (&[true, false], Some("its chaos did not land: injected into 1 of 2")),
        (&[], Some("its chaos did not land: its selector has found nothing")),
    ];
    for (injected, want) in rows {
        let mut detector = Detector::default();
        let mut now = view(vec![node("cut", "PodChaos", 1, &[])], Vec::new());
        now.chaos.extend([chaos("cut", injected)]);
        assert!(detector.observe(&now, SECOND).is_empty(), "it runs");
        // It has ended, and its object goes a moment later.
        now.nodes = view(vec![node("cut", "PodChaos", 1, &ENDED)], Vec::new()).nodes;
        assert!(detector.observe(&now, SECOND * 2).is_empty(), "{injected:?}: it is being recovered");
        now.chaos.clear();
        let found = detector.observe(&now, SECOND * 3);
        assert_eq!(found.first().map(|failure| failure.detail.as_str()), want);
        assert_eq!(found.first().map(|failure| failure.outcome), want.map(|_| ScenarioOutcome::InfraFail));
        assert!(detector.observe(&now, SECOND * 60).is_empty(), "told once");
        detector.unproven(&now, SECOND * 61);
        assert_eq!(detector.failures().len(), usize::from(want.is_some()));
    }
}

#[test]
fn chaos_that_nobody_saw_is_waited_for_and_then_no_pass() {
    let ended = view(vec![node("cut", "PodChaos", 1, &ENDED)], Vec::new());
    let mut detector = Detector::default();
    assert!(detector.observe(&ended, SECOND).is_empty());
    assert_eq!(detector.due(), Some(SECOND + WAITING));
    let found = detector.observe(&ended, SECOND + WAITING);
    assert_eq!(found[0].detail, "its chaos did not land: no chaos object of it was ever seen");
    // Where the Workflow ends first, that decides.
    let mut detector = Detector::default();
    assert!(detector.observe(&ended, SECOND).is_empty());
    detector.unproven(&ended, SECOND * 2);
    assert_eq!(detector.failures().len(), 1);
}

#[test]
fn chaos_that_is_not_recovered_is_a_failure() {
    let mut now = view(vec![node("cut", "PodChaos", 1, &ENDED)], Vec::new());
    now.chaos.extend([chaos("cut", &[true])]);
    let mut detector = Detector::default();
    assert!(detector.observe(&now, SECOND).is_empty());
    assert!(detector.observe(&now, WAITING).is_empty());
    let found = detector.observe(&now, SECOND + WAITING);
    assert_eq!(found[0].detail, "it has ended, and its chaos is not recovered");
    // One that goes in time is none.
    now.nodes = view(vec![node("cut", "PodChaos", 1, &ENDED)], Vec::new()).nodes;
    let mut detector = Detector::default();
    assert!(detector.observe(&now, SECOND).is_empty());
    now.chaos.clear();
    assert!(detector.observe(&now, SECOND + WAITING).is_empty());
    assert_eq!(detector.due(), None);
}

#[test]
fn chaos_that_was_stopped_with_the_whole_need_not_have_landed() {
    for how in [("Aborted", "ParentNodeAborted"), ("DeadlineExceed", "ParentNodeDeadlineExceed")] {
        let ended = view(vec![node("cut", "PodChaos", 1, &[how])], Vec::new());
        let mut detector = Detector::default();
        assert!(detector.observe(&ended, SECOND * 60).is_empty());
        detector.unproven(&ended, SECOND * 61);
        assert!(detector.failures().is_empty(), "{how:?}");
    }
}
