//! What the step is told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use chaos_core::{ClusterReach, PluginError, Seconds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::access::ClusterAccess;

/// The longest value of a label, and the longest name of a pod.
pub(super) const LONGEST_LABEL: usize = 63;

/// Runs a pod with one container, once, and waits for its end.
///
/// Exit code 0 is a `pass`, 2 an `infra_fail`, every other code a `task_fail`. An image that can't be pulled, a reference to
/// a `ConfigMap` or `Secret` that is not there, and a container that can't be started are an `infra_fail` after
/// `waiting_seconds`. A pod that is deleted by somebody else, or evicted, is an `infra_fail`, and never run again.
///
/// The name of the pod is made of run, step and attempt, so that a request whose answer was lost makes no second one. At the end
/// the last lines of its log and its status are in `steps/NAME/log.txt` and `steps/NAME/pod.json` in the folder of the
/// workflow. At the deadline of the step, and when the run is interrupted, the pod is deleted, and waited for. All pods of a run
/// are deleted when its workflow has ended, after `finally`; where the run is killed, by its guardian or by `squall recover`.
///
/// # Outputs
/// `exit_code`, and `pod`, the name of the pod.
///
/// # Limits
/// The policy must allow the context, the namespace and the kind `Pod`. The rights that it needs in the namespace: `create`,
/// `get`, `list`, `watch` and `delete` of `pods`, and `get` of `pods/log`. Of the log the last 2,000 lines are kept, 1 MiB at the
/// most. A pod that no node has room for waits until the deadline of the step. A run that does not hear from the API server for
/// 5 minutes gives its steps up as `infra_fail`.
///
/// # Example
/// ```yaml
/// type: pod_task
/// name: provision
/// namespace: nightly
/// deadline_seconds: 600
/// pod:
///   container:
///     name: main
///     image: registry.example/provision@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
///     args: [--nodes, "4"]
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PodTask {
    /// The namespace.
    pub namespace: String,
    /// The pod.
    pub pod: PodShape,
    /// The kubeconfig; default `KUBECONFIG`, else `~/.kube/config`, else the service account of the pod that this runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; default its current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The run that the pod belongs to, a label's value; default the id of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Seconds for which the container may wait for a reason that does not pass by itself mostly, such as `ErrImagePull`;
    /// default 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_seconds: Option<Seconds>,
    /// Seconds that the container has to end when the pod is deleted, 60 at the most; default 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 60))]
    pub grace_seconds: Option<u8>,
}

/// What a pod is made of; the rest is as Kubernetes has it, but `restartPolicy`, which is `Never`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PodShape {
    /// Its one container, as Kubernetes defines containers; `name` and `image` must be there.
    pub container: Map<String, Value>,
    /// Its volumes, as Kubernetes defines volumes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Value>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its service account; default that of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
}

impl PodTask {
    /// How long a reason that does not pass by itself is waited for.
    pub(super) fn waiting(&self) -> Duration {
        self.waiting_seconds.unwrap_or_else(|| Seconds::from(30)).get()
    }

    /// How long the container has to end.
    pub(super) fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds.unwrap_or(10).min(60).into())
    }

    pub(super) fn access(&self) -> ClusterAccess {
        ClusterAccess { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() }
    }

    /// What the policy is asked for.
    pub(super) fn touches(&self, context: &str) -> ClusterReach {
        ClusterReach { context: context.to_owned(), namespace: self.namespace.clone(), kinds: vec!["Pod".to_owned()] }
    }

    /// Refuses what no cluster would take, before anything is done.
    pub(super) fn check(&self) -> Result<(), PluginError> {
        let text = |key: &str| self.pod.container.get(key).and_then(Value::as_str).unwrap_or_default();
        for key in ["name", "image"] {
            if text(key).is_empty() {
                return Err(PluginError::refused(format!("the container has no `{key}`")));
            }
        }
        if self.namespace.is_empty() {
            return Err(PluginError::refused("the `namespace` is empty"));
        }
        match &self.run {
            Some(run) if !is_label(run) => {
                let why = "expected at most 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends";
                Err(PluginError::refused(format!("invalid run `{run}`: {why}")))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a text can be the value of a label, and is not empty.
fn is_label(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= LONGEST_LABEL && text.chars().all(inside) && end(text.chars().next()) && end(text.chars().next_back())
}
