//! The undo step of a Workflow: abort it, delete it, wait until it and its nodes are gone, and only then sweep its pods. It is done
//! when none of its chaos is in force any more.
//!
//! The order matters: Chaos Mesh starts the pod of a Task again as long as its node lives, whatever the node's conditions say.

use std::collections::BTreeSet;
use std::time::Duration;

use chaos_core::{PluginError, UndoContext, UndoStep, Undone, register_undo_step};
use chaos_manifests::{ABORT_ANNOTATION, EmbeddedChaos, WORKFLOW_LABEL};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::access::ClusterAccess;
use crate::cluster::Cluster;
use crate::patience::{CallError, Patience, patiently};
use crate::watched::{Selection, names};

/// The annotation of what a run of ours made: the id of the run.
pub const RUN_ANNOTATION: &str = "squall.dev/run";

/// How often it is looked whether something is gone.
const LOOK: Duration = Duration::from_millis(250);
/// How long a Workflow that is not there may still come: its creation may have been under way when its run died.
const LATE: Duration = Duration::from_millis(750);
/// What is left of the deadline for the answer itself.
const MARGIN: Duration = Duration::from_millis(500);
/// What the sweep of the pods gets of the time, at the least.
const FOR_PODS: Duration = Duration::from_secs(3);

/// Removes the Workflow that a run made, its nodes and its pods, and sees that its chaos is recovered. One that another run or another person made is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveWorkflow {
    /// The cluster, by reference.
    pub access: ClusterAccess,
    /// The namespace.
    pub namespace: String,
    /// The name of the Workflow.
    pub name: String,
    /// The run that made it, as its annotation [`RUN_ANNOTATION`] says.
    pub run: String,
    /// The chaos that it embeds.
    #[serde(default, skip_serializing_if = "EmbeddedChaos::is_empty")]
    pub chaos: EmbeddedChaos,
}

/// What was found and done, as one clause.
#[derive(Debug, Default)]
struct Done {
    removed: bool,
    swept: BTreeSet<String>,
}

/// Everything that one attempt needs.
struct Work<'a> {
    step: &'a RemoveWorkflow,
    cluster: &'a Cluster,
    workflows: Api<DynamicObject>,
    nodes: Api<DynamicObject>,
    pods: Api<Pod>,
    until: Instant,
}

impl RemoveWorkflow {
    /// Whether an object is one that the run made.
    fn owns(&self, object: &DynamicObject) -> bool {
        object.metadata.annotations.as_ref().and_then(|all| all.get(RUN_ANNOTATION)) == Some(&self.run)
    }

    /// Removes it, for as long as `limit`; says what was there.
    ///
    /// # Errors
    /// What could not be done, with what is left.
    pub async fn remove(&self, limit: Duration) -> Result<Undone, PluginError> {
        let cluster = Cluster::connect(&self.access).await.map_err(|error| PluginError::failed(error.to_string()))?;
        let work = Work {
            step: self,
            cluster: &cluster,
            workflows: cluster.chaos_mesh("Workflow", "workflows", &self.namespace),
            nodes: cluster.chaos_mesh("WorkflowNode", "workflownodes", &self.namespace),
            pods: cluster.pods(&self.namespace),
            until: Instant::now() + limit.saturating_sub(MARGIN),
        };
        work.remove().await
    }
}

