//! What is known of a Workflow: its object, its nodes, its pods, and its variables. No cluster is needed to make one.

use std::collections::{BTreeMap, BTreeSet};

use chaos_kube::Seen;
use chaos_manifests::{
    ABORT_ANNOTATION, CONTROLLED_BY_LABEL, Condition, MANAGED_BY_LABEL, NodeSpec, NodeStatus, WorkflowSpec,
    WorkflowStatus,
};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The key of the variables under which a step says how it ended.
pub(crate) const EXIT_REASON: &str = "EXIT_REASON";

/// A Workflow as the server has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenWorkflow {
    pub(crate) abort_asked: bool,
    pub(crate) spec: WorkflowSpec,
    pub(crate) status: WorkflowStatus,
}

/// A node of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenNode {
    pub(crate) name: String,
    /// When it was made, RFC 3339.
    pub(crate) made: String,
    pub(crate) spec: NodeSpec,
    pub(crate) status: NodeStatus,
}

/// A pod of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SeenPod {
    pub(crate) name: String,
    pub(crate) uid: String,
    /// The node that it belongs to.
    pub(crate) node: String,
    pub(crate) phase: String,
    /// Why the pod as a whole failed, such as `Evicted`.
    pub(crate) reason: String,
    pub(crate) containers: Vec<SeenContainer>,
    /// When it was made, RFC 3339.
    pub(crate) made: String,
    pub(crate) is_going: bool,
}

/// A container of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SeenContainer {
    pub(crate) name: String,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// Why it waits, or why it ended.
    pub(crate) reason: String,
    pub(crate) is_waiting: bool,
}

/// A chaos object, or a Schedule of such.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenChaos {
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The node that made it; where a Schedule did, the Schedule.
    pub(crate) owner: String,
    pub(crate) is_scheduled: bool,
    pub(crate) status: ChaosStatus,
}

/// How a chaos object stands.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChaosStatus {
    conditions: Vec<Condition>,
    experiment: ChaosExperiment,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ChaosExperiment {
    container_records: Vec<ChaosRecord>,
}

/// What was done to one of what was selected.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ChaosRecord {
    injected_count: u64,
    events: Vec<ChaosEvent>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct ChaosEvent {
    #[serde(rename = "type")]
    kind: String,
    operation: String,
    message: String,
}

/// Who saw a chaos object, a number, and its name.
pub(crate) type ChaosKey = (usize, String);

/// What came, changed or went.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    /// Names of nodes.
    pub(crate) nodes: BTreeSet<String>,
    /// Uids of pods.
    pub(crate) pods: BTreeSet<String>,
    pub(crate) chaos: BTreeSet<ChaosKey>,
}

/// All of it at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClusterView {
    pub(crate) workflow: Option<SeenWorkflow>,
    /// By name.
    pub(crate) nodes: BTreeMap<String, SeenNode>,
    /// By uid: one that is run again has the same node and another uid.
    pub(crate) pods: BTreeMap<String, SeenPod>,
    pub(crate) chaos: BTreeMap<ChaosKey, SeenChaos>,
    /// `EXIT_REASON` of the variables.
    pub(crate) exit_reason: Option<String>,
    /// What of nodes, pods and chaos has changed since this was emptied last, as far as it was changed by the methods here.
    pub(crate) changed: Changes,
}

impl Changes {
    /// All that is there.
    pub(crate) fn all(view: &ClusterView) -> Self {
        Self {
            nodes: view.nodes.keys().cloned().collect(),
            pods: view.pods.keys().cloned().collect(),
            chaos: view.chaos.keys().cloned().collect(),
        }
    }

    fn extend(&mut self, other: Self) {
        self.nodes.extend(other.nodes);
        self.pods.extend(other.pods);
        self.chaos.extend(other.chaos);
    }
}

