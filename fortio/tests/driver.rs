//! A real fortio as the engine, where one is installed.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

#[path = "support/real_fortio.rs"]
mod real_fortio;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use chaos_fortio::{Fortio, FortioDocument, find};
use chaos_load::target::{Behaviour, Target, serve};
use chaos_load::{LatencyKind, LoadPlan, LoadResult, Rate, Stop};
use real_fortio::fortio;

fn server(behaviour: Behaviour) -> Target {
    serve(SocketAddr::from(([127, 0, 0, 1], 0)), behaviour).unwrap()
}

fn plan(url: &str, qps: f64, stop: Stop) -> LoadPlan {
    let mut load = LoadPlan::to(url).unwrap();
    load.rate = Rate::Qps(qps);
    load.stop = stop;
    load
}

fn run(fortio: &Path, load: LoadPlan) -> LoadResult {
    Fortio::new(fortio, load).unwrap().start().unwrap().wait_blocking()
}

#[test]
fn its_access_log_gives_what_it_hides() {
    let Some(fortio) = fortio() else { return };
    let server = server(Behaviour::new().delay(Duration::from_millis(100)));
    // Four connections carry 40 calls a second of the 200 asked.
    let result = run(&fortio, plan(&server.url(), 200.0, Stop::After(Duration::from_secs(1))));
    let p90 = |kind| result.percentile(kind, 90.0).unwrap();
    assert!(p90(LatencyKind::Response) > 2 * p90(LatencyKind::Service), "{result}");
    assert!(result.saturated && result.counts.missed > 0, "{result}");
    assert_eq!(result.counts.scheduled, 200);
    let text = FortioDocument::of(&result).to_text().unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&value["ChaosLoad"]["Engine"], &value["ChaosLoad"]["Model"]), (&"fortio".into(), &"fortio".into()));
    assert_eq!(value["DurationHistogram"]["Count"], value["ChaosLoad"]["Completed"], "its own part and ours agree");
    assert_eq!(value["Sockets"], serde_json::json!([1, 1, 1, 1]));
}

#[test]
fn failures_are_counted_by_status() {
    let Some(fortio) = fortio() else { return };
    let server = server(Behaviour::new().status(503));
    let result = run(&fortio, plan(&server.url(), 100.0, Stop::Count(10)));
    assert_eq!((result.counts.errors, result.main_failure().as_deref()), (10, Some("status 503")));
}

#[test]
fn a_cancel_gives_its_partial_result() {
    let Some(fortio) = fortio() else { return };
    let server = server(Behaviour::new());
    let running = Fortio::new(&fortio, plan(&server.url(), 100.0, Stop::Never)).unwrap().start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = runtime.block_on(async {
        assert!(running.first_answer().await.is_some());
        running.cancel();
        running.wait().await
    });
    assert!(result.interrupted && result.counts.ok > 0, "{result}");
}

#[test]
fn a_program_that_is_no_fortio_is_told_by_its_last_words() {
    let load = plan("http://127.0.0.1:9/", 10.0, Stop::Count(2));
    // A shell takes `load` for a script, and finds none.
    let result = run(Path::new("/bin/sh"), load.clone());
    let complaint = result.main_failure().unwrap();
    assert!(complaint.starts_with("fortio: ") && complaint.contains("load"), "{complaint}");
    assert_eq!(result.to_string(), format!("no load: {complaint}"));
    let error = Fortio::new(Path::new("/nonexistent/fortio"), load).unwrap().start().unwrap_err();
    assert_eq!(error.to_string(), "the system refused the process of fortio");
}

#[test]
fn marks_cut_its_calls_by_phase_too() {
    let Some(fortio) = fortio() else { return };
    let server = server(Behaviour::new());
    let running = Fortio::new(&fortio, plan(&server.url(), 100.0, Stop::Count(600))).unwrap().start().unwrap();
    let mut snapshots = running.snapshots();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = runtime.block_on(async {
        // The first snapshot with calls in it: by now the start of the run is known.
        snapshots.wait_for(|snapshot| snapshot.completed > 0).await.unwrap();
        running.mark("during", std::time::Instant::now());
        running.wait().await
    });
    let calls: Vec<(&str, bool)> = result.phases.iter().map(|phase| (phase.name.as_str(), phase.ok > 0)).collect();
    assert_eq!(calls, [("before", true), ("during", true)], "{result}");
    let last = snapshots.borrow().clone();
    let sum: u64 = (0..2).map(|phase| last.over(&[phase], 50.0, Duration::ZERO).completed).sum();
    assert_eq!((last.finished, sum), (true, result.counts.completed));
}

#[test]
fn it_is_found_in_folders_that_stay_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fortio"), "").unwrap();
    let places = std::env::join_paths([Path::new("relative"), Path::new("."), folder.path()]).unwrap();
    assert_eq!(find(&places), Some(folder.path().join("fortio")));
    assert_eq!(find("relative:.".as_ref()), None);
}
