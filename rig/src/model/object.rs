//! The objects that the controllers read and write, and a node's children as its controller sees them.

use chaos_manifests::{API_VERSION, NodeReference, NodeSpec, NodeStatus, WorkflowSpec, WorkflowStatus};
use kube::api::{ApiResource, Object};
use kube::core::GroupVersionKind;

use super::condition;

/// A Workflow as it stands in the cluster.
pub(super) type Workflow = Object<WorkflowSpec, WorkflowStatus>;
/// A node as it stands in the cluster.
pub(super) type Node = Object<NodeSpec, NodeStatus>;

/// The types that a template may have beside kinds of chaos.
pub(super) const SERIAL: &str = "Serial";
/// All children at once.
pub(super) const PARALLEL: &str = "Parallel";
/// Nothing, until the deadline.
pub(super) const SUSPEND: &str = "Suspend";
/// One pod, then the branches that it selects.
pub(super) const TASK: &str = "Task";
/// A status check.
pub(super) const STATUS_CHECK: &str = "StatusCheck";

/// How the API server is asked for objects of that kind.
pub(super) fn resource(kind: &str, plural: &str) -> ApiResource {
    let (group, version) = API_VERSION.split_once('/').unwrap_or((API_VERSION, ""));
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

/// The name of an object; empty while it has none.
pub(super) fn name<P: Clone, U: Clone>(object: &Object<P, U>) -> &str {
    object.metadata.name.as_deref().unwrap_or_default()
}

/// The namespace of an object.
pub(super) fn namespace<P: Clone, U: Clone>(object: &Object<P, U>) -> &str {
    object.metadata.namespace.as_deref().unwrap_or_default()
}

/// The children of a node: those that run and those that count as finished, each oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Children {
    /// Those that run.
    pub(super) active: Vec<Node>,
    /// Those that have finished.
    pub(super) finished: Vec<Node>,
}

impl Children {
    /// Sorts the nodes that carry the parent's name in their label. Nodes of the same second keep the order they came in.
    pub(super) fn of(mut nodes: Vec<Node>) -> Self {
        nodes.sort_by(|a, b| a.metadata.creation_timestamp.cmp(&b.metadata.creation_timestamp));
        let (finished, active) = nodes.into_iter().partition(|node| condition::finished(node.status.as_ref()));
        Self { active, finished }
    }

    /// All of them, those that run first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Node> {
        self.active.iter().chain(&self.finished)
    }

    /// Writes both lists into a status.
    pub(super) fn note_in(&self, status: &mut NodeStatus) {
        let references = |nodes: &[Node]| nodes.iter().map(|it| NodeReference { name: name(it).to_owned() }).collect();
        status.active_children = references(&self.active);
        status.finished_children = references(&self.finished);
    }
}
