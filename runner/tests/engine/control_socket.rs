//! The control socket of a live run.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use chaos_core::{Task, Verdict, parse};
use chaos_runner::{
    ControlError, ControlReply, ControlRequest, EntryReply, EntryStage, ReleaseEffect, RunHandle, TimeSource, control,
    live_runs,
};
use chaos_test::Bench;
use serde_json::{Value, json};

fn entry(bench: &Bench, name: &str) -> Value {
    let action = json!({"type": "test_touch_file", "path": bench.path(name)});
    json!({"name": name, "trigger": {"type": "test_now"}, "action": action})
}

/// A run in real time that holds the file `a` until it is released.
fn holding(bench: &Bench) -> RunHandle {
    let runner = bench.runner().time(TimeSource::default()).hold_until_released(true).build().unwrap();
    let run = runner.start(Task::of(parse(&entry(bench, "a")).unwrap())).unwrap();
    let waiting = tokio::runtime::Builder::new_current_thread().build().unwrap();
    waiting.block_on(run.entry(0).unwrap().active()).unwrap();
    run
}

fn entries(reply: ControlReply) -> Vec<EntryReply> {
    let ControlReply::Entries(entries) = reply else { panic!("{reply:?}") };
    entries
}

#[test]
fn status_and_release_reach_the_run_and_its_folder_is_gone_afterwards() {
    let bench = Bench::new().unwrap();
    let run = holding(&bench);
    let (state, id) = (bench.state(), run.run_id().to_owned());
    let folder = state.root().join("runs").join(&id);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("control.sock"))), (0o700, 0o600));
    assert_eq!(live_runs(&state), std::slice::from_ref(&id));

    let seen = entries(control(&state, &id, &ControlRequest::Status {}).unwrap());
    assert_eq!((seen[0].name.as_str(), seen[0].stage, seen[0].effect), ("a", EntryStage::Active, None));
    let wrong = control(&state, &id, &ControlRequest::Release { entry: Some("b".into()) }).unwrap_err();
    assert_eq!(wrong.to_string(), "no entry `b` is under way; under way: `a`");
    let released = entries(control(&state, &id, &ControlRequest::Release { entry: Some("a".into()) }).unwrap());
    assert_eq!(released[0].effect, Some(ReleaseEffect::Released));

    let report = run.wait_blocking().unwrap();
    assert_eq!((report.exit_code(), report.success), (0, true));
    assert!(!bench.path("a").exists() && !folder.exists());
    let gone = control(&state, &id, &ControlRequest::Status {}).unwrap_err();
    assert!(matches!(gone, ControlError::NotLive { .. }), "{gone}");
}

#[test]
fn an_entry_that_is_started_in_a_run_stands_in_its_report_and_a_bad_one_is_refused() {
    let bench = Bench::new().unwrap();
    let run = holding(&bench);
    let (state, id) = (bench.state(), run.run_id().to_owned());
    let start = |entry: Value| control(&state, &id, &ControlRequest::Start { entry });
    let bad = start(json!({"trigger": {"type": "test_now"}, "action": {"type": "no_such_fault"}})).unwrap_err();
    assert!(bad.to_string().contains("no_such_fault"), "{bad}");
    let mut second = entry(&bench, "b");
    second["duration_seconds"] = json!(0.1);
    assert_eq!(start(second).unwrap(), ControlReply::Started("/entries/0".into()));
    let all = control(&state, &id, &ControlRequest::Release { entry: Some("a".into()) }).unwrap();
    assert_eq!(entries(all).len(), 1);
    let report = run.wait_blocking().unwrap();
    let names: Vec<&str> = report.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!((names, report.success), (vec!["a", "b"], true), "{report:?}");
}

#[test]
fn events_are_followed_line_by_line_and_cancel_ends_the_run() {
    let bench = Bench::new().unwrap();
    let run = holding(&bench);
    let folder = bench.state().root().join("runs").join(run.run_id());
    let mut stream = UnixStream::connect(folder.join("control.sock")).unwrap();
    stream.write_all(b"not json\n{\"verb\":\"events\"}\n").unwrap();
    let mut lines = BufReader::new(stream).lines();
    assert!(lines.next().unwrap().unwrap().starts_with(r#"{"error":"not a request"#));
    assert!(lines.next().unwrap().unwrap().starts_with(r#"{"entries":[{"position":"/chaos_spec/0""#));
    let id = run.run_id().to_owned();
    control(&bench.state(), &id, &ControlRequest::Cancel { entry: None }).unwrap();
    let report = run.wait_blocking().unwrap();
    assert_eq!(report.verdict, Verdict::Inconclusive);
    let events: Vec<String> = lines.map_while(Result::ok).collect();
    let names: Vec<Value> =
        events.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone()).collect();
    // The run may still be telling that it holds when the follower comes.
    let after: Vec<&Value> = names.iter().skip_while(|name| **name == json!("holding")).collect();
    assert_eq!((after[0], names.last()), (&json!("aborted"), Some(&json!("run_ended"))), "{names:?}");
}

#[test]
fn a_dead_runs_folder_is_removed_by_the_next_run_and_names_outside_the_folder_are_refused() {
    let bench = Bench::new().unwrap();
    let dead = bench.state().root().join("runs").join("dead");
    std::fs::create_dir_all(&dead).unwrap();
    bench
        .run(&json!({"trigger": {"type": "test_now"}, "action": {"type": "test_finite", "seconds": 1, "lands": true}}))
        .unwrap();
    assert!(!dead.exists());
    for name in ["", "../journals", "/etc"] {
        let error = control(&bench.state(), name, &ControlRequest::Status {}).unwrap_err();
        assert_eq!(error.to_string(), format!("no live run `{name}`; live: none"));
    }
}
