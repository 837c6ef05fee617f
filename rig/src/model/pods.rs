//! The controller of Tasks.

use kube::api::{Api, PostParams};

use super::cluster::Cluster;
use super::expression::Environment;
use super::note::Note;
use super::object::{Node, name, namespace};
use super::trouble::Trouble;
use super::{children, sequence, spawn, task};

/// Creates the pod when there is none, decides branches when it has ended, and starts those that were selected.
pub(super) async fn task(cluster: &Cluster, node: Node) -> Result<(), Trouble> {
    let pods = cluster.pods_of(&node).await?;
    let mut notes = Vec::new();
    if pods.is_empty() {
        // Whatever the node's conditions say. Without its Workflow nothing is created.
        cluster.workflow_of(&node).await?;
        let api = Api::namespaced(cluster.client.clone(), namespace(&node));
        let created = match spawn::pod(&node) {
            Ok(pod) => api.create(&PostParams::default(), &pod).await.map_err(Trouble::from),
            Err(why) => Err(why.into()),
        };
        match created {
            Ok(pod) => {
                let pod = pod.metadata.name.unwrap_or_default();
                notes.push(Note::normal("TaskPodSpawned", format!("pod {pod} spawned for task")));
            }
            Err(why) => {
                let failed = Note::warning("TaskPodSpawnFailed", "failed to create pod for task");
                cluster.tell(&node, "WorkflowNode", &[failed]).await;
                return Err(why);
            }
        }
    }
    // With more than one pod any of them counts.
    let ended = pods.first().filter(|pod| task::ended(pod));
    let node = match ended {
        Some(_) if task::evaluated(&node) => node,
        Some(pod) => {
            let environment = if task::has_branches(&node) {
                let container = task::container(&node);
                // A log that can't be read leaves the branches unknown, until the next change.
                let Ok(log) = cluster.log(pod, container).await else { return Ok(()) };
                Some(Environment { exit_code: task::exit_code(pod, container), stdout: log.trim().to_owned() })
            } else {
                None
            };
            let status = task::decided(&node, environment.as_ref());
            if node.status.as_ref() != Some(&status) {
                let pod = pod.metadata.name.clone().unwrap_or_default();
                notes.push(Note::normal("TaskPodPodCompleted", format!("pod {pod} for task node completed")));
                let selected = task::selected(&status);
                notes.push(Note::normal("ConditionalBranchesSelected", format!("selected branches: {selected:?}")));
            }
            cluster.write(node, status).await?
        }
        None => {
            let status = task::undecided(&node);
            cluster.write(node, status).await?
        }
    };
    cluster.tell(&node, "WorkflowNode", &notes).await;
    if ended.is_none() || !task::evaluated(&node) {
        return Ok(());
    }
    let selected = node.status.as_ref().map(task::selected).unwrap_or_default();
    let start = if selected.is_empty() {
        None
    } else {
        let children = cluster.children(namespace(&node), name(&node)).await?;
        sequence::replace(&selected, &children)
    };
    children::replace(cluster, node, start, selected.len()).await
}