impl Work<'_> {
    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    async fn call<T, F>(&self, what: &str, call: impl FnMut() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        patiently(what, Patience(self.left()), call).await
    }

    async fn workflow(&self) -> Result<Option<DynamicObject>, CallError> {
        let name = &self.step.name;
        self.call(&format!("read Workflow `{name}`"), || self.workflows.get_opt(name)).await
    }

    async fn remove(&self) -> Result<Undone, PluginError> {
        let failed = |error: CallError| PluginError::failed(error.to_string());
        let mut found = self.workflow().await.map_err(failed)?;
        if found.is_none() {
            sleep(LATE.min(self.left())).await;
            found = self.workflow().await.map_err(failed)?;
        }
        let mut done = Done::default();
        // A controller that has just taken it up may make its first node after it was deleted; the garbage collector removes that, a
        // moment later.
        let is_young = found.as_ref().is_some_and(|found| found.data["status"]["entryNode"].is_null());
        if let Some(workflow) = found {
            if !self.step.owns(&workflow) {
                let name = &self.step.name;
                return Ok(Undone::NothingToDo(format!(
                    "Workflow `{name}` was not made by this run; it was left alone"
                )));
            }
            done.removed = true;
            self.abort(&workflow).await.map_err(failed)?;
            self.delete(&workflow).await.map_err(failed)?;
        }
        self.wait_for_workflow().await?;
        self.sweep(&mut done).await?;
        if is_young {
            sleep(LATE.min(self.left())).await;
            self.wait_for_workflow().await?;
            self.sweep(&mut done).await?;
        }
        self.wait_for_chaos().await?;
        Ok(self.told(&done))
    }

    fn told(&self, done: &Done) -> Undone {
        let name = &self.step.name;
        let pods = match done.swept.len() {
            0 => "no pod was left".to_owned(),
            1 => "1 pod was swept".to_owned(),
            more => format!("{more} pods were swept"),
        };
        if done.removed {
            Undone::Reverted(format!("Workflow `{name}` was aborted and deleted, and {pods}"))
        } else if done.swept.is_empty() {
            Undone::NothingToDo(format!("there is no Workflow `{name}`, and no pod of it"))
        } else {
            Undone::Reverted(format!("there was no Workflow `{name}`, and {pods}"))
        }
    }

    /// So that its nodes start nothing more while it is being deleted; once is enough.
    async fn abort(&self, workflow: &DynamicObject) -> Result<(), CallError> {
        let asked = |object: &DynamicObject| {
            object
                .metadata
                .annotations
                .as_ref()
                .and_then(|all| all.get(ABORT_ANNOTATION))
                .is_some_and(|it| it == "true")
        };
        if asked(workflow) || workflow.metadata.deletion_timestamp.is_some() {
            return Ok(());
        }
        abort_workflow(&self.workflows, workflow, Patience(self.left())).await
    }

    async fn delete(&self, workflow: &DynamicObject) -> Result<(), CallError> {
        let name = &self.step.name;
        let how = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: Some(Preconditions { uid: workflow.metadata.uid.clone(), resource_version: None }),
            ..DeleteParams::default()
        };
        let done = self
            .call(&format!("delete Workflow `{name}`"), || async { self.workflows.delete(name, &how).await.map(drop) })
            .await;
        match done {
            // It went, and perhaps another one came: that is not ours.
            Err(error) if !error.is_gone() => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits until the Workflow and its nodes are gone.
    async fn wait_for_workflow(&self) -> Result<(), PluginError> {
        let labelled = Selection::label(WORKFLOW_LABEL, &self.step.name);
        let failed = |error: CallError| PluginError::failed(error.to_string());
        loop {
            let workflow = self.workflow().await.map_err(failed)?.filter(|object| self.step.owns(object));
            let nodes = self.listed("WorkflowNodes", &self.nodes, &labelled).await.map_err(failed)?;
            if workflow.is_none() && nodes.is_empty() {
                return Ok(());
            }
            if self.left() <= FOR_PODS {
                let mut left: Vec<String> =
                    workflow.map(|_| format!("Workflow `{}`", self.step.name)).into_iter().collect();
                left.extend(nodes.into_iter().map(|name| format!("WorkflowNode `{name}`")));
                let left = left.join(", ");
                // Chaos that is not recovered is what mostly holds its node.
                let chaos = match self.chaos_left().await {
                    Ok(chaos) if chaos.is_empty() => String::new(),
                    Ok(chaos) => format!("; {}", in_force(&chaos)),
                    Err(error) => format!("; {error}"),
                };
                return Err(PluginError::failed(format!(
                    "still being deleted: {left}; its pods were not swept, since they would be started again{chaos}"
                )));
            }
            sleep(LOOK).await;
        }
    }

    /// Waits until no chaos of it is there any more: an object goes when Chaos Mesh has recovered what it did.
    async fn wait_for_chaos(&self) -> Result<(), PluginError> {
        loop {
            let left = self.chaos_left().await.map_err(|error| PluginError::failed(error.to_string()))?;
            if left.is_empty() {
                return Ok(());
            }
            if self.left().is_zero() {
                return Err(PluginError::failed(in_force(&left)));
            }
            sleep(LOOK.min(self.left())).await;
        }
    }

    /// The chaos objects that are there.
    async fn chaos_left(&self) -> Result<Vec<String>, CallError> {
        let RemoveWorkflow { namespace, name, chaos, .. } = self.step;
        let there = self.cluster.chaos_there(namespace, name, chaos, Patience(self.left().max(LOOK))).await?;
        Ok(there.iter().map(|(kind, object)| format!("{kind} `{}`", object.name_any())).collect())
    }

    async fn listed<K>(&self, what: &str, api: &Api<K>, of: &Selection) -> Result<BTreeSet<String>, CallError>
    where
        K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
    {
        let list = self.call(&format!("list {what}"), || async { api.list(&of.list()).await }).await?;
        Ok(names(&list.items))
    }

    /// Deletes the pods of the Workflow, and waits until they are gone.
    async fn sweep(&self, done: &mut Done) -> Result<(), PluginError> {
        let labelled = Selection::label(WORKFLOW_LABEL, &self.step.name);
        let failed = |error: CallError| PluginError::failed(error.to_string());
        let mut asked = BTreeSet::new();
        loop {
            let pods = self.listed("pods", &self.pods, &labelled).await.map_err(failed)?;
            if pods.is_empty() {
                done.swept.extend(asked);
                return Ok(());
            }
            for pod in &pods {
                if !asked.insert(pod.clone()) {
                    continue;
                }
                let deleted = self
                    .call(&format!("delete pod `{pod}`"), || async {
                        self.pods.delete(pod, &DeleteParams::default()).await.map(drop)
                    })
                    .await;
                if let Err(error) = deleted
                    && !error.is_not_found()
                {
                    return Err(failed(error));
                }
            }
            if self.left().is_zero() {
                let left: Vec<String> = pods.into_iter().map(|name| format!("pod `{name}`")).collect();
                return Err(PluginError::failed(format!("still being deleted: {}", left.join(", "))));
            }
            sleep(LOOK.min(self.left())).await;
        }
    }
}

