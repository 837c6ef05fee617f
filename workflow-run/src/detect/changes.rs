//! Looking at what has changed finds what looking at everything does, and costs no more than the changes.

use chaos_kube::Seen;
use serde_json::{Value, json};

use super::*;
use crate::follow::{Follower, Limits};
use crate::view::{ChaosKey, SeenChaos, SeenContainer};

const SECOND: Duration = Duration::from_secs(1);

fn node(name: &str, kind: &str, holds: &[(&str, &str)]) -> SeenNode {
    let row = |(kind, reason): &(&str, &str)| json!({"type": kind, "status": "True", "reason": reason});
    let status = json!({ "conditions": holds.iter().map(row).collect::<Vec<_>>() });
    let spec = json!({"templateName": name, "workflowName": "w", "type": kind});
    SeenNode {
        name: name.to_owned(),
        made: "2026-01-01T00:00:00Z".into(),
        spec: serde_json::from_value(spec).unwrap(),
        status: serde_json::from_value(status).unwrap(),
    }
}

fn pod(node: &str, uid: &str, container: SeenContainer) -> SeenPod {
    let phase = match container.exit_code {
        Some(0) => "Succeeded",
        Some(_) => "Failed",
        None => "Running",
    };
    let (node, uid, name) = (node.to_owned(), uid.to_owned(), format!("pod-{uid}"));
    SeenPod { node, uid, name, phase: phase.into(), containers: vec![container], ..SeenPod::default() }
}

fn stuck() -> SeenContainer {
    SeenContainer { is_waiting: true, reason: "ErrImagePull".into(), ..SeenContainer::default() }
}

fn exited(code: i32) -> SeenContainer {
    SeenContainer { exit_code: Some(code), ..SeenContainer::default() }
}

fn chaos(kind: &str, name: &str, owner: &str, is_scheduled: bool, injected: Option<u32>) -> SeenChaos {
    let all = if injected == Some(1) { "True" } else { "False" };
    let records: Vec<Value> = injected.iter().map(|count| json!({ "injectedCount": count })).collect();
    let status = json!({ "conditions": [{"type": "AllInjected", "status": all}],
        "experiment": { "containerRecords": records } });
    let (kind, name, owner) = (kind.to_owned(), name.to_owned(), owner.to_owned());
    SeenChaos { kind, name, owner, is_scheduled, status: serde_json::from_value(status).unwrap() }
}

/// A `Serial` of so many Tasks and as many nodes of chaos, looked at after each event as the watches tell them; how many nodes were judged.
fn visits(steps: usize) -> usize {
    let timeout = Duration::from_hours(10);
    let mut follower = Follower::new(Limits { deadline: None, timeout, stop_at_failure: false });
    let mut events = 0_u32;
    let mut look = |follower: &mut Follower| {
        events += 1;
        follower.look(SECOND * events);
    };
    follower.view.nodes_seen(Seen::Changed(node("main", "Serial", &[])));
    look(&mut follower);
    for step in 0..steps {
        let (task, cut) = (format!("task-{step}"), format!("cut-{step}"));
        follower.view.nodes_seen(Seen::Changed(node(&task, "Task", &[])));
        look(&mut follower);
        // One in ten waits for its image for ever, and one in ten fails.
        let container = if step % 10 == 1 { stuck() } else { SeenContainer::default() };
        follower.view.pods_seen(Seen::Changed(pod(&task, &task, container)));
        look(&mut follower);
        if step % 10 != 1 {
            follower.view.pods_seen(Seen::Changed(pod(&task, &task, exited(i32::from(step % 10 == 2)))));
            look(&mut follower);
            follower.view.nodes_seen(Seen::Changed(node(&task, "Task", &[("Accomplished", "")])));
            look(&mut follower);
        }
        follower.view.nodes_seen(Seen::Changed(node(&cut, "PodChaos", &[])));
        look(&mut follower);
        follower.view.chaos_seen(0, Seen::Changed(chaos("PodChaos", &cut, &cut, false, Some(1))));
        look(&mut follower);
        follower.view.nodes_seen(Seen::Changed(node(&cut, "PodChaos", &[("DeadlineExceed", "NodeDeadlineExceed")])));
        look(&mut follower);
        // One in ten is never recovered.
        if step % 10 != 3 {
            follower.view.chaos_seen(0, Seen::Gone(chaos("PodChaos", &cut, &cut, false, Some(1))));
            look(&mut follower);
        }
        // The `Serial` has one child more that has ended.
        follower.view.nodes_seen(Seen::Changed(node("main", "Serial", &[])));
        look(&mut follower);
    }
    let tenths = steps / 10;
    assert!(follower.detector.failures().len() >= 2 * tenths, "{}", follower.detector.failures().len());
    follower.detector.visits
}

#[test]
fn a_run_judges_in_proportion_to_its_nodes() {
    let (some, twice) = (visits(300), visits(600));
    assert!(some > 300 * 2, "{some}");
    assert!(twice * 10 <= some * 22, "{some} for 300 steps, {twice} for 600");
}

/// Numbers that look random, and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % most as u64).unwrap()
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

const KINDS: [&str; 6] = ["Task", "Task", "PodChaos", "Schedule", "Serial", "StatusCheck"];

fn any_node(dice: &mut Dice, at: usize) -> SeenNode {
    let holds: &[&[(&str, &str)]] = &[
        &[],
        &[],
        &[("Accomplished", "")],
        &[("DeadlineExceed", "NodeDeadlineExceed")],
        &[("DeadlineExceed", "ParentNodeDeadlineExceed")],
        &[("Aborted", "WorkflowAborted")],
    ];
    let mut node = node(&format!("n{at}"), KINDS[at], holds[dice.below(holds.len())]);
    node.made = format!("2026-01-01T00:00:0{}Z", dice.below(3));
    let branches = json!({"branches": [{"target": "b", "evaluationResult": "Unknown"}]});
    if dice.below(4) == 0 {
        node.status.conditional_branches_status = serde_json::from_value(branches).unwrap();
    }
    node
}

