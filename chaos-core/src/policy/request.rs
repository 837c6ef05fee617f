//! What a document says of the policy.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster::ClusterRules;
use super::host_pattern::HostPattern;
use super::permission::Permission;

/// A document's own policy: it narrows, and what goes beyond the operator's is a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyRequest {
    /// Hosts that may be connected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_hosts: Option<Vec<HostPattern>>,
    /// Folders that may be written in, beside the workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_paths: Option<Vec<PathBuf>>,
    /// Programs that may be started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_commands: Option<Vec<String>>,
    /// Fault types that may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_faults: Option<Vec<String>>,
    /// What may be done beyond hosts, paths and commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<Permission>>,
    /// Replaced by `permissions`: `true` stands for `[other_user, root, net_admin]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("deprecated" = true))]
    pub allow_privileged: Option<bool>,
    /// Requests per second at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub max_qps: Option<f64>,
    /// Seconds that one fault may last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub max_duration_seconds: Option<f64>,
    /// Connections at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u32>,
    /// Bytes that one fault may write and keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// What of Kubernetes clusters may be touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clusters: Option<ClusterRules>,
}

impl PolicyRequest {
    /// The permissions that it names, in either spelling; `None` when it says nothing of them.
    pub fn permissions(&self) -> Option<Vec<Permission>> {
        let privileged =
            self.allow_privileged.map(|yes| if yes { Permission::PRIVILEGED.to_vec() } else { Vec::new() });
        match (&self.permissions, privileged) {
            (Some(named), Some(privileged)) => Some(named.iter().copied().chain(privileged).collect()),
            (Some(named), None) => Some(named.clone()),
            (None, privileged) => privileged,
        }
    }
}
