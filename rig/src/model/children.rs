//! Starts children of nodes, and writes how their parent stands.

use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;

use super::cluster::{Cluster, delete};
use super::note::Note;
use super::object::{Node, Workflow, name, namespace};
use super::trouble::Trouble;
use super::{condition, sequence, spawn};

/// Creates the node of a template; without a parent that of the entry.
pub(super) async fn create(
    cluster: &Cluster,
    workflow: &Workflow,
    parent: Option<&Node>,
    template: &str,
) -> Result<Node, Trouble> {
    let node = spawn::node(workflow, parent, template, Timestamp::now())?;
    Ok(cluster.nodes(namespace(workflow)).create(&PostParams::default(), &node).await?)
}

/// Starts children, then writes the status of a node with so many to come.
pub(super) async fn replace(
    cluster: &Cluster,
    node: Node,
    start: Option<sequence::Start>,
    wanted: usize,
) -> Result<(), Trouble> {
    let mut notes = Vec::new();
    if let Some(sequence::Start { discard, templates }) = start {
        if !discard.is_empty() {
            notes.push(Note::normal("RerunBySpecChanged", format!("rerun by spec changed, removed {discard:?}")));
        }
        for child in &discard {
            delete(&cluster.nodes(namespace(&node)), child).await?;
        }
        let workflow = cluster.workflow_of(&node).await?;
        let mut created = Vec::new();
        for template in &templates {
            created.push(name(&create(cluster, &workflow, Some(&node), template).await?).to_owned());
        }
        notes.push(Note::normal("NodesCreated", format!("child nodes created, {}", created.join(","))));
    }
    let children = cluster.children(namespace(&node), name(&node)).await?;
    let status = sequence::status(&node, &children, wanted);
    let was = node.status.as_ref().is_some_and(|it| condition::is(&it.conditions, condition::ACCOMPLISHED, true));
    if !was && condition::is(&status.conditions, condition::ACCOMPLISHED, true) {
        notes.push(Note::normal("NodeAccomplished", "node accomplished"));
    }
    let node = cluster.write(node, status).await?;
    cluster.tell(&node, "WorkflowNode", &notes).await;
    Ok(())
}
