//! The controller of Schedules: makes a chaos object each time that one is due.

use std::time::Duration;

use chaos_manifests::{MANAGED_BY_LABEL, SCHEDULE};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

use super::cluster::Cluster;
use super::every::{self, Schedule};
use super::note::Note;
use super::object::{name, namespace};
use super::spawn;
use super::trouble::Trouble;

/// How Schedules of a namespace are asked for.
pub(super) fn api(cluster: &Cluster, namespace: &str) -> Api<Schedule> {
    Api::namespaced_with(cluster.client.clone(), namespace, &spawn::chaos_resource(SCHEDULE))
}

/// Makes the next object when it is due, writes when that was, and says when to come back.
pub(super) async fn schedule(cluster: &Cluster, schedule: &Schedule) -> Result<Option<Duration>, Trouble> {
    let kind = every::kind(schedule)?;
    let objects = cluster.objects(namespace(schedule), &spawn::chaos_resource(kind.kind));
    let managed = ListParams::default().labels(&format!("{MANAGED_BY_LABEL}={}", name(schedule)));
    let children = objects.list_metadata(&managed).await?.items.len();
    let now = Timestamp::now();
    let next = every::decide(schedule, children, now)?;
    if next.fires {
        let child = objects.create(&PostParams::default(), &every::child(schedule, kind)?).await?;
        let time = json!({ "status": { "time": spawn::seconds(now) } });
        let api = api(cluster, namespace(schedule));
        api.patch(name(schedule), &PatchParams::default(), &Patch::Merge(time)).await?;
        let note = Note::normal("Spawned", format!("Create new object: {}", child.name_any()));
        cluster.tell(schedule, SCHEDULE, &[note]).await;
    }
    Ok(Some(next.after))
}
