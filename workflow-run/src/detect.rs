//! Which nodes have failed, by their types: a condition that is the normal end of one type is the failure of another.
//!
//! Nothing here forgets: what has failed once is not made good by what is seen later, and a pod that was seen is known after it
//! is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chaos_kube::{ending_signal, is_stuck, was_not_run};
use serde::{Deserialize, Serialize};

use crate::landed::{Landed, makes_chaos};
use crate::outcome::ScenarioOutcome;
use crate::phase::ends_by_deadline;
use crate::view::{Changes, ClusterView, SeenNode, SeenPod};

mod waiting;

use waiting::{WAITING, Waiting};

/// What is wrong with one node, or with the whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepFailure {
    /// The template; empty where it is about the whole.
    pub step: String,
    /// The node.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// The pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Whose failure it is.
    pub outcome: ScenarioOutcome,
    /// The exit code of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Why, in one clause.
    pub detail: String,
    /// Since the Workflow was applied.
    pub at_seconds: f64,
}

impl StepFailure {
    /// A failure that no pod shows; `step` is empty where it is about the whole.
    pub(crate) fn new(
        step: impl Into<String>,
        outcome: ScenarioOutcome,
        detail: impl Into<String>,
        at_seconds: f64,
    ) -> Self {
        let (step, detail) = (step.into(), detail.into());
        Self { step, node: String::new(), pod: None, outcome, exit_code: None, signal: None, detail, at_seconds }
    }
}

/// Everything that was found, in the order in which it was.
#[derive(Debug, Default)]
pub(crate) struct Detector {
    failures: Vec<StepFailure>,
    /// What was told already: node and what is wrong with it.
    told: BTreeSet<(String, &'static str)>,
    /// What is waited for: a container, chaos.
    waiting: Waiting,
    /// The pod that each node had first, as it was seen last.
    first_pods: BTreeMap<String, SeenPod>,
    /// The node of each pod that is there, by its uid, and the uids of each node.
    nodes_of_pods: BTreeMap<String, String>,
    pods_of_nodes: BTreeMap<String, BTreeSet<String>>,
    /// The Tasks that have not ended.
    running: BTreeSet<String>,
    landed: Landed,
    /// Nodes of which a pod has shown its exit code.
    proven: BTreeSet<String>,
    /// The last of `EXIT_REASON`, so that each change is told.
    reasons: Vec<String>,
    /// Abort was asked for by us: what is aborted from then on has not failed.
    stopping: bool,
    /// How many nodes were judged so far.
    #[cfg(test)]
    pub(crate) visits: usize,
}

impl Detector {
    /// All failures so far, the first one first.
    pub(crate) fn failures(&self) -> &[StepFailure] {
        &self.failures
    }

    /// The one that decides.
    pub(crate) fn first(&self) -> Option<&StepFailure> {
        self.failures.first()
    }

    /// Every value of `EXIT_REASON`, in its order.
    pub(crate) fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// Says that what is aborted from now on was aborted by us.
    pub(crate) fn stopping(&mut self) {
        self.stopping = true;
    }

    /// Looks at everything; gives what is new.
    pub(crate) fn observe(&mut self, view: &ClusterView, now: Duration) -> Vec<StepFailure> {
        let mut all = Changes::all(view);
        // What is not there any more has changed, too.
        all.nodes.extend(self.running.iter().cloned());
        all.pods.extend(self.nodes_of_pods.keys().cloned());
        all.chaos.extend(self.landed.keys().cloned());
        self.observe_changes(view, &all, now)
    }

    /// Looks at what has changed, and at what is late by now; gives what is new. Nothing else can have become a failure.
    pub(crate) fn observe_changes(&mut self, view: &ClusterView, changed: &Changes, now: Duration) -> Vec<StepFailure> {
        let before = self.failures.len();
        let touched = self.touched(view, changed, now);
        let mut nodes: Vec<&SeenNode> = touched.iter().filter_map(|name| view.nodes.get(name)).collect();
        nodes.sort_by(|a, b| (&a.made, &a.name).cmp(&(&b.made, &b.name)));
        #[cfg(test)]
        {
            self.visits += nodes.len();
        }
        // The pods first: what a deadline or an abort makes of a node comes after what its pod did.
        for node in nodes.iter().filter(|node| node.spec.kind == "Task") {
            let uids = self.pods_of_nodes.get(&node.name).into_iter().flatten();
            let mut pods: Vec<&SeenPod> = uids.filter_map(|uid| view.pods.get(uid)).collect();
            pods.sort_by(|a, b| (&a.made, &a.uid).cmp(&(&b.made, &b.uid)));
            self.pods(node, &pods, now);
        }
        self.exit_reason(view, now);
        for node in nodes {
            self.conditions(node, now);
            if makes_chaos(node) {
                self.chaos(node, now);
            }
        }
        self.failures[before..].to_vec()
    }

