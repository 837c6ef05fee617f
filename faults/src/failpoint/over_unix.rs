//! The fault over the unix socket of a control server.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    ArmedStep, Confinement, Fault, Injection, Journal, PluginError, Policy, Presence, RealClock, RunContext,
    UndoContext, UndoLog, UndoStep, Undone, parse,
};
use chaos_failpoints::{ControlServer, fail_check};
use chaos_test::run_context;
use serde_json::json;
use tempfile::TempDir;

use super::{DisarmFailpoint, Failpoint};

fn fault(socket: &Path, site: &str) -> Failpoint {
    parse(&json!({"url": format!("unix:{}", socket.display()), "site": site, "lease_seconds": 3600})).unwrap()
}

fn allowing(folder: &Path) -> RunContext {
    let policy = Policy { allow_paths: vec![folder.to_owned()], ..Policy::default() };
    run_context().policy(policy).workspace(folder).run_id("run-u").build()
}

async fn inject(fault: &Failpoint, cx: &RunContext) -> Result<(Injection, Vec<ArmedStep>), PluginError> {
    let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
    let injection = fault.inject(&cx.clone().into(), &log.handle()).await?;
    Ok((injection, log.newest_first()))
}

fn undo_context() -> UndoContext {
    UndoContext::new(Arc::new(RealClock::new()), Duration::from_secs(10))
}

fn place() -> (TempDir, std::path::PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().canonicalize().unwrap().join("a.sock");
    (place, socket)
}

fn hit() -> bool {
    fail_check!("faults.over_unix").is_some()
}

fn refused() -> bool {
    fail_check!("faults.over_unix_refused").is_some()
}

/// A context whose workspace is not the folder of the socket.
fn elsewhere() -> (TempDir, RunContext) {
    let workspace = tempfile::tempdir().unwrap();
    let cx = run_context().workspace(workspace.path()).build();
    (workspace, cx)
}

#[tokio::test]
async fn it_arms_and_disarms_and_needs_no_token() {
    let (place, socket) = place();
    let server = ControlServer::unix(&socket).unwrap();
    assert!(!hit());
    let (fault, cx) = (fault(&socket, "faults.over_unix"), allowing(place.path()));
    let plan = fault.plan(&cx).await.unwrap();
    assert_eq!(plan.reach.paths, [socket.parent().unwrap()]);
    let (_injection, steps) = inject(&fault, &cx).await.unwrap();
    assert!(hit());
    assert_eq!(fault.witness(&cx).await.presence, Presence::Present);
    // What the journal keeps is enough for another process.
    let kept = serde_json::to_value(DisarmFailpoint {
        url: fault.url.clone(),
        addresses: vec![],
        folder: Some(cx.open_dir(place.path()).unwrap().identity()),
        site: "faults.over_unix".into(),
        owner: "squall/run-u".into(),
        token_env: None,
    });
    let step: DisarmFailpoint = serde_json::from_value(kept.unwrap()).unwrap();
    let undone = step.undo(&undo_context()).await.unwrap();
    assert!(matches!(undone, Undone::Reverted(_)) && !hit(), "{undone:?}");
    let again = steps[0].step.undo(&undo_context()).await.unwrap();
    assert!(matches!(again, Undone::NothingToDo(_)), "{again:?}");
    drop(server);
    let gone = step.undo(&undo_context()).await.unwrap();
    assert!(matches!(&gone, Undone::NothingToDo(why) if why.contains("nothing listens at unix:/")), "{gone:?}");
    drop(place);
    let gone = step.undo(&undo_context()).await.unwrap();
    assert!(matches!(&gone, Undone::NothingToDo(why) if why.contains("nothing listens")), "{gone:?}");
}

#[tokio::test]
async fn a_path_that_the_policy_does_not_allow_is_refused() {
    let (_place, socket) = place();
    let _server = ControlServer::unix(&socket).unwrap();
    let (_workspace, cx) = elsewhere();
    let fault = fault(&socket, "faults.over_unix_refused");
    let why = inject(&fault, &cx).await.unwrap_err().to_string();
    let folder = socket.parent().unwrap().display().to_string();
    assert!(why.contains(&format!("`{folder}` is not beneath an allowed path")), "{why}");
    // A link out of what is allowed leads nowhere.
    let (allowed, link) = place();
    symlink(&folder, &link).unwrap();
    let through = self::fault(&link.join("a.sock"), "faults.over_unix_refused");
    let why = inject(&through, &allowing(allowed.path())).await.unwrap_err().to_string();
    assert!(why.contains("is not beneath an allowed path"), "{why}");
    let itself = allowed.path().join("b.sock");
    symlink(&socket, &itself).unwrap();
    let why = inject(&self::fault(&itself, "faults.over_unix_refused"), &allowing(allowed.path())).await.unwrap_err();
    assert!(why.to_string().contains("not a socket"), "{why}");
    assert!(!refused());
}

#[tokio::test]
async fn an_experiment_reaches_no_unix_socket() {
    let (place, socket) = place();
    let policy = Policy { allow_paths: vec![place.path().to_owned()], ..Policy::default() };
    let cx = run_context().policy(policy.confined_to(Confinement::default())).build();
    let refused = fault(&socket, "faults.over_unix").plan(&cx).await.unwrap_err().to_string();
    assert!(refused.contains("over TCP"), "{refused}");
}

#[tokio::test]
async fn what_is_no_socket_is_not_spoken_to() {
    let (place, socket) = place();
    std::fs::write(&socket, "").unwrap();
    let refused = inject(&fault(&socket, "a"), &allowing(place.path())).await.unwrap_err().to_string();
    assert!(refused.contains("what is there is not a socket"), "{refused}");
    std::fs::remove_file(&socket).unwrap();
    drop(UnixListener::bind(&socket).unwrap());
    let refused = inject(&fault(&socket, "a"), &allowing(place.path())).await.unwrap_err().to_string();
    assert!(refused.contains("nothing listens at unix:/"), "{refused}");
}

#[tokio::test]
async fn a_token_is_known_to_the_run_before_anything_is_said() {
    let document = json!({"url": "http://127.0.0.1:1", "site": "a", "token_env": "OTHER_TOKEN"});
    let fault: Failpoint = parse(&document).unwrap();
    let cx = run_context().env([("OTHER_TOKEN", "t0ken-of-this"), ("COPY", "x t0ken-of-this")]).build();
    assert_eq!(cx.environment().len(), 2);
    fault.plan(&cx).await.unwrap();
    assert_eq!(cx.redactor().text("said t0ken-of-this"), "said ***");
    assert!(cx.environment().is_empty(), "no program gets it");
}
