//! Reads and writes of the controllers.

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, LogParams, ObjectMeta, PostParams, Resource,
};
use kube::{Client, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use chaos_manifests::{CONTROLLED_BY_LABEL, NodeStatus};

use super::check::Check;
use super::note::Note;
use super::object::{Children, Node, Workflow, name, namespace, resource};
use super::trouble::Trouble;

/// The cluster, as far as the controllers may see it.
#[derive(Clone)]
pub(super) struct Cluster {
    /// The client.
    pub(super) client: Client,
    /// The one namespace that they see; `None` for all.
    pub(super) only: Option<String>,
}

impl Cluster {
    /// Workflows of a namespace.
    pub(super) fn workflows(&self, namespace: &str) -> Api<Workflow> {
        Api::namespaced_with(self.client.clone(), namespace, &resource("Workflow", "workflows"))
    }

    /// Nodes of a namespace.
    pub(super) fn nodes(&self, namespace: &str) -> Api<Node> {
        Api::namespaced_with(self.client.clone(), namespace, &resource("WorkflowNode", "workflownodes"))
    }

    /// Status checks of a namespace.
    pub(super) fn checks(&self, namespace: &str) -> Api<Check> {
        Api::namespaced_with(self.client.clone(), namespace, &resource("StatusCheck", "statuschecks"))
    }

    /// Objects of another kind.
    pub(super) fn objects(&self, namespace: &str, resource: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, resource)
    }

    /// Pods of a node, of all namespaces that are seen: they are found by label alone.
    pub(super) async fn pods_of(&self, node: &Node) -> Result<Vec<Pod>, Trouble> {
        let pods: Api<Pod> = match &self.only {
            Some(only) => Api::namespaced(self.client.clone(), only),
            None => Api::all(self.client.clone()),
        };
        Ok(pods.list(&controlled_by(name(node))).await?.items)
    }

    /// Nodes that carry that parent's name in their label.
    pub(super) async fn children(&self, namespace: &str, parent: &str) -> Result<Children, Trouble> {
        Ok(Children::of(self.nodes(namespace).list(&controlled_by(parent)).await?.items))
    }

    /// The Workflow of a node.
    ///
    /// # Errors
    /// One that is gone, too: its controllers start nothing more then.
    pub(super) async fn workflow_of(&self, node: &Node) -> Result<Workflow, Trouble> {
        Ok(self.workflows(namespace(node)).get(&node.spec.workflow_name).await?)
    }

    /// Writes another status of a node, and gives the node as it stands then.
    pub(super) async fn write(&self, mut node: Node, status: NodeStatus) -> Result<Node, Trouble> {
        if node.status.as_ref() == Some(&status) {
            return Ok(node);
        }
        node.status = Some(status);
        let node_name = name(&node).to_owned();
        Ok(self.nodes(namespace(&node)).replace_status(&node_name, &PostParams::default(), &node).await?)
    }

    /// The log of a container, whole.
    pub(super) async fn log(&self, pod: &Pod, container: &str) -> Result<String, Trouble> {
        let pods: Api<Pod> =
            Api::namespaced(self.client.clone(), pod.metadata.namespace.as_deref().unwrap_or_default());
        let which = LogParams { container: Some(container.to_owned()), ..LogParams::default() };
        Ok(pods.logs(&pod.name_any(), &which).await?)
    }

    /// Records events about an object. One that can't be recorded is lost, as it is with the real recorder.
    pub(super) async fn tell<K>(&self, about: &K, kind: &str, notes: &[Note])
    where
        K: Resource + Clone + Serialize + DeserializeOwned,
    {
        let meta = about.meta();
        let namespace = meta.namespace.clone().unwrap_or_default();
        let events: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        for note in notes {
            let now = Time(Timestamp::now());
            let event = Event {
                metadata: ObjectMeta {
                    generate_name: Some(format!("{}-", meta.name.clone().unwrap_or_default())),
                    ..ObjectMeta::default()
                },
                involved_object: ObjectReference {
                    api_version: Some(chaos_manifests::API_VERSION.to_owned()),
                    kind: Some(kind.to_owned()),
                    name: meta.name.clone(),
                    namespace: meta.namespace.clone(),
                    uid: meta.uid.clone(),
                    ..ObjectReference::default()
                },
                type_: Some(note.kind.to_owned()),
                reason: Some(note.reason.clone()),
                message: Some(note.message.clone()),
                count: Some(1),
                first_timestamp: Some(now.clone()),
                last_timestamp: Some(now),
                source: Some(EventSource { component: Some("model-of-chaos-mesh".to_owned()), host: None }),
                ..Event::default()
            };
            let _ = events.create(&PostParams::default(), &event).await;
        }
    }
}

/// Deletes an object; one that is gone already is fine.
pub(super) async fn delete<K>(api: &Api<K>, name: &str) -> Result<(), Trouble>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    match api.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        done => Ok(done.map(|_| ())?),
    }
}

/// Selects by the parent's name.
pub(super) fn controlled_by(parent: &str) -> ListParams {
    ListParams::default().labels(&format!("{CONTROLLED_BY_LABEL}={parent}"))
}
