//! The custom resources of Chaos Mesh, and the fake nodes.

use chaos_kube::Cluster;
use chaos_manifests::{ChaosKind, SCHEDULE, chaos_plural};
use http::Request;
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

use crate::error::RigError;

/// Who the rig is in `managedFields`.
pub(crate) const MANAGER: &str = "squall-rig";
/// With one node, the loss of a node evicts nothing: controllers stop when all of a zone is down.
const NODES: usize = 3;

/// The kinds with a status of their own, which the controllers of Chaos Mesh write.
const WITH_STATUS: &[&str] = &[
    include_str!("../crds/workflows.yaml"),
    include_str!("../crds/workflownodes.yaml"),
    include_str!("../crds/statuschecks.yaml"),
];
/// The others, all of one form: without a status subresource, and the plural of a chaos kind is its name.
const WITHOUT: &str = include_str!("../crds/chaos.yaml");

/// Kinds of chaos, and Schedules, with their plurals.
fn chaos() -> impl Iterator<Item = (&'static str, String)> {
    let kinds = ChaosKind::ALL.iter().map(|it| it.kind).chain([SCHEDULE]);
    kinds.map(|kind| (kind, chaos_plural(kind)))
}

/// Makes the kinds of Chaos Mesh known, and waits until they are served.
pub(crate) async fn kinds(cluster: &Cluster) -> Result<(), RigError> {
    let made = chaos().map(|(kind, plural)| WITHOUT.replace("KIND", kind).replace("PLURAL", &plural));
    for text in WITH_STATUS.iter().map(ToString::to_string).chain(made) {
        apply(cluster, text).await?;
    }
    let wanted = WITH_STATUS.len() + chaos().count();
    loop {
        let served: serde_json::Value =
            cluster.client().request(request("/apis/chaos-mesh.org/v1alpha1")?).await.unwrap_or_default();
        let resources = served["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
        let kinds = resources.iter().filter(|resource| !resource["name"].as_str().unwrap_or_default().contains('/'));
        if kinds.count() >= wanted {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Applies the text of a definition; the API server reads YAML itself.
async fn apply(cluster: &Cluster, text: String) -> Result<(), RigError> {
    let name = text.lines().find_map(|line| line.strip_prefix("  name: ")).unwrap_or_default().to_owned();
    let path =
        format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}?fieldManager={MANAGER}&force=true");
    let request = Request::patch(path).header("content-type", "application/apply-patch+yaml").body(text.into_bytes());
    let request = request.map_err(|error| RigError::Api(error.to_string()))?;
    cluster.client().request_text(request).await?;
    Ok(())
}

/// Creates the nodes; kwok fills them in.
pub(crate) async fn nodes(cluster: &Cluster) -> Result<(), RigError> {
    let nodes: Api<Node> = Api::all(cluster.client());
    for n in 1..=NODES {
        let name = format!("node-{n}");
        let labels = json!({ "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "type": "kwok" });
        let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name, "labels": labels } });
        nodes.patch(&name, &PatchParams::apply(MANAGER), &Patch::Apply(node)).await?;
    }
    Ok(())
}

/// Whether nodes are ready and untainted, and pods of the default namespace have a service account.
pub(crate) async fn pods_can_run(cluster: &Cluster) -> Result<(), RigError> {
    let nodes: Api<Node> = Api::all(cluster.client());
    let nodes = nodes.list(&ListParams::default()).await?;
    let ready = nodes.iter().filter(|node| {
        let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let tainted = node.spec.as_ref().is_some_and(|spec| spec.taints.is_some());
        !tainted && conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    });
    let ready = ready.count();
    if ready < NODES {
        return Err(RigError::NotYet(format!("{ready} of {NODES} nodes are ready")));
    }
    has_account(cluster, "default").await
}

/// Whether pods of a namespace have a service account, without which they are refused.
pub(crate) async fn has_account(cluster: &Cluster, namespace: &str) -> Result<(), RigError> {
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client(), namespace);
    accounts.get("default").await?;
    Ok(())
}

/// The objects of a namespace that a run of a Workflow makes, as `workflows/NAME`.
pub(crate) async fn objects(cluster: &Cluster, namespace: &str) -> Result<Vec<String>, RigError> {
    let mesh = "/apis/chaos-mesh.org/v1alpha1";
    let mut found = Vec::new();
    let chaos = chaos().map(|(_, plural)| (mesh, plural));
    let others = [(mesh, "workflows"), (mesh, "workflownodes"), (mesh, "statuschecks"), ("/api/v1", "pods")];
    let others = others.map(|(group, plural)| (group, plural.to_owned()));
    for (group, plural) in others.into_iter().chain(chaos) {
        let path = format!("{group}/namespaces/{namespace}/{plural}");
        let list: serde_json::Value = cluster.client().request(request(&path)?).await?;
        let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let names = items.iter().filter_map(|item| item["metadata"]["name"].as_str());
        found.extend(names.map(|name| format!("{plural}/{name}")));
    }
    Ok(found)
}

/// The text behind a path.
pub(crate) async fn get(cluster: &Cluster, path: &str) -> Result<String, RigError> {
    Ok(cluster.client().request_text(request(path)?).await?)
}

fn request(path: &str) -> Result<Request<Vec<u8>>, RigError> {
    Request::get(path).body(Vec::new()).map_err(|error| RigError::Api(error.to_string()))
}
