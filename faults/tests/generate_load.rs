//! Whole runs of `generate_load` through the engine, judged by what a service of its own has counted.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chaos_core::{
    ChaosResult, Event, EventKind, LoadGenerator, LoadProgress, LoadSchedule, Policy, Presence, Progress, Reverted,
    StatusCount, Task, Verdict, parse,
};
use chaos_faults as _;
use chaos_fortio::find;
use chaos_load::target::{Behaviour, Target, serve};
use chaos_runner::{Report, Runner, RunnerBuilder};
use chaos_test::Bench;
use serde_json::{Value, json};

fn service(behaviour: Behaviour) -> Target {
    serve(([127, 0, 0, 1], 0).into(), behaviour).unwrap()
}

/// Real time, and no model whatever the environment of this test says.
fn runner(bench: &Bench) -> RunnerBuilder {
    Runner::builder().state_dir(bench.state()).workspace(bench.folder()).env(HashMap::new()).seed(1)
}

fn spike(url: &str, qps: u32, duration: &str) -> Value {
    let target = json!({"service_url": url, "qps": qps, "duration": duration, "concurrency": 4});
    json!({"trigger": {"type": "test_now"}, "action": {"type": "generate_load", "target": target}})
}

fn task(entry: &Value) -> Task {
    Task::of(parse(entry).unwrap())
}

fn run(bench: &Bench, entry: &Value) -> ChaosResult {
    only(runner(bench).build().unwrap().run(task(entry)).unwrap())
}

fn only(mut report: Report) -> ChaosResult {
    assert_eq!(report.entries.len(), 1);
    report.entries.remove(0)
}

#[test]
fn three_hundred_a_second_for_two_seconds_are_six_hundred_requests() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new()));
    let handle = runner(&bench).build().unwrap().start(task(&spike(&service.url(), 300, "2s")));
    let mut handle = handle.unwrap();
    let mut stream = handle.take_events().unwrap();
    let mut events = Vec::new();
    while let Some(event) = stream.blocking_recv() {
        events.push(event);
    }
    let result = only(handle.wait_blocking().unwrap());

    assert_eq!(service.requests(), 600, "counted by the service");
    assert_eq!((result.success, result.verdict, &result.error), (true, Verdict::Unchecked, &None));
    assert_eq!(result.reverted, Reverted::NothingToRevert);
    assert!(result.output.to_lowercase().contains("no model"), "{}", result.output);
    let witness = result.witness.unwrap();
    assert_eq!(witness.presence, Presence::Present);
    assert!(witness.evidence.summary.starts_with("600 of 600 requests answered"), "{}", witness.evidence.summary);
    let load = result.load.unwrap();
    assert_eq!(
        (load.statuses.as_slice(), load.request.qps.get()),
        (&[StatusCount { status: 200, count: 600 }][..], 300)
    );
    assert_eq!(load.service_buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 600);
    active_and_progress(&events);
}

fn active_and_progress(events: &[Event]) {
    let place = |wanted: fn(&EventKind) -> bool| events.iter().position(|event| wanted(&event.kind)).unwrap();
    let injecting = place(|kind| matches!(kind, EventKind::Injecting { .. }));
    let active = place(|kind| matches!(kind, EventKind::Active { .. }));
    let first_figures = place(|kind| matches!(kind, EventKind::Progress { .. }));
    assert!(injecting < active && active < first_figures, "{injecting} {active} {first_figures}");
    let figures: Vec<&LoadProgress> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Progress { progress: Progress::Load(load) } => Some(load),
            _ => None,
        })
        .collect();
    assert!(figures.len() >= 2, "{figures:?}");
    let last = figures.last().unwrap();
    assert_eq!((last.completed, last.errors, last.target_qps), (600, 0, Some(300.0)));
    assert!(last.elapsed_seconds > 1.9 && last.p50_ms > 0.0 && last.p99_ms >= last.p50_ms, "{last:?}");
}

