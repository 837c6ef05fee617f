//! Follows a Workflow until it has ended, something failed, or its time is up.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use chaos_kube::{Cluster, Seen, Selection, Watched, chaos_selections};
use chaos_manifests::{EmbeddedChaos, WORKFLOW_LABEL, variables_name};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::DynamicObject;
use tokio::time::{Instant, sleep_until};

use crate::detect::{Detector, StepFailure};
use crate::phase::WorkflowPhase;
use crate::view::{ClusterView, SeenChaos, SeenNode, SeenPod, SeenWorkflow};

/// How long the server may be away; longer than it takes to restart, and shorter than a night.
const AWAY: Duration = Duration::from_mins(2);
/// How long an abort may take to reach the entry; what has not ended by then is deleted all the same.
const ABORTING: Duration = Duration::from_secs(15);

/// What happened that is worth telling.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    /// A step has begun.
    Began(String),
    /// Something failed.
    Failed(StepFailure),
    /// The deadline of the entry has passed, and the Workflow goes on.
    Overrun(Duration),
    /// The server does not answer, or does so again.
    Away(String),
    Back,
    /// `EXIT_REASON` has another value.
    Reason(String),
}

/// Why following ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It is in its last phase.
    Phase(WorkflowPhase),
    /// Something failed, and nothing stops it but us.
    Failed,
    /// Its time is up.
    TimedOut,
    /// The server was away for too long.
    Away,
}

/// What decides when it is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The deadline of the entry.
    pub(crate) deadline: Option<Duration>,
    /// How long all of it may take.
    pub(crate) timeout: Duration,
    /// Whether we stop it at the first failure; otherwise it stops by itself, and what is to run last does.
    pub(crate) stop_at_failure: bool,
}

/// What is known, and what follows from it; no cluster is needed for it.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) view: ClusterView,
    pub(crate) detector: Detector,
    limits: Limits,
    was_there: bool,
    overrun: bool,
    away: Option<Duration>,
    began: BTreeSet<String>,
    /// The steps that had begun when nothing had failed yet.
    before_failure: BTreeSet<String>,
    reasons: usize,
    stopping: Option<Duration>,
}

