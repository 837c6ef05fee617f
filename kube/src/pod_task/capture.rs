//! What is kept of a pod: its status and the end of its log, before anything of it is deleted.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use chaos_core::{StepContext, visible_line};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::Api;
use serde_json::json;

use crate::logs::log_tail;
use crate::patience::Patience;

/// How many of the last lines of a log are kept.
const LINES: i64 = 2000;
/// How long the log may take, asked again and again. A step that was told to end has 2 minutes for this and its deletion.
const WITHIN: Duration = Duration::from_secs(45);

/// Keeps the status of a pod, and its log where there may be one; best effort, since it changes no outcome.
pub(super) async fn capture(cx: &StepContext, api: &Api<Pod>, pod: &Pod, container: &str, ran: bool) {
    let log = if ran { Some(log(api, &pod.name_any(), container).await) } else { None };
    if let Err(error) = kept(cx, pod, log.as_deref()).await {
        cx.run().note(format!("step `{}`: what its pod left can't be kept: {error}", cx.name()));
    }
}

async fn log(api: &Api<Pod>, name: &str, container: &str) -> String {
    let read = log_tail(api, name, container, LINES, Patience(WITHIN)).await;
    read.unwrap_or_else(|error| format!("(no log: {})\n", visible_line(&error.to_string())))
}

/// The folder of the attempt.
fn folder(cx: &StepContext) -> PathBuf {
    let name: String = cx.name().chars().map(|c| if matches!(c, '/' | '\0') { '_' } else { c }).collect();
    let own = cx.folder().join("steps").join(if name.starts_with('.') { format!("_{name}") } else { name });
    if cx.attempt() > 1 { own.join(format!("attempt-{}", cx.attempt())) } else { own }
}

async fn kept(cx: &StepContext, pod: &Pod, log: Option<&str>) -> io::Result<()> {
    // Not its specification: variables may hold secrets.
    let status = json!({
        "name": pod.name_any(),
        "namespace": pod.namespace(),
        "uid": pod.uid(),
        "node": pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        "created": pod.metadata.creation_timestamp,
        "deleted": pod.metadata.deletion_timestamp,
        "status": pod.status,
    });
    let (folder, redactor) = (folder(cx), cx.run().redactor());
    let status = redactor.json(&serde_json::to_string_pretty(&status)?);
    let log = log.map(|log| redactor.text(log));
    tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("pod.json"), status)?;
        log.map_or(Ok(()), |log| std::fs::write(folder.join("log.txt"), log))
    })
    .await
    .unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use chaos_test::run_context;
    use http::{Request, Response};
    use kube::Client;
    use kube::client::Body;
    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_log_that_the_server_gives_after_25_seconds_is_kept_and_one_that_never_comes_is_told() {
        for (hangs, want, most) in
            [(25, "it ran\n", 45), (3600, "(no log: read the log of `main` in pod `p`: no answer", 55)]
        {
            let began = Instant::now();
            let service = tower::service_fn(move |_: Request<Body>| async move {
                sleep(Duration::from_secs(hangs).saturating_sub(began.elapsed())).await;
                Ok::<_, std::convert::Infallible>(Response::new(Body::from(b"it ran\n".to_vec())))
            });
            let api = Api::namespaced(Client::new(service, "nightly"), "nightly");
            let folder = tempfile::tempdir().unwrap();
            let cx = StepContext::new(run_context().build(), folder.path().to_owned(), "one");
            let pod = serde_json::from_value(json!({ "metadata": { "name": "p" } })).unwrap();
            capture(&cx, &api, &pod, "main", true).await;
            let log = std::fs::read_to_string(folder.path().join("steps/one/log.txt")).unwrap();
            assert!(log.starts_with(want), "{log}");
            assert!(began.elapsed() <= Duration::from_secs(most), "{:?}", began.elapsed());
        }
    }
}
