//! Which cluster, by reference.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which cluster, by reference: a kubeconfig and a context in it, never a credential. So it may stand in a journal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClusterAccess {
    /// The kubeconfig; default `KUBECONFIG`, else `~/.kube/config`, else the service account of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; default its current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}