#[test]
fn under_virtual_time_the_load_is_real() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new()));
    let runner = bench.runner().env(HashMap::new()).build().unwrap();
    let result = only(runner.run(task(&spike(&service.url(), 100, "500ms"))).unwrap());
    assert_eq!((result.success, &result.error, service.requests()), (true, &None, 50));
}

#[test]
fn the_conversation_is_kept_in_the_workspace() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new()));
    let result = run(&bench, &spike(&service.url(), 100, "200ms"));
    let path = result.witness.unwrap().evidence.data["transcript"].as_str().unwrap().to_owned();
    assert!(path.starts_with(bench.path(".squall/transcripts").to_str().unwrap()), "{path}");
    assert!(path.ends_with("-chaos_spec-0-action.jsonl"), "{path}");
    let lines = std::fs::read_to_string(path).unwrap();
    assert!(lines.lines().any(|line| line.contains(r#""tool":"load""#)), "{lines}");
}

/// An address where nobody listens: that of a client, which nobody else gets while the connection is held.
fn closed_port() -> (SocketAddr, (TcpListener, TcpStream)) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client.local_addr().unwrap(), (listener, client))
}

#[test]
fn a_closed_port_is_named_and_is_no_pass() {
    let bench = Bench::new().unwrap();
    let (closed, _held) = closed_port();
    let result = run(&bench, &spike(&format!("http://{closed}/"), 100, "300ms"));
    assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive));
    assert_eq!(result.error.as_deref(), Some("load did not reach the workload: connection refused"));
    assert!(result.timeline.iter().all(|point| point.event != "active"), "{:?}", result.timeline);
}

#[test]
fn a_service_that_hangs_up_without_an_answer_was_not_reached() {
    let bench = Bench::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let result = run(&bench, &spike(&url, 50, "200ms"));
    let error = result.error.unwrap();
    assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive));
    assert!(error.starts_with("load did not reach the workload: connection "), "{error}");
}

#[test]
fn what_the_policy_does_not_allow_is_refused_before_anything_is_sent() {
    let service = service(Behaviour::new());
    let rows = [
        (spike("http://192.0.2.1/", 10, "1s"), json!({}), "`--allow-host 192.0.2.1` would allow it"),
        (spike("http://shop.example/", 10, "1s"), json!({}), "`--allow-host shop.example` would allow it"),
        (spike(&service.url(), 1001, "1s"), json!({}), "`--max-qps 1001` would allow it"),
        (spike(&service.url(), 10, "11m"), json!({}), "`--max-duration 660` would allow it"),
        (spike(&service.url(), 10, "1s"), json!({"max_qps": 5}), "`--max-qps 10` would allow it"),
    ];
    for (entry, policy, flag) in rows {
        let bench = Bench::new().unwrap();
        let mut task = task(&entry);
        task.policy = parse(&policy).unwrap();
        let result = only(runner(&bench).build().unwrap().run(task).unwrap());
        let error = result.error.unwrap();
        assert_eq!(result.verdict, Verdict::Inconclusive, "{error}");
        assert!(error.starts_with("refused by policy: ") && error.ends_with(flag), "{error}");
        assert!(!bench.path(".squall").exists(), "nothing was begun");
    }
    assert_eq!(service.connections(), 0);
}

#[test]
fn without_its_effect_a_run_does_not_pass() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new()));
    let sham = runner(&bench).sham(true).build().unwrap();
    let result = only(sham.run(task(&spike(&service.url(), 100, "200ms"))).unwrap());
    assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive));
    assert_eq!((service.requests(), result.load), (0, None));
}

#[test]
fn a_workspace_that_cannot_be_written_stops_the_run_before_the_load() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new()));
    std::fs::write(bench.path("occupied"), "a file").unwrap();
    let runner = runner(&bench).workspace(bench.path("occupied")).build().unwrap();
    let result = only(runner.run(task(&spike(&service.url(), 100, "200ms"))).unwrap());
    let error = result.error.unwrap();
    assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive));
    assert!(error.starts_with("no load without a transcript: "), "{error}");
    assert_eq!(service.requests(), 0);
}

