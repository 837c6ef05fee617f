//! A namespace with the model in it, and what a test asks of both.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chaos_kube::Cluster;
use chaos_manifests::{ABORT_ANNOTATION, Condition, NodeSpec, NodeStatus, WORKFLOW_LABEL, WorkflowStatus};
use chaos_rig::Rig;
use chaos_rig::model::WorkflowModel;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

/// How often a state is looked for, and how often at most: 120 s in all, for a machine that is busy.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: usize = 2400;
/// What the names of Workflows that show that the model has caught up begin with, and their only template.
const MARKER: &str = "marker-";
const MARKED: &str = "nothing";
/// Each of them has a number: the node of the one before may not be gone yet.
static MARKERS: AtomicUsize = AtomicUsize::new(1);

/// A namespace with the model in it.
pub(crate) struct World {
    pub(crate) rig: Rig,
    pub(crate) cluster: Cluster,
    pub(crate) namespace: String,
    pub(crate) model: Option<WorkflowModel>,
}

/// All that is there of Workflows.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) workflow: Option<DynamicObject>,
    pub(crate) nodes: Vec<SeenNode>,
    pub(crate) pods: Vec<Pod>,
}

/// A node of the Workflow.
#[derive(Debug, Clone)]
pub(crate) struct SeenNode {
    pub(crate) name: String,
    pub(crate) spec: NodeSpec,
    pub(crate) status: NodeStatus,
}

impl SeenNode {
    /// The reason of a condition that is true.
    pub(crate) fn reason(&self, kind: &str) -> Option<&str> {
        Condition::holds(&self.status.conditions, kind).map(|it| it.reason.as_str())
    }

    pub(crate) fn is(&self, kind: &str) -> bool {
        self.reason(kind).is_some()
    }

    pub(crate) fn finished(&self) -> bool {
        ["Accomplished", "DeadlineExceed", "Aborted"].iter().any(|kind| self.is(kind))
    }
}

impl Seen {
    /// The only node of a template.
    pub(crate) fn node(&self, template: &str) -> Option<&SeenNode> {
        let found: Vec<_> = self.nodes.iter().filter(|it| it.spec.template_name == template).collect();
        assert!(found.len() < 2, "more than one node of {template}: {found:#?}");
        found.first().copied()
    }

    pub(crate) fn has(&self, template: &str) -> bool {
        self.node(template).is_some()
    }

    /// Whether the only node of a template is there with that condition.
    pub(crate) fn holds(&self, template: &str, kind: &str) -> bool {
        self.node(template).is_some_and(|it| it.is(kind))
    }

    pub(crate) fn workflow_status(&self) -> WorkflowStatus {
        let status = self.workflow.as_ref().map(|it| it.data["status"].clone()).unwrap_or_default();
        if status.is_null() { WorkflowStatus::default() } else { serde_json::from_value(status).unwrap() }
    }

    pub(crate) fn accomplished(&self) -> bool {
        Condition::holds(&self.workflow_status().conditions, "Accomplished").is_some()
    }

    /// Pods of a template's node.
    pub(crate) fn pods_of(&self, template: &str) -> Vec<&Pod> {
        let prefix = format!("{template}-");
        self.pods.iter().filter(|it| it.name_any().starts_with(&prefix)).collect()
    }
}

pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|it| it.phase.as_deref()).unwrap_or_default()
}

/// Whether the only pod of a template runs.
pub(crate) fn runs(seen: &Seen, template: &str) -> bool {
    matches!(seen.pods_of(template)[..], [pod] if phase(pod) == "Running")
}

impl World {
    /// The shared rig, where there is one.
    pub(crate) async fn new() -> Option<Self> {
        Some(Self::of(Rig::local()?).await)
    }

    pub(crate) async fn of(rig: Rig) -> Self {
        let access = rig.access();
        let cluster = Cluster::connect(&access).await.unwrap();
        let namespace = rig.namespace().await;
        let model = Some(WorkflowModel::start_in(&access, &namespace));
        Self { rig, cluster, namespace, model }
    }

    pub(crate) fn workflows(&self) -> Api<DynamicObject> {
        self.cluster.chaos_mesh("Workflow", "workflows", &self.namespace)
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        self.cluster.pods(&self.namespace)
    }

    /// Creates a Workflow whose entry is the first template.
    pub(crate) async fn create(&self, name: &str, annotations: Option<Value>, templates: &[Value]) {
        let object = json!({
            "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "Workflow",
            "metadata": { "name": name, "annotations": annotations },
            "spec": { "entry": templates[0]["name"], "templates": templates },
        });
        let object = serde_json::from_value(object).unwrap();
        self.workflows().create(&PostParams::default(), &object).await.unwrap();
    }

    pub(crate) async fn flow(&self, templates: &[Value]) {
        self.create("flow", Some(json!({ "squall.dev/test": "yes" })), templates).await;
    }

