//! A Schedule makes chaos objects again and again, or one while that is there.

use kube::ResourceExt as _;
use kube::api::{DeleteParams, DynamicObject};
use serde_json::{Value, json};

use crate::chaos::{objects, target, true_are, until};
use crate::world::{World, serial};

fn every(policy: Option<&str>) -> Value {
    let failure =
        json!({ "action": "pod-failure", "mode": "all", "selector": { "labelSelectors": { "app": "target" } } });
    json!({ "name": "often", "templateType": "Schedule",
            "schedule": { "schedule": "@every 1s", "type": "PodChaos", "concurrencyPolicy": policy, "podChaos": failure } })
}

fn injected(object: &DynamicObject) -> bool {
    true_are(object, &["Selected", "AllInjected"])
}

#[tokio::test]
async fn model_a_schedule_makes_the_next_object_when_the_last_is_gone() {
    let Some(world) = World::new().await else { return };
    target(&world, "a", None).await;
    world.flow(&[serial("entry", None, &["often"]), every(None)]).await;
    let first = until(&world, "PodChaos", "one is injected", |all| all.len() == 1 && injected(&all[0])).await.remove(0);
    let schedule = until(&world, "Schedule", "it says when", |all| all[0].data["status"]["time"].is_string()).await;
    let name = schedule[0].name_any();
    assert!(first.name_any().starts_with(&format!("{name}-")));
    assert_eq!(first.labels()["managed-by"], name);
    let owner = first.owner_references()[0].clone();
    assert_eq!((owner.kind.as_str(), Some(&owner.uid)), ("Schedule", schedule[0].metadata.uid.as_ref()));
    // Two periods and more: the workflows that show that the model goes on take no less.
    let began = std::time::Instant::now();
    while began.elapsed().as_secs() < 3 {
        world.caught_up().await;
    }
    until(&world, "PodChaos", "it is still the only one", |all| all.len() == 1 && all[0].uid() == first.uid()).await;
    assert_eq!(created(&world).await, 1);
    objects(&world, "PodChaos").delete(&first.name_any(), &DeleteParams::default()).await.unwrap();
    let other = |all: &[DynamicObject]| all.len() == 1 && all[0].uid() != first.uid() && injected(&all[0]);
    until(&world, "PodChaos", "another one is injected", other).await;

    world.abort(Some("true")).await;
    until(&world, "Schedule", "the Schedule is gone", <[_]>::is_empty).await;
    until(&world, "PodChaos", "what it made is gone", <[_]>::is_empty).await;
    world.caught_up().await;
    assert_eq!(created(&world).await, 2);
}

#[tokio::test]
async fn model_a_schedule_that_allows_it_makes_objects_beside_each_other() {
    let Some(world) = World::new().await else { return };
    target(&world, "a", None).await;
    world.flow(&[serial("entry", None, &["often"]), every(Some("Allow"))]).await;
    until(&world, "PodChaos", "three are injected", |all| all.iter().filter(|it| injected(it)).count() >= 3).await;
}

/// How many objects Schedules told that they made.
async fn created(world: &World) -> usize {
    world.reasons().await.iter().filter(|it| *it == "Spawned").count()
}
