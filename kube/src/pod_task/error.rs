//! Why a step has no pod.

use std::time::Duration;

use chaos_core::{ArmError, PluginError, Refusal};

use crate::cluster::ClusterError;
use crate::patience::CallError;

/// Why a step has no pod, or does not know of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum PodTaskError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Policy(#[from] Refusal),
    #[error(transparent)]
    PlugIn(#[from] PluginError),
    #[error(transparent)]
    Arm(#[from] ArmError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(
        "run `{run}` has {count} pods already, such as `{pod}`, and this run did not make them; `squall recover` removes what a dead run left"
    )]
    Others { run: String, pod: String, count: usize },
    #[error("pod `{0}` is there already, and this attempt did not make it; nothing was run")]
    Taken(String),
    #[error("the API server has not answered for {} s", .0.as_secs())]
    Away(Duration),
    #[error("interrupted")]
    Interrupted,
}
