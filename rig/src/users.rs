//! Users with few rights.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chaos_kube::{Cluster, ClusterAccess};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Config};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::error::RigError;
use crate::folder::kubeconfig;
use crate::resources::MANAGER;

/// Where the accounts of users live.
const NAMESPACE: &str = "rig-users";
/// So long a token is valid.
const TOKEN_SECONDS: i64 = 86_400;
/// The API server sees a new right a moment after it was given: 60 s in all, for a machine that is busy.
const ATTEMPTS: usize = 2400;
const PAUSE: Duration = Duration::from_millis(25);

/// Users of this process have numbers.
static USERS: AtomicUsize = AtomicUsize::new(1);

/// Makes a user who may do what `rules` say, in one namespace or everywhere, and what every user may; its kubeconfig is in `folder`.
pub(crate) async fn make(
    cluster: &Cluster,
    folder: &Path,
    namespace: Option<&str>,
    rules: &[PolicyRule],
) -> Result<ClusterAccess, RigError> {
    let name = format!("user-{}-{}", std::process::id(), USERS.fetch_add(1, Ordering::Relaxed));
    let client = cluster.client();
    let apply = PatchParams::apply(MANAGER).force();
    let (meta, owner) = (json!({ "name": NAMESPACE }), json!({ "name": name, "namespace": NAMESPACE }));
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": meta });
    namespaces.patch(NAMESPACE, &apply, &Patch::Apply(object)).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    let object = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": owner });
    accounts.patch(&name, &apply, &Patch::Apply(object)).await?;

    let (role, binding) = match namespace {
        Some(_) => ("Role", "RoleBinding"),
        None => ("ClusterRole", "ClusterRoleBinding"),
    };
    let subjects = json!([{ "kind": "ServiceAccount", "name": name, "namespace": NAMESPACE }]);
    let reference = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": name });
    put(cluster, "rbac.authorization.k8s.io", role, namespace, &name, json!({ "rules": rules })).await?;
    let body = json!({ "subjects": subjects, "roleRef": reference });
    put(cluster, "rbac.authorization.k8s.io", binding, namespace, &name, body).await?;

    let wanted: TokenRequest = serde_json::from_value(json!({
        "metadata": {}, "spec": { "audiences": [], "expirationSeconds": TOKEN_SECONDS }
    }))
    .map_err(|error| RigError::Api(error.to_string()))?;
    let made = accounts.create_token_request(&name, &PostParams::default(), &wanted).await?;
    let token = made.status.map(|status| status.token).unwrap_or_default();
    let access = written(cluster, folder, &name, &token).await?;
    effective(&access, namespace, rules).await?;
    Ok(access)
}

/// Applies an object of any kind.
async fn put(
    cluster: &Cluster,
    group: &str,
    kind: &str,
    namespace: Option<&str>,
    name: &str,
    mut body: Value,
) -> Result<(), RigError> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(cluster.client(), namespace, &resource),
        None => Api::all_with(cluster.client(), &resource),
    };
    body["apiVersion"] = format!("{group}/v1").into();
    body["kind"] = kind.into();
    body["metadata"] = json!({ "name": name });
    api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(body)).await?;
    Ok(())
}

/// Writes the kubeconfig of a user, of the same server.
async fn written(cluster: &Cluster, folder: &Path, name: &str, token: &str) -> Result<ClusterAccess, RigError> {
    let path = folder.join(format!("kubeconfig-{name}"));
    let (server, authority) = reached(cluster.access()).await?;
    std::fs::write(&path, kubeconfig(&server, authority, token)).map_err(RigError::file(&path))?;
    Ok(ClusterAccess { kubeconfig: Some(path), context: None })
}

/// The server of a cluster and how its certificate is checked.
async fn reached(access: &ClusterAccess) -> Result<(String, Value), RigError> {
    let wrong = |error: &dyn std::fmt::Display| RigError::Api(error.to_string());
    let file: PathBuf = access.kubeconfig.clone().unwrap_or_default();
    let file = kube::config::Kubeconfig::read_from(file).map_err(|error| wrong(&error))?;
    let options = kube::config::KubeConfigOptions { context: access.context.clone(), ..Default::default() };
    let context = access.context.clone().or_else(|| file.current_context.clone()).unwrap_or_default();
    let named = file.contexts.iter().find(|named| named.name == context).and_then(|named| named.context.as_ref());
    let cluster = named.map(|context| context.cluster.clone()).unwrap_or_default();
    let found = file.clusters.iter().find(|named| named.name == cluster).and_then(|named| named.cluster.as_ref());
    let value = serde_json::to_value(found).map_err(|error| wrong(&error))?;
    let config = Config::from_custom_kubeconfig(file, &options).await.map_err(|error| wrong(&error))?;
    Ok((config.cluster_url.to_string(), value))
}

/// Waits until the API server knows the first right.
async fn effective(access: &ClusterAccess, namespace: Option<&str>, rules: &[PolicyRule]) -> Result<(), RigError> {
    let first = |list: &Option<Vec<String>>| list.iter().flatten().next().cloned().unwrap_or_default();
    let Some(rule) = rules.iter().find(|rule| rule.resources.is_some()) else { return Ok(()) };
    let resource = first(&rule.resources);
    let (resource, sub) = resource.split_once('/').unwrap_or((&resource, ""));
    let attributes = json!({
        "verb": rule.verbs.first(), "group": first(&rule.api_groups), "resource": resource, "subresource": sub,
        "name": first(&rule.resource_names), "namespace": namespace.unwrap_or_default(),
    });
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": {},
        "spec": { "resourceAttributes": attributes },
    });
    let kind = GroupVersionKind::gvk("authorization.k8s.io", "v1", "SelfSubjectAccessReview");
    let cluster = Cluster::connect(access).await?;
    let reviews: Api<DynamicObject> = Api::all_with(cluster.client(), &ApiResource::from_gvk(&kind));
    let review: DynamicObject = serde_json::from_value(review).map_err(|error| RigError::Api(error.to_string()))?;
    for _ in 0..ATTEMPTS {
        let answer = reviews.create(&PostParams::default(), &review).await?;
        if answer.data["status"]["allowed"] == true {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
    Err(RigError::Api(format!("no right to {attributes} after it was given")))
}