fn in_force(chaos: &[String]) -> String {
    format!("perhaps still in force: {}; Chaos Mesh has not recovered it", chaos.join(", "))
}

/// Aborts a Workflow by its annotation, which is all that Chaos Mesh needs. One that is gone, or in whose place another one of that
/// name has come meanwhile, needs nothing.
///
/// # Errors
/// [`CallError`].
pub async fn abort_workflow(
    api: &Api<DynamicObject>,
    workflow: &DynamicObject,
    patience: Patience,
) -> Result<(), CallError> {
    let (name, patch) = (workflow.name_any(), abort_patch(workflow));
    let what = format!("abort Workflow `{name}`");
    let done =
        patiently(&what, patience, || async { api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await });
    match done.await {
        Err(error) if !error.is_gone() => Err(error),
        _ => Ok(()),
    }
}

/// The patch that aborts a Workflow; it fails where another one of that name has come meanwhile.
fn abort_patch(workflow: &DynamicObject) -> serde_json::Value {
    let mut metadata = json!({"annotations": {ABORT_ANNOTATION: "true"}});
    if let Some(uid) = &workflow.metadata.uid {
        metadata["uid"] = json!(uid);
    }
    json!({"metadata": metadata})
}

impl UndoStep for RemoveWorkflow {
    const SURVIVES_REBOOT: bool = true;

    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let _real = cx.clock().external();
        self.remove(cx.deadline()).await
    }

    fn describe(&self) -> String {
        let chaos = if self.chaos.is_empty() { "" } else { ", and wait until its chaos is recovered" };
        format!(
            "abort and delete Workflow `{}` in namespace `{}`, and sweep its pods{chaos}",
            self.name, self.namespace
        )
    }
}

register_undo_step!(RemoveWorkflow, "remove_workflow");

#[cfg(test)]
mod tests {
    use super::*;

    fn step() -> RemoveWorkflow {
        let access = ClusterAccess { kubeconfig: Some("/etc/kube/config".into()), context: Some("kind".into()) };
        let chaos = EmbeddedChaos { kinds: ["PodChaos".to_owned()].into(), ..EmbeddedChaos::default() };
        RemoveWorkflow { access, namespace: "nightly".into(), name: "release-7".into(), run: "r1".into(), chaos }
    }

    #[test]
    fn the_record_names_the_cluster_and_holds_no_credential() {
        let step: Box<dyn chaos_core::DynUndoStep> = Box::new(step());
        let written = serde_json::to_value(&step).unwrap();
        let want = json!({
            "type": "remove_workflow",
            "access": {"kubeconfig": "/etc/kube/config", "context": "kind"},
            "namespace": "nightly", "name": "release-7", "run": "r1", "chaos": {"kinds": ["PodChaos"]},
        });
        assert_eq!(written, want);
        let read: Box<dyn chaos_core::DynUndoStep> = serde_json::from_value(written).unwrap();
        let want = "abort and delete Workflow `release-7` in namespace `nightly`, and sweep its pods, and wait until its chaos \
                    is recovered";
        assert_eq!(read.describe(), want);
        assert!(read.survives_reboot());
    }

    #[test]
    fn only_what_the_run_made_is_its_own() {
        let object = |annotations: serde_json::Value| -> DynamicObject {
            let object = json!({"metadata": {"name": "release-7", "annotations": annotations}});
            serde_json::from_value(object).unwrap()
        };
        assert!(step().owns(&object(json!({RUN_ANNOTATION: "r1"}))));
        assert!(!step().owns(&object(json!({RUN_ANNOTATION: "r2"}))));
        assert!(!step().owns(&object(json!({}))));
        assert!(!step().owns(&object(serde_json::Value::Null)));
    }

    #[tokio::test]
    async fn a_cluster_that_is_not_there_is_a_failure_that_says_so() {
        let error = step().remove(Duration::from_secs(1)).await.unwrap_err().to_string();
        assert!(error.contains("/etc/kube/config"), "{error}");
    }
}