#[test]
fn cancelling_stops_the_load_and_keeps_what_was_measured() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new()));
    let mut handle = runner(&bench).build().unwrap().start(task(&spike(&service.url(), 100, "5m"))).unwrap();
    let mut stream = handle.take_events().unwrap();
    let mut cancelled = None;
    while let Some(event) = stream.blocking_recv() {
        if matches!(event.kind, EventKind::Progress { .. }) && cancelled.is_none() {
            cancelled = Some(Instant::now());
            handle.cancel();
        }
    }
    let result = only(handle.wait_blocking().unwrap());
    // The engine's own grace is 5 s; a fault that outlasts it loses its evidence.
    assert!(cancelled.unwrap().elapsed() < Duration::from_secs(5));
    assert_eq!((result.success, result.error.as_deref()), (false, Some("interrupted")));
    assert_eq!(result.witness.unwrap().presence, Presence::Present);
    let answered = result.load.unwrap().with_status(200);
    assert_eq!(answered, service.requests(), "no request after the end");
}

#[test]
fn cancelling_does_not_wait_for_a_service_that_never_answers() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new().delay(Duration::from_mins(5))));
    let mut handle = runner(&bench).build().unwrap().start(task(&spike(&service.url(), 20, "5m"))).unwrap();
    let mut stream = handle.take_events().unwrap();
    while let Some(event) = stream.blocking_recv() {
        if matches!(event.kind, EventKind::Progress { .. }) {
            handle.cancel();
        }
    }
    let result = only(handle.wait_blocking().unwrap());
    assert_eq!(result.error.as_deref(), Some("interrupted"), "not: did not stop within its grace");
    assert_eq!(result.witness.unwrap().presence, Presence::Absent);
    assert!(result.load.is_some(), "requests under way were awaited, and counted as failed");
}

#[test]
fn the_service_that_answers_only_sometimes_was_reached_and_its_errors_are_told() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new()));
    let mut handle = runner(&bench).build().unwrap().start(task(&spike(&service.url(), 100, "5s"))).unwrap();
    let mut stream = handle.take_events().unwrap();
    while let Some(event) = stream.blocking_recv() {
        if matches!(event.kind, EventKind::Active { .. }) {
            service.set_status(503);
        }
    }
    let result = only(handle.wait_blocking().unwrap());
    assert_eq!((result.success, result.verdict), (true, Verdict::Unchecked));
    let evidence = result.witness.unwrap().evidence;
    let ratio = evidence.data["error_ratio"].as_f64().unwrap();
    assert!(ratio > 0.1 && ratio < 1.0, "{ratio}");
    assert!(evidence.summary.contains("errors: status 503 ("), "{}", evidence.summary);
}

/// A run whose `PATH` has this folder, under a policy that allows these commands.
fn run_with_commands(bench: &Bench, folder: &Path, commands: &[&str], engine: &str, url: &str) -> ChaosResult {
    let mut entry = spike(url, 100, "2s");
    entry["action"]["engine"] = json!(engine);
    let env = HashMap::from([("PATH".to_owned(), folder.display().to_string())]);
    let allow_commands = commands.iter().map(|command| (*command).to_owned()).collect();
    let runner = runner(bench).env(env).policy(Policy { allow_commands, ..Policy::default() });
    only(runner.build().unwrap().run(task(&entry)).unwrap())
}

fn fortio() -> Option<PathBuf> {
    let found = std::env::var_os("PATH").and_then(|places| find(&places));
    if found.is_none() {
        println!("skipped: needs fortio (go install fortio.org/fortio@v1.68.2)");
    }
    found?.parent().map(Path::to_owned)
}

