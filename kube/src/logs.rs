//! The end of what a container wrote.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};

use crate::patience::{CallError, Patience, patiently};

/// How much of the last lines is read, from the first of them on, in bytes.
const MOST_BYTES: i64 = 1 << 20;

/// Reads the last `lines` of the log of a container, 1 MiB of them at the most.
///
/// # Errors
/// [`CallError`].
pub async fn log_tail(
    pods: &Api<Pod>,
    pod: &str,
    container: &str,
    lines: i64,
    patience: Patience,
) -> Result<String, CallError> {
    let which = LogParams {
        container: Some(container.to_owned()),
        tail_lines: Some(lines),
        limit_bytes: Some(MOST_BYTES),
        ..LogParams::default()
    };
    let what = format!("read the log of `{container}` in pod `{pod}`");
    patiently(&what, patience, || pods.logs(pod, &which)).await
}
