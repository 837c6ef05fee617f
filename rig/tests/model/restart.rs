//! The model and the API server may go and come back.

use std::time::Duration;

use chaos_rig::Rig;
use chaos_rig::model::WorkflowModel;

use crate::world::{Seen, World, after, endless, serial, task};

#[tokio::test]
async fn model_a_model_that_was_killed_goes_on_where_it_was() {
    let Some(mut world) = World::new().await else { return };
    world.flow(&[serial("entry", None, &["one", "two"]), endless("one", None), task("two", 0)]).await;
    let seen = world.until("the first pod is there", |seen| seen.pods.len() == 1).await;
    drop(world.model.take());
    world.end_pod(&seen.pods[0]).await;
    world.until("the first pod has ended", |seen| crate::world::phase(&seen.pods[0]) == "Succeeded").await;
    assert!(!world.seen().await.has("two"), "nobody decides any more");
    world.model = Some(WorkflowModel::start_in(&world.rig.access(), &world.namespace));
    world.until("the Workflow is accomplished", Seen::accomplished).await;
    assert_eq!(world.pods_created(), 2);
}

#[tokio::test]
async fn model_the_model_survives_a_killed_api_server_and_a_frozen_etcd() {
    let Some(rig) = Rig::alone() else { return };
    let world = World::of(rig).await;
    world.flow(&[serial("entry", None, &["one", "two"]), after("one", "5s"), task("two", 0)]).await;
    world.until("the first pod is there", |seen| seen.pods.len() == 1).await;
    world.rig.kill_api();
    world.rig.start_api().await;
    world.rig.freeze_etcd();
    let empty = [serial("entry", None, &[])];
    let write = tokio::time::timeout(Duration::from_secs(3), world.create("other", None, &empty));
    assert!(write.await.is_err(), "a write is not answered");
    world.rig.thaw_etcd();
    let seen = world.until("the Workflow is accomplished", Seen::accomplished).await;
    assert!(seen.holds("one", "Accomplished") && seen.holds("two", "Accomplished"));
}
