//! Whole runs of `load` through the engine, judged by what a service of its own has counted.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaos_core::{
    ChaosResult, EarlyStop, EventKind, FAULTS, LoadGenerator, LoadRequest, LoadSchedule, Policy, Presence, Progress,
    Reverted, StatusCount, Task, Verdict, parse,
};
use chaos_faults as _;
use chaos_load::target::{Behaviour, Target, serve};
use chaos_runner::{Runner, RunnerBuilder};
use chaos_test::Bench;
use serde_json::{Value, json};

fn service(behaviour: Behaviour) -> Target {
    serve(([127, 0, 0, 1], 0).into(), behaviour).unwrap()
}

fn runner(bench: &Bench) -> RunnerBuilder {
    Runner::builder().state_dir(bench.state()).workspace(bench.folder()).env(HashMap::new()).seed(1)
}

fn task(target: &Value) -> Task {
    let entry = json!({"trigger": {"type": "test_now"}, "action": {"type": "load", "target": target}});
    Task::of(parse(&entry).unwrap())
}

fn run(bench: &Bench, target: &Value) -> ChaosResult {
    runner(bench).build().unwrap().run(task(target)).unwrap().entries.remove(0)
}

/// One request as a server of our own has read it.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    line: String,
    headers: Vec<String>,
    body: String,
}

/// A server that writes down what it reads, and answers each request with 200.
fn recording() -> (String, Arc<Mutex<Vec<Seen>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/orders", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || record(stream, &kept));
        }
    });
    (url, seen)
}

fn record(stream: TcpStream, kept: &Mutex<Vec<Seen>>) {
    let mut answers = stream.try_clone().unwrap();
    let mut input = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            match input.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line.trim_end().is_empty() => break,
                Ok(_) => lines.push(line.trim_end().to_owned()),
            }
        }
        let length = lines.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        input.read_exact(&mut body).unwrap();
        let line = lines.remove(0);
        kept.lock().unwrap().push(Seen { line, headers: lines, body: String::from_utf8(body).unwrap() });
        if answers.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err() {
            return;
        }
    }
}

#[test]
fn a_load_is_made_without_any_model_and_its_report_is_typed() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new()));
    let target = json!({"service_url": service.url(), "qps": 200, "duration": "2s", "concurrency": 4});
    let mut handle = runner(&bench).build().unwrap().start(task(&target)).unwrap();
    let mut stream = handle.take_events().unwrap();
    let mut figures = Vec::new();
    while let Some(event) = stream.blocking_recv() {
        if let EventKind::Progress { progress: Progress::Load(load) } = event.kind {
            figures.push(load);
        }
    }
    let result = handle.wait_blocking().unwrap().entries.remove(0);

    assert_eq!(service.requests(), 400, "counted by the service");
    assert_eq!((result.success, result.verdict, &result.error), (true, Verdict::Unchecked, &None));
    assert_eq!(result.reverted, Reverted::NothingToRevert);
    assert!(result.output.starts_with("400 requests in 2"), "{}", result.output);
    assert!(!bench.path(".squall").exists(), "no conversation, and no transcript of one");
    let load = result.load.clone().unwrap();
    assert_eq!(load.statuses, [StatusCount { status: 200, count: 400 }]);
    assert_eq!((load.counts.scheduled, load.counts.ok, load.counts.errors), (400, 400, 0));
    assert_eq!((load.generator, load.schedule), (LoadGenerator::Embedded, LoadSchedule::Open));
    assert_eq!((load.request.qps.get(), load.connections, load.stopped_early), (200, 4, None));
    assert!(load.response.percentile(99.0).unwrap() >= load.service.min_ms && load.failures.is_empty(), "{load:?}");
    assert_eq!(figures.last().map(|last| (last.completed, last.target_qps)), Some((400, Some(200.0))));
    // What a harness reads back is what the run gave.
    let text = serde_json::to_string(&result).unwrap();
    let read: ChaosResult = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}