    /// The nodes that something has changed of, by name: they themselves, their pods, their chaos, or how late it is.
    fn touched(&mut self, view: &ClusterView, changed: &Changes, now: Duration) -> BTreeSet<String> {
        let mut touched = self.landed.observe(view, &changed.chaos);
        for name in &changed.nodes {
            let runs = view.nodes.get(name).is_some_and(|node| node.spec.kind == "Task" && !node.is_finished());
            if runs {
                self.running.insert(name.clone())
            } else {
                self.running.remove(name)
            };
            touched.insert(name.clone());
        }
        for uid in &changed.pods {
            if let Some(node) = self.nodes_of_pods.remove(uid) {
                if let Some(uids) = self.pods_of_nodes.get_mut(&node) {
                    uids.remove(uid);
                }
                touched.insert(node);
            }
            let Some(pod) = view.pods.get(uid) else { continue };
            self.nodes_of_pods.insert(uid.clone(), pod.node.clone());
            self.pods_of_nodes.entry(pod.node.clone()).or_default().insert(uid.clone());
            let first = self.first_pods.entry(pod.node.clone()).or_insert_with(|| pod.clone());
            if first.uid == pod.uid {
                first.clone_from(pod);
            }
            touched.insert(pod.node.clone());
        }
        touched.extend(self.waiting.late(now));
        touched
    }

    /// When something that is waited for is late, if something is.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.waiting.due()
    }

    fn tell(&mut self, node: &SeenNode, what: &'static str, found: Found, now: Duration) {
        if !self.told.insert((node.name.clone(), what)) {
            return;
        }
        let (step, name) = (node.spec.template_name.clone(), node.name.clone());
        self.failures.push(found.failure(step, name, now));
    }

    fn pods(&mut self, node: &SeenNode, pods: &[&SeenPod], now: Duration) {
        for pod in pods {
            if pod.container(node.container()).is_some_and(|container| container.exit_code.is_some()) {
                self.proven.insert(node.name.clone());
            }
            if let Some(found) = exit(pod, node.container()) {
                self.tell(node, "exit", found, now);
            }
            let stuck = pod.containers.iter().find(|one| one.is_waiting && is_stuck(&one.reason));
            match stuck {
                Some(container) if !pod.has_ended() => {
                    let since = self.waiting.begin(&node.name, &pod.uid, now);
                    if now.saturating_sub(since) >= WAITING {
                        let found = Found::infra(format!("its container can't be started: {}", container.reason));
                        self.tell(node, "waiting", found.of(pod), now);
                    }
                }
                _ => self.waiting.end(&node.name, &pod.uid),
            }
            let another = self.first_pods.get(&node.name).filter(|first| first.uid != pod.uid).cloned();
            if let Some(first) = another {
                let why = format!("pod `{}` went away and was run again as `{}`", first.name, pod.name);
                self.tell(node, "again", Found::infra(why).of(pod), now);
            }
        }
    }

    fn exit_reason(&mut self, view: &ClusterView, now: Duration) {
        let Some(reason) = view.exit_reason.as_deref().map(str::trim) else { return };
        if self.reasons.last().map_or(reason.is_empty(), |last| last == reason) {
            return;
        }
        self.reasons.push(reason.to_owned());
        let Some(outcome) = ScenarioOutcome::of_exit_reason(reason) else { return };
        if outcome != ScenarioOutcome::Pass {
            let found = Found { outcome, detail: format!("EXIT_REASON is `{reason}`"), ..Found::default() };
            // A step writes it; which one, its pod tells.
            let running = self.running.first().and_then(|name| view.nodes.get(name));
            let (step, node) =
                running.map_or_else(Default::default, |node| (node.spec.template_name.clone(), node.name.clone()));
            self.failures.push(found.failure(step, node, now));
        }
    }

    fn conditions(&mut self, node: &SeenNode, now: Duration) {
        let kind = node.spec.kind.as_str();
        if let Some(late) = node.holds("DeadlineExceed")
            && !ends_by_deadline(node)
        {
            match (kind, late.reason.as_str()) {
                // It had finished before.
                (_, "NodeDeadlineOmitted") => {}
                ("StatusCheck", _) => {
                    self.tell(node, "deadline", Found::infra("its deadline passed before it was decided"), now);
                }
                ("Task", "ParentNodeDeadlineExceed") => {
                    self.tell(node, "deadline", Found::task("the deadline of what it is part of passed first"), now);
                }
                (_, "NodeDeadlineExceed") => self.tell(node, "deadline", Found::task("its deadline passed first"), now),
                _ => {}
            }
        }
        if let Some(aborted) = node.holds("Aborted") {
            match aborted.reason.as_str() {
                "StatusCheckNotExceedSuccessThreshold" => {
                    self.tell(node, "abort", Found::task("its checks failed too often"), now);
                }
                "WorkflowAborted" if !self.stopping => {
                    self.tell(node, "abort", Found::infra("somebody else aborted the Workflow"), now);
                }
                _ => {}
            }
        }
        let branches = node.status.conditional_branches_status.iter().flat_map(|status| &status.branches);
        let unknown = branches.filter(|branch| branch.evaluation_result == "Unknown").count();
        let ended = self.first_pods.get(&node.name).is_some_and(SeenPod::has_ended);
        if unknown > 0 && ended && node.is_finished() {
            self.tell(node, "branch", Found::infra("which branch follows could not be decided"), now);
        }
    }