#[test]
fn a_real_fortio_makes_the_load_and_its_access_log_tells_what_it_hides() {
    let Some(folder) = fortio() else { return };
    for engine in ["fortio", "auto"] {
        let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new().delay(Duration::from_millis(100))));
        let result = run_with_commands(&bench, &folder, &["fortio"], engine, &service.url());
        assert_eq!((result.success, result.verdict), (true, Verdict::Unchecked), "{:?}", result.error);
        assert_eq!(result.reverted, Reverted::Reverted, "its process was journalled, and is gone");
        let load = result.load.unwrap();
        assert_eq!(
            (load.generator, load.schedule, load.counts.scheduled),
            (LoadGenerator::Fortio, LoadSchedule::PerConnection, 200)
        );
        let counted: u64 = load.service_buckets.iter().map(|bucket| bucket.count).sum();
        assert_eq!(load.with_status(200), load.counts.completed);
        assert_eq!(counted, load.counts.completed, "its own part and ours agree");
        // Four connections carry 40 calls a second of the 100 asked: the response time shows it, the service time not.
        assert!(load.saturated);
        let [response, service_time] = [&load.response, &load.service].map(|times| times.percentile(90.0).unwrap());
        assert!(response > 2.0 * service_time, "{load:?}");
        let warm_up = 4;
        assert_eq!(service.requests(), load.counts.completed + warm_up, "counted by the service");
    }
}

#[test]
fn a_real_fortio_is_started_only_where_the_policy_allows_its_command() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new()));
    // A program that would leave a trace.
    let folder = bench.path("bin");
    std::fs::create_dir(&folder).unwrap();
    let trace = bench.path("started");
    let program = format!("#!/bin/sh\n: > {}\n", trace.display());
    std::fs::write(folder.join("fortio"), program).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.join("fortio"), executable).unwrap();

    let refused = run_with_commands(&bench, &folder, &[], "fortio", &service.url());
    let error = refused.error.unwrap();
    assert!(error.ends_with("`--allow-command fortio` would allow it"), "{error}");
    let auto = run_with_commands(&bench, &folder, &["sleep"], "auto", &service.url());
    assert_eq!(auto.load.unwrap().generator, LoadGenerator::Embedded);
    let absent = run_with_commands(&bench, &bench.path("absent"), &["fortio"], "fortio", &service.url());
    let error = absent.error.unwrap();
    assert!(error.contains("no `fortio` is in a folder of `PATH`"), "{error}");
    assert!(!trace.exists(), "nothing was started");

    let allowed = run_with_commands(&bench, &folder, &["fortio"], "fortio", &service.url());
    assert!(trace.exists(), "this one was");
    assert_eq!((allowed.success, allowed.verdict), (false, Verdict::Inconclusive), "and gave no result");
}

#[test]
fn cancelling_stops_a_real_fortio() {
    let Some(folder) = fortio() else { return };
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new()));
    let mut entry = spike(&service.url(), 100, "5m");
    entry["action"]["engine"] = json!("fortio");
    let env = HashMap::from([("PATH".to_owned(), folder.display().to_string())]);
    let policy = Policy { allow_commands: vec!["fortio".into()], ..Policy::default() };
    let mut handle = runner(&bench).env(env).policy(policy).build().unwrap().start(task(&entry)).unwrap();
    let mut stream = handle.take_events().unwrap();
    while let Some(event) = stream.blocking_recv() {
        if matches!(event.kind, EventKind::Active { .. }) {
            handle.cancel();
        }
    }
    let result = only(handle.wait_blocking().unwrap());
    assert_eq!((result.success, result.error.as_deref()), (false, Some("interrupted")));
    assert_eq!((result.witness.unwrap().presence, result.reverted), (Presence::Present, Reverted::Reverted));
    // What it has sent before its end may still be read.
    let began = Instant::now();
    loop {
        let before = service.requests();
        std::thread::park_timeout(Duration::from_millis(500));
        if service.requests() == before {
            break;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "no request after the end");
    }
}