#[test]
fn loads_at_the_same_time_are_held_against_the_ceiling_together() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new()));
    let target = json!({"service_url": service.url(), "qps": 500, "duration": "2s", "concurrency": 1});
    let load = json!({"trigger": {"type": "test_now"}, "action": {"type": "load", "target": target}});
    let policy = Policy { max_qps: 500.0, ..Policy::default() };
    let entries = (0..10).map(|_| parse(&load).unwrap()).collect();
    let task = Task { entries, ..Task::default() };
    let report = runner(&bench).policy(policy).build().unwrap().run(task).unwrap();
    let refused: Vec<&str> = report.entries.iter().filter_map(|entry| entry.error.as_deref()).collect();
    assert_eq!(refused.len(), 9, "{refused:?}");
    assert!(refused.iter().all(|why| why.contains("--max-qps 1000")), "{refused:?}");
    assert_eq!(service.requests(), 1000, "counted by the service");
}

#[test]
fn a_service_slower_than_three_seconds_is_loaded_where_the_timeout_allows_it() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new().delay(Duration::from_millis(3300))));
    let target =
        |timeout: u32| json!({"service_url": service.url(), "qps": 4, "duration": "500ms", "timeout_seconds": timeout});
    let patient = run(&bench, &target(10));
    assert_eq!((patient.success, patient.error), (true, None));
    let load = patient.load.unwrap();
    assert_eq!((load.with_status(200), load.counts.errors), (2, 0));
    // As exact as a bucket of the histogram.
    assert!(load.response.min_ms > 3290.0 && load.backlog_ms > 2000.0, "{load:?}");
    let hasty = run(&bench, &target(1));
    assert_eq!(hasty.error.as_deref(), Some("load did not reach the workload: timeout"));
    assert_eq!(hasty.load.unwrap().failures[0].cause, "timeout");
}

#[test]
fn method_headers_and_body_reach_the_service_and_no_report() {
    let (bench, (url, seen)) = (Bench::new().unwrap(), recording());
    let target = json!({
        "service_url": url, "qps": 20, "duration": "250ms", "concurrency": 1, "method": "PUT",
        "headers": {"X-Token": "s3cret", "Content-Type": "application/json"}, "body": "{\"n\": 1}",
    });
    let result = run(&bench, &target);
    assert_eq!((result.success, &result.error), (true, &None));
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 5);
    for one in seen.iter() {
        assert_eq!((one.line.as_str(), one.body.as_str()), ("PUT /orders HTTP/1.1", "{\"n\": 1}"));
        assert!(one.headers.contains(&"X-Token: s3cret".to_owned()), "{one:?}");
        assert!(one.headers.contains(&"Content-Type: application/json".to_owned()), "{one:?}");
    }
    let shown = serde_json::to_string(&result).unwrap();
    assert!(shown.contains("X-Token") && !shown.contains("s3cret") && !shown.contains(r#"\"n\""#), "{shown}");
}

#[test]
fn trace_context_reaches_the_service_and_the_report_names_requests_of_it() {
    let (bench, (url, seen)) = (Bench::new().unwrap(), recording());
    let target = json!({"service_url": url, "qps": 100, "duration": "200ms", "trace_context": true});
    let load = run(&bench, &target).load.unwrap();
    let seen = seen.lock().unwrap();
    let sent = |one: &Seen| {
        let values: Vec<_> = one.headers.iter().filter_map(|line| line.strip_prefix("traceparent: ")).collect();
        assert_eq!(values.len(), 1, "{one:?}");
        values[0].to_owned()
    };
    let sent: Vec<String> = seen.iter().map(sent).collect();
    assert_eq!((sent.len(), load.traces.len()), (20, 5));
    for trace in &load.traces {
        let header = format!("00-{}-{}-01", trace.trace_id, trace.span_id);
        assert!(sent.contains(&header), "{header} {sent:?}");
        assert_eq!((trace.status, trace.failure.as_deref()), (Some(200), None));
    }
    assert!(load.request.trace_context);
}

/// An address where nobody listens: that of a client, which nobody else gets while the connection is held.
fn closed_port() -> (SocketAddr, (TcpListener, TcpStream)) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client.local_addr().unwrap(), (listener, client))
}