impl Follower {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            view: ClusterView::default(),
            detector: Detector::default(),
            limits,
            was_there: false,
            overrun: false,
            away: None,
            began: BTreeSet::new(),
            before_failure: BTreeSet::new(),
            reasons: 0,
            stopping: None,
        }
    }

    /// Says that the Workflow was created.
    pub(crate) fn created(&mut self, workflow: SeenWorkflow) {
        self.view.workflow = Some(workflow);
        self.was_there = true;
    }

    /// Says that we abort it from now on.
    pub(crate) fn stop(&mut self, now: Duration) {
        self.detector.stopping();
        self.stopping.get_or_insert(now);
    }

    /// The phase now.
    pub(crate) fn phase(&self, now: Duration) -> WorkflowPhase {
        WorkflowPhase::of(&self.view, self.was_there, self.detector.first().is_some(), now)
    }

    /// The steps that began after something had failed, as far as it could be known then.
    pub(crate) fn began_after_failure(&self) -> Vec<String> {
        if self.detector.first().is_none() {
            return Vec::new();
        }
        let leaves = self.view.nodes.values().filter(|node| is_leaf(node));
        let later = leaves.filter(|node| !self.before_failure.contains(&node.name));
        later.map(|node| node.spec.template_name.clone()).collect()
    }

    /// What follows from what is known now. It costs as much as has changed since the last time.
    pub(crate) fn look(&mut self, now: Duration) -> (Vec<Told>, Option<Ended>) {
        let mut told = Vec::new();
        let changed = std::mem::take(&mut self.view.changed);
        let failed = self.detector.observe_changes(&self.view, &changed, now);
        let new: Vec<(String, String)> = changed
            .nodes
            .iter()
            .filter_map(|name| self.view.nodes.get(name))
            .filter(|node| is_leaf(node) && !self.began.contains(&node.name))
            .map(|node| (node.name.clone(), node.spec.template_name.clone()))
            .collect();
        for (node, step) in new {
            if self.detector.first().is_none() {
                self.before_failure.insert(node.clone());
            }
            self.began.insert(node);
            told.push(Told::Began(step));
        }
        let reasons = self.detector.reasons()[self.reasons..].iter().cloned().map(Told::Reason);
        told.extend(reasons);
        self.reasons = self.detector.reasons().len();
        told.extend(failed.into_iter().map(Told::Failed));
        let phase = self.phase(now);
        if let Some(deadline) = self.limits.deadline.filter(|deadline| now >= *deadline && !self.overrun)
            && !phase.is_last()
        {
            self.overrun = true;
            told.push(Told::Overrun(deadline));
        }
        (told, self.ended(phase, now))
    }

    fn ended(&self, phase: WorkflowPhase, now: Duration) -> Option<Ended> {
        if let Some(since) = self.stopping {
            let gone = phase == WorkflowPhase::Gone;
            let over = gone || self.view.entry().is_none_or(SeenNode::is_finished) || now >= since + ABORTING;
            return over.then_some(Ended::Phase(phase));
        }
        if phase.is_last() {
            return Some(Ended::Phase(phase));
        }
        if self.limits.stop_at_failure && self.detector.first().is_some() {
            return Some(Ended::Failed);
        }
        if now >= self.limits.timeout {
            return Some(Ended::TimedOut);
        }
        self.away.filter(|since| now >= *since + AWAY).map(|_| Ended::Away)
    }

    /// When it must be looked at again, if nothing happens before.
    pub(crate) fn due(&self, now: Duration) -> Duration {
        let deadline = self.limits.deadline.filter(|_| !self.overrun);
        let times = [
            Some(self.limits.timeout),
            deadline,
            self.detector.due(),
            self.away.map(|since| since + AWAY),
            self.stopping.map(|since| since + ABORTING),
            // The entry of a Workflow that is not valid never comes.
            self.view.nodes.is_empty().then(|| now + Duration::from_secs(1)),
        ];
        times.into_iter().flatten().filter(|time| *time > now).min().unwrap_or(now + Duration::from_secs(5))
    }

    fn answers(&mut self, told: &mut Vec<Told>) {
        if self.away.take().is_some() {
            told.push(Told::Back);
        }
    }

    fn is_away(&mut self, why: String, now: Duration, told: &mut Vec<Told>) {
        if self.away.is_none() {
            self.away = Some(now);
            told.push(Told::Away(why));
        }
    }
}

/// Whether a node does something itself.
fn is_leaf(node: &SeenNode) -> bool {
    !matches!(node.spec.kind.as_str(), "Serial" | "Parallel")
}

/// The watches of a Workflow: its own, that of its nodes, of its pods, of its variables, and of its chaos.
pub(crate) struct Watches {
    workflow: Watched<DynamicObject>,
    nodes: Watched<DynamicObject>,
    pods: Watched<Pod>,
    variables: Watched<ConfigMap>,
    /// A kind each.
    chaos: Vec<(String, Watched<DynamicObject>)>,
    began: Instant,
}

impl Watches {
    pub(crate) fn start(cluster: &Cluster, namespace: &str, workflow: &str, chaos: &EmbeddedChaos) -> Self {
        let labelled = Selection::label(WORKFLOW_LABEL, workflow);
        let map = Selection::name(&variables_name(workflow));
        let chaos = chaos_selections(workflow, chaos).into_iter();
        let watched = |(kind, of): (String, Selection)| {
            let api = cluster.chaos(&kind, namespace);
            (kind, Watched::start(api, of))
        };
        Self {
            workflow: Watched::start(cluster.chaos_mesh("Workflow", "workflows", namespace), Selection::name(workflow)),
            nodes: Watched::start(cluster.chaos_mesh("WorkflowNode", "workflownodes", namespace), labelled.clone()),
            pods: Watched::start(cluster.pods(namespace), labelled),
            variables: Watched::start(cluster.config_maps(namespace), map),
            chaos: chaos.map(watched).collect(),
            began: Instant::now(),
        }
    }

