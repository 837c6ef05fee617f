//! A pod that was swept is run again while its node lives.

use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams};

use crate::world::{World, endless, serial};

#[tokio::test]
async fn model_0_11_a_pod_swept_before_its_node_runs_again_also_after_an_abort() {
    let Some(world) = World::new().await else { return };
    world.flow(&[serial("entry", None, &["step"]), endless("step", None)]).await;
    let seen = world.until("the pod is there", |seen| seen.pods.len() == 1).await;
    let first = seen.pods[0].uid().unwrap();
    world.pods().delete(&seen.pods[0].name_any(), &DeleteParams::default()).await.unwrap();
    let other = |uid: &str| {
        let uid = uid.to_owned();
        move |seen: &crate::world::Seen| seen.pods.len() == 1 && seen.pods[0].uid().as_ref() != Some(&uid)
    };
    let seen = world.until("a second pod", other(&first)).await;
    let second = seen.pods[0].uid().unwrap();

    world.abort(Some("true")).await;
    world.until("the node is aborted", |seen| seen.holds("step", "Aborted")).await;
    world.pods().delete(&seen.pods[0].name_any(), &DeleteParams::default()).await.unwrap();
    world.until("a third pod, of an aborted node", other(&second)).await;
    // The answer to its creation is in the log by then.
    world.caught_up().await;
    assert_eq!(world.pods_created(), 3);
}

#[tokio::test]
async fn model_0_11_a_sweep_after_workflow_and_nodes_are_gone_starts_nothing() {
    let Some(world) = World::new().await else { return };
    world.flow(&[serial("entry", None, &["step", "next"]), endless("step", None), endless("next", None)]).await;
    world.until("the pod is there", |seen| seen.pods.len() == 1).await;
    world.abort(Some("true")).await;
    world.until("the node is aborted", |seen| seen.holds("step", "Aborted")).await;
    world.workflows().delete("flow", &DeleteParams::default()).await.unwrap();
    world.until("Workflow and nodes are gone", |seen| seen.workflow.is_none() && seen.nodes.is_empty()).await;
    world.pods().delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    world.until("the pods are gone", |seen| seen.pods.is_empty()).await;
    world.caught_up().await;
    assert_eq!(world.pods_created(), 1, "the one of the step, and no other");
    assert!(world.seen().await.nodes.is_empty());
}

#[tokio::test]
async fn model_a_foreground_deletion_may_run_a_pod_again_and_leaves_nothing() {
    let Some(world) = World::new().await else { return };
    world.flow(&[serial("entry", None, &["step", "next"]), endless("step", None), endless("next", None)]).await;
    world.until("the pod is there", |seen| seen.pods.len() == 1).await;
    // In the foreground the Workflow outlives its nodes and pods, so a pod or an entry may be created again meanwhile.
    world.workflows().delete("flow", &DeleteParams::foreground()).await.unwrap();
    world.until("all is gone", |seen| seen.workflow.is_none() && seen.nodes.is_empty() && seen.pods.is_empty()).await;
    world.caught_up().await;
    world.until("nothing came back", |seen| seen.nodes.is_empty() && seen.pods.is_empty()).await;
}