#[test]
fn the_first_requests_that_fail_are_named_by_their_traces() {
    let bench = Bench::new().unwrap();
    let (closed, _held) = closed_port();
    let target =
        json!({"service_url": format!("http://{closed}/"), "qps": 100, "duration": "300ms", "trace_context": true});
    let load = run(&bench, &target).load.unwrap();
    assert_eq!(load.traces.len(), 5);
    for trace in &load.traces {
        assert_eq!((trace.status, trace.failure.as_deref()), (None, Some("connection refused")), "{trace:?}");
    }
    assert!(load.traces.is_sorted_by(|one, next| one.sent_seconds <= next.sent_seconds), "{:?}", load.traces);
}

#[test]
fn a_body_alone_makes_a_post() {
    let (bench, (url, seen)) = (Bench::new().unwrap(), recording());
    run(&bench, &json!({"service_url": url, "qps": 10, "duration": "100ms", "body": "x"}));
    assert_eq!(seen.lock().unwrap()[0].line, "POST /orders HTTP/1.1");
}

#[test]
fn without_its_effect_a_run_does_not_pass() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new()));
    let sham = runner(&bench).sham(true).build().unwrap();
    let target = json!({"service_url": service.url(), "qps": 100, "duration": "200ms"});
    let result = sham.run(task(&target)).unwrap().entries.remove(0);
    assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive));
    assert_eq!((service.requests(), result.load), (0, None));
}

#[test]
fn a_closed_port_is_named_and_is_no_pass() {
    let bench = Bench::new().unwrap();
    let (closed, _held) = closed_port();
    let result = run(&bench, &json!({"service_url": format!("http://{closed}/"), "qps": 100, "duration": "300ms"}));
    assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive));
    assert_eq!(result.error.as_deref(), Some("load did not reach the workload: connection refused"));
    assert!(result.timeline.iter().all(|point| point.event != "active"), "{:?}", result.timeline);
}

#[test]
fn cancelling_stops_the_load_and_keeps_what_was_measured() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new()));
    let target = json!({"service_url": service.url(), "qps": 100, "duration": "5m"});
    let mut handle = runner(&bench).build().unwrap().start(task(&target)).unwrap();
    let mut stream = handle.take_events().unwrap();
    while let Some(event) = stream.blocking_recv() {
        if matches!(event.kind, EventKind::Progress { .. }) {
            handle.cancel();
        }
    }
    let result = handle.wait_blocking().unwrap().entries.remove(0);
    assert_eq!((result.success, result.error.as_deref()), (false, Some("interrupted")));
    assert_eq!(result.witness.unwrap().presence, Presence::Present);
    let load = result.load.unwrap();
    assert_eq!(load.with_status(200), service.requests(), "no request after the end");
    assert_eq!(load.stopped_early, Some(EarlyStop::Cancelled));
}

#[test]
fn a_released_load_ends_early_and_its_partial_report_is_judged() {
    let (bench, service) = (Bench::new().unwrap(), service(Behaviour::new()));
    let target = json!({"service_url": service.url(), "qps": 100, "duration": "5m"});
    let mut handle = runner(&bench).build().unwrap().start(task(&target)).unwrap();
    let mut stream = handle.take_events().unwrap();
    while let Some(event) = stream.blocking_recv() {
        if matches!(&event.kind, EventKind::Progress { progress: Progress::Load(load) } if load.completed > 50) {
            handle.release();
        }
    }
    let result = handle.wait_blocking().unwrap().entries.remove(0);
    assert_eq!((result.success, result.verdict, result.error), (true, Verdict::Unchecked, None));
    let load = result.load.unwrap();
    assert_eq!(load.with_status(200), service.requests(), "no request after the end");
    assert!(load.counts.ok > 50 && load.elapsed_seconds < 60.0, "{load:?}");
    assert_eq!(load.stopped_early, Some(EarlyStop::Released));
}

#[test]
fn a_load_can_be_built_from_a_request_without_naming_the_fault() {
    let service = service(Behaviour::new());
    let makers: Vec<_> = FAULTS.all().iter().filter_map(|fault| fault.load_from).collect();
    assert_eq!(makers.len(), 1);
    let request = LoadRequest::to(service.url().parse().unwrap());
    let fault = makers[0](request.clone());
    assert_eq!(serde_json::to_value(&fault).unwrap()["target"], serde_json::to_value(&request).unwrap());
}