    /// How long it is followed already.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Waits until something is seen or due, and gives what follows.
    pub(crate) async fn next(&mut self, follower: &mut Follower) -> (Vec<Told>, Option<Ended>) {
        let due = self.began + follower.due(self.now());
        let mut told = Vec::new();
        tokio::select! {
            seen = self.workflow.next() => self.workflow_seen(seen, follower, &mut told),
            seen = self.nodes.next() => {
                let view = |follower: &mut Follower, seen: Seen<DynamicObject>| {
                    follower.view.nodes_seen(seen.map(|node| SeenNode::of(&node)));
                };
                self.seen(seen, follower, &mut told, view);
            }
            seen = self.pods.next() => {
                let view = |follower: &mut Follower, seen: Seen<Pod>| {
                    follower.view.pods_seen(seen.map(|pod| SeenPod::of(&pod)));
                };
                self.seen(seen, follower, &mut told, view);
            }
            seen = self.variables.next() => {
                let view = |follower: &mut Follower, seen| match seen {
                    Seen::All(all) => follower.view.set_variables(all.first()),
                    Seen::Changed(map) => follower.view.set_variables(Some(&map)),
                    Seen::Gone(_) => follower.view.set_variables(None),
                    Seen::Away(_) => {}
                };
                self.seen(seen, follower, &mut told, view);
            }
            (which, seen) = any(&mut self.chaos) => self.chaos_seen(which, seen, follower, &mut told),
            () = sleep_until(due) => {}
        }
        let (more, ended) = follower.look(self.now());
        told.extend(more);
        if ended.is_some() {
            // What has come of chaos counts, though its end came first.
            for which in 0..self.chaos.len() {
                while let Some(seen) = self.chaos[which].1.try_next() {
                    self.chaos_seen(which, Some(seen), follower, &mut told);
                }
            }
            let (more, _) = follower.look(self.now());
            told.extend(more);
        }
        (told, ended)
    }

    fn chaos_seen(
        &self,
        which: usize,
        seen: Option<Seen<DynamicObject>>,
        follower: &mut Follower,
        told: &mut Vec<Told>,
    ) {
        let kind = &self.chaos[which].0;
        self.seen(seen, follower, told, |follower, seen| {
            follower.view.chaos_seen(which, seen.map(|object| SeenChaos::of(kind, &object)));
        });
    }

    fn workflow_seen(&self, seen: Option<Seen<DynamicObject>>, follower: &mut Follower, told: &mut Vec<Told>) {
        self.seen(seen, follower, told, |follower, seen| match seen {
            Seen::All(all) => match all.first() {
                Some(workflow) => follower.created(SeenWorkflow::of(workflow)),
                None => follower.view.workflow = None,
            },
            Seen::Changed(workflow) => follower.created(SeenWorkflow::of(&workflow)),
            Seen::Gone(_) => follower.view.workflow = None,
            Seen::Away(_) => {}
        });
    }

    fn seen<K>(
        &self,
        seen: Option<Seen<K>>,
        follower: &mut Follower,
        told: &mut Vec<Told>,
        view: impl FnOnce(&mut Follower, Seen<K>),
    ) {
        match seen {
            Some(Seen::Away(why)) => follower.is_away(why, self.now(), told),
            Some(seen) => {
                follower.answers(told);
                view(follower, seen);
            }
            // The runtime is ending.
            None => {}
        }
    }
}