/// One change of a map, which `changed` is told of; a list costs as much as it is long.
fn change<K: Ord + Clone, T>(
    map: &mut BTreeMap<K, T>,
    changed: &mut BTreeSet<K>,
    seen: Seen<(K, T)>,
    is_listed: impl Fn(&K) -> bool,
) {
    match seen {
        Seen::All(all) => {
            changed.extend(map.keys().filter(|key| is_listed(key)).cloned());
            map.retain(|key, _| !is_listed(key));
            changed.extend(all.iter().map(|(key, _)| key.clone()));
            map.extend(all);
        }
        Seen::Changed((key, one)) => {
            changed.insert(key.clone());
            map.insert(key, one);
        }
        Seen::Gone((key, _)) => {
            map.remove(&key);
            changed.insert(key);
        }
        Seen::Away(_) => {}
    }
}

fn part<T: DeserializeOwned + Default>(object: &DynamicObject, key: &str) -> T {
    let value = object.data.get(key).cloned().unwrap_or_default();
    // What is not of the shape that the kind has says nothing.
    serde_json::from_value(value).unwrap_or_default()
}

fn made(at: Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>) -> String {
    at.map(|time| time.0.to_string()).unwrap_or_default()
}

impl SeenWorkflow {
    pub(crate) fn of(object: &DynamicObject) -> Self {
        let annotations = object.metadata.annotations.as_ref();
        let abort_asked = annotations.and_then(|all| all.get(ABORT_ANNOTATION)).is_some_and(|value| value == "true");
        Self { abort_asked, spec: part(object, "spec"), status: part(object, "status") }
    }
}

impl SeenNode {
    pub(crate) fn of(object: &DynamicObject) -> Self {
        Self {
            name: object.metadata.name.clone().unwrap_or_default(),
            made: made(object.metadata.creation_timestamp.as_ref()),
            spec: part(object, "spec"),
            status: part(object, "status"),
        }
    }

    /// Whether it has ended, by the rule of Chaos Mesh.
    pub(crate) fn is_finished(&self) -> bool {
        ["Accomplished", "DeadlineExceed", "Aborted"].iter().any(|kind| self.holds(kind).is_some())
    }

    /// Whether its own deadline passed before it had finished.
    pub(crate) fn is_past_its_deadline(&self) -> bool {
        self.holds("DeadlineExceed").is_some_and(|late| late.reason == "NodeDeadlineExceed")
    }

    /// The condition of that type, if it is true.
    pub(crate) fn holds(&self, kind: &str) -> Option<&Condition> {
        Condition::holds(&self.status.conditions, kind)
    }

    /// The container whose exit code counts.
    pub(crate) fn container(&self) -> Option<&str> {
        self.spec.task.as_ref()?.container.as_ref()?.get("name")?.as_str()
    }
}

impl SeenChaos {
    pub(crate) fn of(kind: &str, object: &DynamicObject) -> Self {
        let labels = object.labels();
        let schedule = labels.get(MANAGED_BY_LABEL);
        Self {
            kind: kind.to_owned(),
            name: object.name_any(),
            owner: schedule.or_else(|| labels.get(CONTROLLED_BY_LABEL)).cloned().unwrap_or_default(),
            is_scheduled: schedule.is_some(),
            status: part(object, "status"),
        }
    }

    fn holds(&self, kind: &str) -> bool {
        Condition::holds(&self.status.conditions, kind).is_some()
    }

    /// Whether it is, or was, in force in everything that it selected, and that was something.
    pub(crate) fn is_injected(&self) -> bool {
        let records = &self.status.experiment.container_records;
        self.holds("AllInjected") && !records.is_empty() && records.iter().all(|record| record.injected_count > 0)
    }

    /// Why it is not, as a clause.
    pub(crate) fn why_not(&self) -> String {
        let records = &self.status.experiment.container_records;
        if self.status.conditions.is_empty() {
            return "nothing was selected so far".to_owned();
        }
        if records.is_empty() {
            return "its selector has found nothing".to_owned();
        }
        let done = records.iter().filter(|record| record.injected_count > 0).count();
        let mut events = records.iter().flat_map(|record| &record.events);
        let failed = events.rfind(|event| event.kind == "Failed" && event.operation == "Apply");
        let why = failed.map(|event| format!(": {}", event.message)).unwrap_or_default();
        format!("injected into {done} of {}{why}", records.len())
    }
}

