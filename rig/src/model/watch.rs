//! Watches: every change of an object becomes the key of the object and that of its owner.
//!
//! Only metadata are watched. After any end of a watch, an expired version (410) among them, everything is listed anew.

use std::time::Duration;

use chaos_manifests::{ChaosKind, SCHEDULE};
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{
    Api, ApiResource, DynamicObject, ListParams, ObjectMeta, PartialObjectMeta, Resource as _, WatchEvent, WatchParams,
};
use tokio::sync::mpsc::UnboundedSender;

use super::queue::{Key, Kind};
use super::spawn;

/// The pause before a watch is begun anew.
const PAUSE: Duration = Duration::from_millis(200);

/// Watches one kind until nobody listens. Objects of it are reconciled themselves when they have a kind of key.
pub(super) async fn watch(
    client: Client,
    resource: ApiResource,
    namespace: Option<String>,
    own: Option<Kind>,
    labels: Option<&'static str>,
    keys: UnboundedSender<Key>,
) {
    let api: Api<DynamicObject> = match &namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    while !keys.is_closed() {
        // An end of a watch is not an error of the model: the list that follows says what was missed.
        let _ = once(&api, own, labels, &keys).await;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Finds the kinds of chaos of which objects are there, once: an earlier model may have left them. Of each kind one object is sent,
/// which begins the watch of the others.
pub(super) async fn look(client: Client, namespace: Option<String>, keys: UnboundedSender<Key>) {
    let chaos = ChaosKind::ALL.iter().map(|it| (it.kind, Kind::Chaos(it.kind)));
    for (name, kind) in chaos.chain([(SCHEDULE, Kind::Schedule)]) {
        let resource = spawn::chaos_resource(name);
        let api: Api<DynamicObject> = match &namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        while !keys.is_closed() {
            match api.list_metadata(&ListParams::default().limit(1)).await {
                Ok(found) => {
                    found.items.first().into_iter().for_each(|it| send(&it.metadata, Some(kind), &keys));
                    break;
                }
                // A kind that the cluster does not have.
                Err(kube::Error::Api(status)) if status.code == 404 => break,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// Lists, then follows one watch to its end.
async fn once(
    api: &Api<DynamicObject>,
    own: Option<Kind>,
    labels: Option<&str>,
    keys: &UnboundedSender<Key>,
) -> kube::Result<()> {
    let list = ListParams { label_selector: labels.map(str::to_owned), ..ListParams::default() };
    let listed = api.list_metadata(&list).await?;
    for object in &listed.items {
        send(&object.metadata, own, keys);
    }
    let follow = WatchParams { label_selector: labels.map(str::to_owned), ..WatchParams::default() };
    let version = listed.metadata.resource_version.unwrap_or_default();
    let mut events = std::pin::pin!(api.watch_metadata(&follow, &version).await?);
    while let Some(event) = events.next().await {
        match event? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
                let object: PartialObjectMeta<DynamicObject> = object;
                send(&object.metadata, own, keys);
            }
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(_) => break,
        }
    }
    Ok(())
}

fn send(meta: &ObjectMeta, own: Option<Kind>, keys: &UnboundedSender<Key>) {
    for key in keys_of(meta, own) {
        // Nobody listens any more when the model stops.
        let _ = keys.send(key);
    }
}

/// The object itself first, then its owner.
fn keys_of(meta: &ObjectMeta, own: Option<Kind>) -> Vec<Key> {
    let key =
        |kind, name: &str| Key { kind, namespace: meta.namespace.clone().unwrap_or_default(), name: name.to_owned() };
    let owner = meta.owner_references.iter().flatten().find(|it| it.controller == Some(true));
    let owner = owner.and_then(|it| match it.kind.as_str() {
        "Workflow" => Some(key(Kind::Workflow, &it.name)),
        "WorkflowNode" => Some(key(Kind::Node, &it.name)),
        SCHEDULE => Some(key(Kind::Schedule, &it.name)),
        _ => None,
    });
    own.map(|kind| key(kind, meta.name.as_deref().unwrap_or_default())).into_iter().chain(owner).collect()
}

/// How pods are asked for.
pub(super) fn pods() -> ApiResource {
    ApiResource {
        group: Pod::group(&()).into_owned(),
        version: Pod::version(&()).into_owned(),
        api_version: Pod::api_version(&()).into_owned(),
        kind: Pod::kind(&()).into_owned(),
        plural: Pod::plural(&()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn model_a_change_wakes_the_object_and_its_owner() {
        let flow = samples::workflow("flow", &[samples::task("step")]);
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let entry = samples::named(spawn::node(&flow, None, "step", now).unwrap(), "step-aaaaa");
        let keys: Vec<_> =
            keys_of(&entry.metadata, Some(Kind::Node)).into_iter().map(|it| (it.kind, it.name)).collect();
        assert_eq!(keys, [(Kind::Node, "step-aaaaa".to_owned()), (Kind::Workflow, "flow".to_owned())]);
        let pod = spawn::pod(&entry).unwrap();
        let keys: Vec<_> = keys_of(&pod.metadata, None).into_iter().map(|it| (it.kind, it.name)).collect();
        assert_eq!(keys, [(Kind::Node, "step-aaaaa".to_owned())]);
        assert!(keys_of(&ObjectMeta::default(), None).is_empty());
    }
}