fn any_event(dice: &mut Dice, view: &mut ClusterView) {
    let gone = dice.below(4) == 0;
    match dice.below(6) {
        0 | 1 => {
            let at = dice.below(KINDS.len());
            let node = any_node(dice, at);
            view.nodes_seen(if gone { Seen::Gone(node) } else { Seen::Changed(node) });
        }
        2 => {
            let at = dice.below(2);
            let container = dice.of(&[stuck(), SeenContainer::default(), exited(0), exited(2)]).clone();
            let pod = pod(&format!("n{at}"), &format!("u{at}{}", dice.below(2)), container);
            view.pods_seen(if gone { Seen::Gone(pod) } else { Seen::Changed(pod) });
        }
        3 | 4 => {
            let injected = *dice.of(&[None, Some(0), Some(1)]);
            let one = match dice.below(4) {
                0 => chaos("PodChaos", "c", "n2", false, injected),
                1 => chaos("Schedule", "s", "n3", false, None),
                at => chaos("PodChaos", &format!("of-s-{at}"), "s", true, injected),
            };
            view.chaos_seen(0, if gone { Seen::Gone(one) } else { Seen::Changed(one) });
        }
        _ => match dice.below(4) {
            0 => {
                let all = (0..KINDS.len()).filter(|_| dice.below(3) > 0).collect::<Vec<_>>();
                let all = all.into_iter().map(|at| any_node(dice, at)).collect();
                view.nodes_seen(Seen::All(all));
            }
            1 => view.pods_seen(Seen::All(vec![pod("n0", "u00", stuck())])),
            2 => view.chaos_seen(0, Seen::All(vec![chaos("PodChaos", "c", "n2", false, Some(1))])),
            _ => view.exit_reason = Some((*dice.of(&["", "pass", "fail", "infra-fail"])).to_owned()),
        },
    }
}

/// What was found, but for why chaos did not land: of several objects, the one that was seen last says it.
fn found(failures: &[StepFailure]) -> Vec<(String, ScenarioOutcome, String)> {
    let detail = |text: &str| text.split_inclusive("did not land").next().unwrap_or_default().to_owned();
    failures.iter().map(|one| (one.node.clone(), one.outcome, detail(&one.detail))).collect()
}

#[test]
fn what_has_changed_is_all_that_needs_to_be_looked_at() {
    let (mut failures, mut kinds) = (0, BTreeSet::new());
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let (mut view, mut now) = (ClusterView::default(), Duration::ZERO);
        let (mut by_changes, mut by_all) = (Detector::default(), Detector::default());
        for step in 0..60 {
            for _ in 0..dice.below(3) {
                any_event(&mut dice, &mut view);
            }
            now += SECOND * u32::try_from(dice.below(9)).unwrap();
            let changed = std::mem::take(&mut view.changed);
            let new = found(&by_changes.observe_changes(&view, &changed, now));
            assert_eq!(new, found(&by_all.observe(&view, now)), "seed {seed}, step {step}, {now:?}");
            kinds.extend(new.into_iter().map(|(_, _, detail)| detail));
        }
        by_changes.unproven(&view, now);
        by_all.unproven(&view, now);
        assert_eq!(found(by_changes.failures()), found(by_all.failures()), "seed {seed}");
        assert!(by_changes.visits <= by_all.visits);
        failures += by_all.failures().len();
    }
    assert!(failures > 1000 && kinds.len() >= 10, "{failures} {kinds:?}");
}

/// The pod of a branch that can't be decided ends after it was seen first.
#[test]
fn a_branch_is_judged_by_how_its_pod_stands_now() {
    let mut view = ClusterView::default();
    let mut detector = Detector::default();
    view.nodes_seen(Seen::Changed(node("a", "Task", &[])));
    view.pods_seen(Seen::Changed(pod("a", "u", SeenContainer::default())));
    assert!(detector.observe(&view, SECOND).is_empty());
    let mut task = node("a", "Task", &[("Accomplished", "")]);
    let branches = json!({"branches": [{"target": "b", "evaluationResult": "Unknown"}]});
    task.status.conditional_branches_status = serde_json::from_value(branches).unwrap();
    view.nodes_seen(Seen::Changed(task));
    view.pods_seen(Seen::Changed(pod("a", "u", exited(0))));
    let found = detector.observe(&view, SECOND * 2);
    assert_eq!(found[0].detail, "which branch follows could not be decided");
}

#[test]
fn another_list_forgets_what_is_not_in_it() {
    let mut view = ClusterView::default();
    view.chaos_seen(0, Seen::Changed(chaos("PodChaos", "a", "n", false, None)));
    view.chaos_seen(1, Seen::Changed(chaos("PodChaos", "b", "n", false, None)));
    view.changed = Changes::default();
    view.chaos_seen(0, Seen::All(vec![chaos("PodChaos", "c", "n", false, None)]));
    let keys: Vec<&ChaosKey> = view.chaos.keys().collect();
    assert_eq!(keys, [&(0, "c".to_owned()), &(1, "b".to_owned())]);
    assert_eq!(view.changed.chaos, BTreeSet::from([(0, "a".to_owned()), (0, "c".to_owned())]));
    let other = ClusterView::default();
    view.replace(other);
    assert_eq!((view.chaos.len(), view.changed.chaos.len()), (0, 3));
}