impl SeenPod {
    pub(crate) fn of(pod: &Pod) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let containers = status.container_statuses.unwrap_or_default().into_iter().map(|container| {
            let state = container.state.unwrap_or_default();
            let (waiting, ended) = (state.waiting, state.terminated);
            SeenContainer {
                name: container.name,
                exit_code: ended.as_ref().map(|ended| ended.exit_code),
                signal: ended.as_ref().and_then(|ended| ended.signal),
                is_waiting: waiting.is_some(),
                reason: waiting.and_then(|it| it.reason).or(ended.and_then(|it| it.reason)).unwrap_or_default(),
            }
        });
        let labels = pod.metadata.labels.as_ref();
        Self {
            name: pod.metadata.name.clone().unwrap_or_default(),
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            node: labels.and_then(|all| all.get(CONTROLLED_BY_LABEL)).cloned().unwrap_or_default(),
            phase: status.phase.unwrap_or_default(),
            reason: status.reason.unwrap_or_default(),
            containers: containers.collect(),
            made: made(pod.metadata.creation_timestamp.as_ref()),
            is_going: pod.metadata.deletion_timestamp.is_some(),
        }
    }

    /// Whether it will not go on.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }

    /// The container whose exit code counts: that of the template, else the only one.
    pub(crate) fn container(&self, name: Option<&str>) -> Option<&SeenContainer> {
        match name {
            Some(name) => self.containers.iter().find(|container| container.name == name),
            None => self.containers.first(),
        }
    }
}

impl ClusterView {
    /// Takes in what was seen of nodes.
    pub(crate) fn nodes_seen(&mut self, seen: Seen<SeenNode>) {
        let seen = seen.map(|node| (node.name.clone(), node));
        change(&mut self.nodes, &mut self.changed.nodes, seen, |_| true);
    }

    /// Takes in what was seen of pods.
    pub(crate) fn pods_seen(&mut self, seen: Seen<SeenPod>) {
        let seen = seen.map(|pod| (pod.uid.clone(), pod));
        change(&mut self.pods, &mut self.changed.pods, seen, |_| true);
    }

    /// Takes in what `who` saw of chaos.
    pub(crate) fn chaos_seen(&mut self, who: usize, seen: Seen<SeenChaos>) {
        let seen = seen.map(|one| ((who, one.name.clone()), one));
        change(&mut self.chaos, &mut self.changed.chaos, seen, |(of, _)| *of == who);
    }

    /// Another view takes the place of this one: all of both has changed.
    pub(crate) fn replace(&mut self, view: Self) {
        let mut changed = std::mem::take(&mut self.changed);
        changed.extend(Changes::all(self));
        changed.extend(Changes::all(&view));
        *self = Self { changed, ..view };
    }

    /// The node that the entry became. Where the Workflow does not name it so far, all nodes are looked through; it does before
    /// its second node is there.
    pub(crate) fn entry(&self) -> Option<&SeenNode> {
        let workflow = self.workflow.as_ref()?;
        match &workflow.status.entry_node {
            Some(name) => self.nodes.get(name),
            None => self.nodes.values().find(|node| node.spec.template_name == workflow.spec.entry),
        }
    }

    /// The pods of each node that has some, the first one first.
    pub(crate) fn pods_by_node(&self) -> BTreeMap<&str, Vec<&SeenPod>> {
        let mut by_node: BTreeMap<&str, Vec<&SeenPod>> = BTreeMap::new();
        for pod in self.pods.values() {
            by_node.entry(&pod.node).or_default().push(pod);
        }
        for pods in by_node.values_mut() {
            pods.sort_by(|a, b| (&a.made, &a.uid).cmp(&(&b.made, &b.uid)));
        }
        by_node
    }

    pub(crate) fn set_variables(&mut self, variables: Option<&ConfigMap>) {
        let data = variables.and_then(|map| map.data.as_ref());
        self.exit_reason = data.and_then(|data| data.get(EXIT_REASON)).cloned();
    }
}
