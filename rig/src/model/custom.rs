//! The controllers of nodes that make one object: chaos, Schedules and status checks. The object goes when the node has finished.

use chaos_manifests::API_VERSION;
use kube::ResourceExt as _;
use kube::api::PostParams;
use serde_json::json;

use super::cluster::{Cluster, controlled_by, delete};
use super::note::Note;
use super::object::{Node, name, namespace, resource};
use super::trouble::Trouble;
use super::{check, condition, spawn};

/// Keeps the chaos object or Schedule of a node there until the node has finished, and says in the status whether it is there.
///
/// That is all that `ChaosInjected` means. Nothing but a deadline or an abort finishes such a node. An object that can't be created
/// is only an event.
pub(super) async fn chaos(cluster: &Cluster, node: Node) -> Result<(), Trouble> {
    let resource = spawn::chaos_resource(&node.spec.kind);
    let api = cluster.objects(namespace(&node), &resource);
    let mut objects = api.list(&controlled_by(name(&node))).await?.items;
    let mut notes = Vec::new();
    if condition::finished(node.status.as_ref()) {
        for object in objects.iter().filter(|it| it.metadata.deletion_timestamp.is_none()) {
            delete(&api, &object.name_any()).await?;
            notes.push(Note::normal("ChaosCRDeleted", format!("chaos CR {} deleted", object.name_any())));
        }
    } else if objects.is_empty() {
        match api.create(&PostParams::default(), &spawn::custom(&node)?).await {
            Ok(object) => {
                notes.push(Note::normal("ChaosCRCreated", format!("chaos CR {} created", object.name_any())));
                objects.push(object);
            }
            Err(why) => notes.push(Note::warning("ChaosCRCreateFailed", format!("failed to create chaos CR: {why}"))),
        }
    } else {
        for surplus in &objects[1..] {
            delete(&api, &surplus.name_any()).await?;
        }
    }
    if !objects.is_empty() {
        objects = api.list(&controlled_by(name(&node))).await?.items;
    }
    let mut status = node.status.clone().unwrap_or_default();
    let there = objects.first();
    status.chaos_resource = there.map(|object| {
        let (group, _) = API_VERSION.split_once('/').unwrap_or_default();
        json!({ "apiGroup": group, "kind": resource.kind, "name": object.name_any() })
    });
    let reason = if there.is_some() { "ChaosCRCreated" } else { "ChaosCRNotExists" };
    condition::set(&mut status.conditions, condition::CHAOS_INJECTED, there.is_some(), reason);
    let node = cluster.write(node, status).await?;
    cluster.tell(&node, "WorkflowNode", &notes).await;
    Ok(())
}

/// Keeps the status check of a node there until the node has finished, and takes its end over.
///
/// The node's deadline deletes the check, without a verdict.
pub(super) async fn gate(cluster: &Cluster, node: Node) -> Result<(), Trouble> {
    let here = namespace(&node).to_owned();
    let api = cluster.checks(&here);
    let checks = api.list(&controlled_by(name(&node))).await?.items;
    let mut notes = Vec::new();
    if condition::finished(node.status.as_ref()) {
        for it in checks.iter().filter(|it| it.metadata.deletion_timestamp.is_none()) {
            delete(&api, name(it)).await?;
            notes.push(Note::normal("StatusCheckDeleted", format!("status check {} deleted", name(it))));
        }
    } else if checks.is_empty() {
        cluster.workflow_of(&node).await?;
        let objects = cluster.objects(&here, &resource("StatusCheck", "statuschecks"));
        let created = objects.create(&PostParams::default(), &spawn::custom(&node)?).await?;
        notes.push(Note::normal("StatusCheckCreated", format!("status check {} created", created.name_any())));
    } else {
        for surplus in &checks[1..] {
            delete(&api, name(surplus)).await?;
        }
    }
    let checks = api.list(&controlled_by(name(&node))).await?.items;
    let node = match checks.first() {
        Some(it) => {
            let status = check::of_node(&node, it);
            cluster.write(node, status).await?
        }
        None => node,
    };
    cluster.tell(&node, "WorkflowNode", &notes).await;
    Ok(())
}
