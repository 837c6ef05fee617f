//! The pod of a step, as it is sent to the API server.

use chaos_core::{StepContext, fnv1a};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::shape::{LONGEST_LABEL, PodTask};
use crate::sweep_pods::{BY_LABEL, RUN_LABEL};

/// The annotation that says which attempt of which process a pod belongs to.
const CLAIM: &str = "squall.dev/claim";
/// How many digits of a hash a name ends with.
const HASH: usize = 16;

/// What a pod is called, and by what it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// Its name: the same for the same run, step and attempt.
    pub(super) name: String,
    /// Which attempt of which process it is.
    pub(super) claim: String,
    /// The run that it belongs to.
    run: String,
    /// The process that made it.
    by: String,
}

impl Identity {
    pub(super) fn of(cx: &StepContext, run: &str) -> Self {
        let by = cx.run().run_id().to_owned();
        let (step, attempt) = (cx.name(), cx.attempt());
        let claim = format!("{by}/{step}/{attempt}");
        let hash = fnv1a(format!("{run}/{step}/{attempt}").as_bytes());
        let readable: String = format!("{run}-{step}-{attempt}")
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
            .take(LONGEST_LABEL - HASH - 1)
            .collect();
        let readable = readable.trim_matches('-');
        let dash = if readable.is_empty() { "" } else { "-" };
        Self { name: format!("{readable}{dash}{hash:0HASH$x}"), claim, run: run.to_owned(), by }
    }

    /// Whether it is that pod.
    pub(super) fn is(&self, pod: &Pod) -> bool {
        pod.annotations().get(CLAIM) == Some(&self.claim)
    }

    /// The pod. What the step does not say is left to the server.
    pub(super) fn pod(&self, task: &PodTask) -> Value {
        let mut labels = task.pod.labels.clone();
        labels.insert(RUN_LABEL.to_owned(), self.run.clone());
        labels.insert(BY_LABEL.to_owned(), self.by.clone());
        let mut pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": self.name,
                "namespace": task.namespace,
                "labels": labels,
                "annotations": { CLAIM: self.claim },
            },
            "spec": {
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": task.grace().as_secs(),
                "containers": [task.pod.container],
            },
        });
        if !task.pod.volumes.is_empty() {
            pod["spec"]["volumes"] = json!(task.pod.volumes);
        }
        if let Some(account) = &task.pod.service_account_name {
            pod["spec"]["serviceAccountName"] = json!(account);
        }
        pod
    }
}
