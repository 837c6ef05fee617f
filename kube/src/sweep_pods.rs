//! The undo step of the pods of a run: all that this process made for it, at once.

use std::collections::BTreeSet;
use std::time::Duration;

use chaos_core::{PluginError, UndoContext, UndoStep, Undone, register_undo_step};
use futures_util::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, Preconditions};
use kube::core::{PartialObjectMeta, Request};
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::access::ClusterAccess;
use crate::cluster::Cluster;
use crate::patience::{CallError, Patience, patiently};
use crate::watched::Selection;

/// The labels with the run of a pod, and with the process that made it.
pub(crate) const RUN_LABEL: &str = "squall.dev/run";
pub(crate) const BY_LABEL: &str = "squall.dev/by";

/// How long a container has to end: less than one attempt of an undo step takes.
const GRACE_SECONDS: u32 = 3;
/// How often it is looked whether they are gone.
const LOOK: Duration = Duration::from_millis(250);
/// How long a pod that is not there may still come: the request for it may have been under way when its run died.
const LATE: Duration = Duration::from_millis(750);
/// What is left of the deadline for the answer itself.
const MARGIN: Duration = Duration::from_millis(500);
/// How many pods are deleted at the same time.
const AT_ONCE: usize = 16;
/// The status of what the user has no right to.
const FORBIDDEN: u16 = 403;

/// Deletes the pods of a run that one process made, and waits until they are gone. Pods that another process or another
/// person made are left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepPods {
    /// The cluster, by reference.
    pub access: ClusterAccess,
    /// The namespace.
    pub namespace: String,
    /// The run that the pods belong to, a label of theirs.
    pub run: String,
    /// The process that made them, a label of theirs.
    pub by: String,
}

impl SweepPods {
    async fn sweep(&self, limit: Duration) -> Result<Undone, SweepError> {
        let cluster = Cluster::connect(&self.access).await.map_err(|error| SweepError::Cluster(error.to_string()))?;
        let (api, until) = (cluster.pods(&self.namespace), Instant::now() + limit.saturating_sub(MARGIN));
        let mut left = self.list(&api, until).await?;
        if left.is_empty() {
            sleep(LATE).await;
            left = self.list(&api, until).await?;
        }
        let mut found = BTreeSet::new();
        while !left.is_empty() {
            found.extend(left.iter().map(ResourceExt::uid));
            // One that came late is told to go as the others were.
            if left.iter().any(|pod| pod.metadata.deletion_timestamp.is_none()) {
                self.delete(&cluster, &api, &left, until).await?;
            }
            left = self.list(&api, until).await?;
            if !left.is_empty() && Instant::now() + LOOK >= until {
                return Err(SweepError::Left { count: left.len(), first: left[0].name_any() });
            }
            if !left.is_empty() {
                sleep(LOOK).await;
            }
        }
        let count = found.len();
        Ok(match count {
            0 => Undone::NothingToDo("no pod was left".to_owned()),
            1 => Undone::Reverted("1 pod was deleted".to_owned()),
            more => Undone::Reverted(format!("{more} pods were deleted")),
        })
    }

    /// Tells all pods of the run to go: by one request, or by one each where the user may delete pods and no collections of them.
    async fn delete(
        &self,
        cluster: &Cluster,
        api: &Api<Pod>,
        pods: &[PartialObjectMeta<Pod>],
        until: Instant,
    ) -> Result<(), CallError> {
        let patience = Patience(until.saturating_duration_since(Instant::now()));
        let (client, which) = (cluster.client(), of_run(&self.run, &self.by).list());
        let path = Pod::url_path(&(), Some(&self.namespace));
        let all = patiently("delete the pods", patience, || async {
            let request = Request::new(path.clone()).delete_collection(&gently(), &which);
            // The answer comes when all have been told, and holds them as they were: nobody reads that.
            client.request_stream(request.map_err(kube::Error::BuildRequest)?).await.map(drop)
        });
        match all.await {
            Err(error) if error.code() == Some(FORBIDDEN) => {
                let names: Vec<_> = pods.iter().map(|pod| (pod.name_any(), pod.uid())).collect();
                let each = names.into_iter().map(|(name, uid)| delete(api.clone(), name, uid, until));
                stream::iter(each).buffer_unordered(AT_ONCE).try_collect().await
            }
            all => all.map(drop),
        }
    }

    async fn list(&self, api: &Api<Pod>, until: Instant) -> Result<Vec<PartialObjectMeta<Pod>>, CallError> {
        let which = of_run(&self.run, &self.by).list();
        let patience = Patience(until.saturating_duration_since(Instant::now()));
        Ok(patiently("list the pods", patience, || api.list_metadata(&which)).await?.items)
    }
}

/// The labels of what a process made for a run.
fn of_run(run: &str, by: &str) -> Selection {
    Selection { labels: Some(format!("{RUN_LABEL}={run},{BY_LABEL}={by}")), fields: None }
}

/// How a pod is told to go.
fn gently() -> DeleteParams {
    DeleteParams { grace_period_seconds: Some(GRACE_SECONDS), ..DeleteParams::default() }
}

async fn delete(api: Api<Pod>, name: String, uid: Option<String>, until: Instant) -> Result<(), CallError> {
    let patience = Patience(until.saturating_duration_since(Instant::now()));
    let how = DeleteParams { preconditions: Some(Preconditions { uid, resource_version: None }), ..gently() };
    let done = patiently("delete a pod", patience, || async { api.delete(&name, &how).await.map(drop) }).await;
    match done {
        // It went, and perhaps another one came: that is not ours.
        Err(error) if !error.is_gone() => Err(error),
        _ => Ok(()),
    }
}

/// Why pods may be left.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error("{0}")]
    Cluster(String),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("still being deleted: {count} pods, such as `{first}`")]
    Left { count: usize, first: String },
}

impl UndoStep for SweepPods {
    const SURVIVES_REBOOT: bool = true;

    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        self.sweep(cx.deadline()).await.map_err(|error| PluginError::failed(error.to_string()))
    }

    fn describe(&self) -> String {
        format!("delete the pods of run `{}` in namespace `{}`", self.run, self.namespace)
    }
}

register_undo_step!(SweepPods, "sweep_pods");

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_record_names_the_cluster_and_holds_no_credential() {
        let access = ClusterAccess { kubeconfig: Some("/etc/kube/config".into()), context: Some("kind".into()) };
        let step = SweepPods { access, namespace: "nightly".into(), run: "7".into(), by: "1-2-3".into() };
        let step: Box<dyn chaos_core::DynUndoStep> = Box::new(step);
        let written = serde_json::to_value(&step).unwrap();
        let want = json!({
            "type": "sweep_pods",
            "access": {"kubeconfig": "/etc/kube/config", "context": "kind"},
            "namespace": "nightly", "run": "7", "by": "1-2-3",
        });
        assert_eq!(written, want);
        let read: Box<dyn chaos_core::DynUndoStep> = serde_json::from_value(written).unwrap();
        assert_eq!(read.describe(), "delete the pods of run `7` in namespace `nightly`");
        assert!(read.survives_reboot());
    }
}