    /// Whether the chaos of that node landed.
    pub(crate) fn has_landed(&self, node: &str) -> bool {
        self.landed.has(node)
    }

    /// Whether chaos has ended and was not seen to land. One that was aborted, or ended by what it is part of, had perhaps no time to.
    fn is_missing(&self, node: &SeenNode) -> bool {
        node.is_past_its_deadline() && !self.landed.has(&node.name)
    }

    fn missing(&mut self, node: &SeenNode, now: Duration) {
        let why = self.landed.why_not(&node.name);
        self.tell(node, "landed", Found::infra(format!("its chaos did not land: {why}")), now);
    }

    /// A node of chaos ends by its deadline, whether its chaos landed or not, and its object goes when that is recovered.
    fn chaos(&mut self, node: &SeenNode, now: Duration) {
        if !node.is_finished() {
            return;
        }
        let is_missing = self.is_missing(node);
        let is_there = self.landed.is_there(&node.name);
        if !is_missing && !is_there {
            self.waiting.end(&node.name, "");
            return;
        }
        let since = self.waiting.begin(&node.name, "", now);
        let is_late = now.saturating_sub(since) >= WAITING;
        if is_missing && (is_late || self.landed.is_over(&node.name)) {
            self.missing(node, now);
        }
        if is_there && is_late {
            self.tell(node, "recovered", Found::infra("it has ended, and its chaos is not recovered"), now);
        }
    }

    /// What is missing at the end: a Task that ended and whose exit code nobody saw has not passed.
    pub(crate) fn unproven(&mut self, view: &ClusterView, now: Duration) {
        for node in view.nodes.values().filter(|node| node.spec.kind == "Task" && node.is_finished()) {
            let its = (node.name.clone(), "");
            let known = self.told.range(its..).next().is_some_and(|(name, _)| *name == node.name);
            if !known && !self.proven.contains(&node.name) {
                let why = match self.first_pods.get(&node.name) {
                    None => "it ended, and its pod was never seen".to_owned(),
                    Some(pod) => format!("it ended, and pod `{}` has no exit code", pod.name),
                };
                self.tell(node, "unproven", Found::infra(why), now);
            }
        }
        for node in view.nodes.values().filter(|node| makes_chaos(node)) {
            if self.is_missing(node) {
                self.missing(node, now);
            }
        }
    }
}

/// A failure without its place.
#[derive(Debug)]
struct Found {
    outcome: ScenarioOutcome,
    pod: Option<String>,
    exit_code: Option<i32>,
    signal: Option<i32>,
    detail: String,
}

impl Default for Found {
    fn default() -> Self {
        Self { outcome: ScenarioOutcome::InfraFail, pod: None, exit_code: None, signal: None, detail: String::new() }
    }
}

impl Found {
    fn infra(detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..Self::default() }
    }

    fn task(detail: impl Into<String>) -> Self {
        Self { outcome: ScenarioOutcome::TaskFail, detail: detail.into(), ..Self::default() }
    }

    fn of(self, pod: &SeenPod) -> Self {
        Self { pod: Some(pod.name.clone()), ..self }
    }

    fn failure(self, step: String, node: String, now: Duration) -> StepFailure {
        let Self { outcome, pod, exit_code, signal, detail } = self;
        let at_seconds = now.as_secs_f64();
        StepFailure { step, node, pod, outcome, exit_code, signal, detail, at_seconds }
    }
}

/// How a pod ended, if it did not end well.
fn exit(pod: &SeenPod, container: Option<&str>) -> Option<Found> {
    let ended = pod.container(container).and_then(|container| Some((container.exit_code?, container)));
    if let Some((code, container)) = ended {
        if code == 0 {
            return None;
        }
        let signal = ending_signal(code, container.signal);
        let mut detail = format!("exit code {code}");
        if let Some(signal) = signal {
            detail = format!("{detail}, signal {signal}");
        }
        if !matches!(container.reason.as_str(), "" | "Error" | "Completed") {
            detail = format!("{detail} ({})", container.reason);
        }
        let outcome = if was_not_run(&container.reason) {
            ScenarioOutcome::InfraFail
        } else {
            ScenarioOutcome::of_exit_code(code)
        };
        return Some(Found { outcome, exit_code: Some(code), signal, detail, ..Found::default() }.of(pod));
    }
    (pod.phase == "Failed").then(|| {
        let why = if pod.reason.is_empty() { "the pod failed without an exit code" } else { pod.reason.as_str() };
        Found::infra(format!("the pod failed: {why}")).of(pod)
    })
}

#[cfg(test)]
mod changes;
#[cfg(test)]
mod tests;