    /// Sets the annotation that aborts, or takes it away.
    pub(crate) async fn abort(&self, value: Option<&str>) {
        let patch = json!({ "metadata": { "annotations": { ABORT_ANNOTATION: value } } });
        self.workflows().patch("flow", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    pub(crate) async fn seen(&self) -> Seen {
        self.look().await.unwrap()
    }

    async fn look(&self) -> kube::Result<Seen> {
        let workflow = self.workflows().get_opt("flow").await?;
        let nodes = self.cluster.chaos_mesh("WorkflowNode", "workflownodes", &self.namespace);
        let of_flow = ListParams::default().labels(&format!("{WORKFLOW_LABEL}=flow"));
        let parsed = |it: DynamicObject| SeenNode {
            name: it.name_any(),
            spec: serde_json::from_value(it.data["spec"].clone()).unwrap(),
            status: serde_json::from_value(it.data["status"].clone()).unwrap_or_default(),
        };
        let nodes = nodes.list(&of_flow).await?.items.into_iter().map(parsed).collect();
        let pods = self.pods().list(&of_flow).await?.items;
        Ok(Seen { workflow, nodes, pods })
    }

    /// Looks until it is so. An API server that does not answer is asked again.
    pub(crate) async fn until(&self, what: &str, so: impl Fn(&Seen) -> bool) -> Seen {
        for _ in 0..LOOKS {
            match self.look().await {
                Ok(seen) if so(&seen) => return seen,
                _ => tokio::time::sleep(LOOK).await,
            }
        }
        let seen = self.seen().await;
        let nodes: Vec<_> = seen.nodes.iter().map(|it| (&it.name, &it.status.conditions)).collect();
        let pods: Vec<_> = seen.pods.iter().map(|it| (it.name_any(), phase(it).to_owned())).collect();
        let errors = self.model.as_ref().map(WorkflowModel::errors);
        panic!(
            "never: {what}\nworkflow {:#?}\nnodes {nodes:#?}\npods {pods:#?}\nerrors {errors:#?}",
            seen.workflow_status()
        );
    }

    /// Runs another Workflow to its end: the model has seen by then all that came before it.
    pub(crate) async fn caught_up(&self) {
        let name = format!("{MARKER}{}", MARKERS.fetch_add(1, Ordering::Relaxed));
        self.create(&name, None, &[serial(MARKED, None, &[])]).await;
        for _ in 0..LOOKS {
            let marker = self.workflows().get(&name).await.unwrap();
            let ends = &marker.data["status"]["endTime"];
            if ends.is_string() {
                self.workflows().delete(&name, &DeleteParams::default()).await.unwrap();
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("the model does nothing any more: {:#?}", self.model.as_ref().map(WorkflowModel::errors));
    }

    /// How many pods were created in the namespace, from the API server's own log.
    pub(crate) fn pods_created(&self) -> usize {
        let created = |it: &&chaos_rig::AuditedRequest| {
            it.namespace == self.namespace && it.verb == "create" && it.resource == "pods" && it.code == 201
        };
        self.rig.audit().iter().filter(created).count()
    }

    /// Reasons of what the model told, beside what it told of the Workflow that shows that it has caught up. It tells a change after
    /// it was written: [`World::caught_up`] waits for that.
    pub(crate) async fn reasons(&self) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.cluster.client(), &self.namespace);
        let events = events.list(&ListParams::default()).await.unwrap();
        let is_its = |it: &Event| {
            let about = it.involved_object.name.as_deref().unwrap_or_default();
            let source = it.source.as_ref().and_then(|it| it.component.as_deref());
            source == Some("model-of-chaos-mesh") && !about.starts_with(MARKER) && !about.starts_with(MARKED)
        };
        events.items.into_iter().filter(is_its).filter_map(|it| it.reason).collect()
    }

    /// Lets a pod that runs for ever end well.
    pub(crate) async fn end_pod(&self, pod: &Pod) {
        let patch = json!({ "metadata": { "labels": { "rig.squall.dev/exit": "0" } } });
        self.pods().patch(&pod.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }
}

/// A Serial.
pub(crate) fn serial(name: &str, deadline: Option<&str>, children: &[&str]) -> Value {
    json!({ "name": name, "templateType": "Serial", "deadline": deadline, "children": children })
}

/// A Task whose pod runs for ever.
pub(crate) fn endless(name: &str, deadline: Option<&str>) -> Value {
    json!({ "name": name, "templateType": "Task", "deadline": deadline,
            "task": { "container": { "name": "main", "image": "stub" } } })
}

/// A Task whose pod ends with that exit code.
pub(crate) fn task(name: &str, exit: u8) -> Value {
    let mut task = endless(name, None);
    task["task"]["labels"] = json!({ "rig.squall.dev/exit": exit.to_string() });
    task
}

/// A Task whose pod ends well after that time.
pub(crate) fn after(name: &str, time: &str) -> Value {
    let mut task = endless(name, None);
    task["task"]["labels"] = json!({ "rig.squall.dev/after": time });
    task
}

/// Chaos that kills one pod.
pub(crate) fn kill(name: &str, deadline: Option<&str>) -> Value {
    json!({ "name": name, "templateType": "PodChaos", "deadline": deadline,
            "podChaos": { "action": "pod-kill", "mode": "one", "selector": { "labelSelectors": { "app": "none" } } } })
}