/// What is seen next by any of these; nothing ever where there are none.
async fn any(watched: &mut [(String, Watched<DynamicObject>)]) -> (usize, Option<Seen<DynamicObject>>) {
    poll_fn(|cx| {
        let mut each = watched.iter_mut().enumerate();
        let ready = each.find_map(|(which, (_, watched))| match watched.poll_next(cx) {
            Poll::Ready(seen) => Some((which, seen)),
            Poll::Pending => None,
        });
        ready.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn follower(deadline: Option<u64>, timeout: u64) -> Follower {
        let deadline = deadline.map(Duration::from_secs);
        let limits = Limits { deadline, timeout: Duration::from_secs(timeout), stop_at_failure: true };
        let mut follower = Follower::new(limits);
        let status = json!({"entryNode": "main-x", "conditions": [{"type": "Scheduled", "status": "True"}]});
        follower.created(SeenWorkflow { status: serde_json::from_value(status).unwrap(), ..SeenWorkflow::default() });
        task(&mut follower, "main", "Serial");
        follower
    }

    fn task(follower: &mut Follower, name: &str, kind: &str) {
        let spec = json!({"templateName": name, "workflowName": "w", "type": kind});
        let node =
            SeenNode { name: format!("{name}-x"), spec: serde_json::from_value(spec).unwrap(), ..SeenNode::default() };
        follower.view.nodes_seen(Seen::Changed(node));
    }

    fn pod(follower: &mut Follower, name: &str, code: i32) {
        let container = crate::view::SeenContainer { exit_code: Some(code), ..Default::default() };
        let (uid, node) = (format!("{name}-uid"), format!("{name}-x"));
        let pod = SeenPod { uid, node, containers: vec![container], ..SeenPod::default() };
        follower.view.pods_seen(Seen::Changed(pod));
    }

    /// Row 1.8: one warning, at the boundary, however long it goes on.
    #[test]
    fn the_overrun_is_told_once_and_when_it_begins() {
        let mut follower = follower(Some(60), 600);
        assert_eq!(follower.due(SECOND * 59), SECOND * 60);
        let mut told = Vec::new();
        for second in 0..180 {
            let (new, ended) = follower.look(SECOND * second);
            assert_eq!(ended, None);
            told.extend(new.into_iter().map(|one| (second, one)));
        }
        assert_eq!(told, [(60, Told::Overrun(SECOND * 60))]);
    }

    /// Rows 1.7 and 1.9, by a clock that the test moves.
    #[test]
    fn it_ends_by_phase_by_timeout_or_when_the_server_is_away_for_too_long() {
        let mut timed = follower(None, 90);
        assert_eq!(timed.look(SECOND * 89).1, None);
        assert_eq!(timed.look(SECOND * 90).1, Some(Ended::TimedOut));
        let mut gone = follower(None, 90);
        gone.view.workflow = None;
        assert_eq!(gone.look(SECOND).1, Some(Ended::Phase(WorkflowPhase::Gone)));
        let mut away = follower(None, 900);
        let mut told = Vec::new();
        away.is_away("refused".into(), SECOND, &mut told);
        away.is_away("refused".into(), SECOND * 20, &mut told);
        assert_eq!(told, [Told::Away("refused".into())]);
        assert_eq!(away.look(SECOND * 31).1, None);
        away.answers(&mut told);
        assert_eq!(told.len(), 2);
        assert_eq!(away.look(SECOND * 200).1, None);
        away.is_away("refused".into(), SECOND * 200, &mut told);
        assert_eq!(away.look(SECOND * 319).1, None);
        assert_eq!(away.look(SECOND * 320).1, Some(Ended::Away));
    }

    #[test]
    fn what_begins_after_a_failure_is_known_and_the_stop_is_waited_for() {
        let mut follower = follower(None, 900);
        task(&mut follower, "one", "Task");
        assert_eq!(follower.look(SECOND).0, [Told::Began("one".into())]);
        pod(&mut follower, "one", 1);
        let (told, ended) = follower.look(SECOND * 2);
        assert!(matches!(&told[..], [Told::Failed(failure)] if failure.step == "one"), "{told:?}");
        assert_eq!(ended, Some(Ended::Failed));
        follower.stop(SECOND * 2);
        task(&mut follower, "two", "Task");
        assert_eq!(follower.look(SECOND * 3), (vec![Told::Began("two".into())], None));
        assert_eq!(follower.began_after_failure(), ["two"]);
        let aborted = json!({"conditions": [{"type": "Aborted", "status": "True", "reason": "WorkflowAborted"}]});
        let main = follower.view.nodes["main-x"].clone();
        let main = SeenNode { status: serde_json::from_value(aborted).unwrap(), ..main };
        follower.view.nodes_seen(Seen::Changed(main));
        assert_eq!(follower.look(SECOND * 4), (Vec::new(), Some(Ended::Phase(WorkflowPhase::Aborted))));
        // One that never gets there is not waited for without end.
        let mut stuck = self::follower(None, 900);
        stuck.stop(SECOND);
        assert_eq!(stuck.look(SECOND * 15).1, None);
        assert!(stuck.look(SECOND * 16).1.is_some());
    }
}
