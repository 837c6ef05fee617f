//! Conditions on recorded evidence: what started a fault, showed that it was noticed, and stopped it in real time does so in the
//! same sequence when the recording is replayed under virtual time.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use chaos_core::{
    Check, CheckBody, CheckMode, EventKind, Evidence, Fault, InjectContext, Injection, Observation, Plan, PluginError,
    Probe, ProbeRole, Resource, RunContext, Sighting, Span, Task, TimelinePoint, Undo, parse, register_fault,
    register_probe,
};
use chaos_evidence as _;
use chaos_probes as _;
use chaos_runner::{Report, Runner, RunnerBuilder};
use chaos_test::{Bench, Misbehave, RemoveFile};
use chaos_triggers as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A fault that does nothing but make a file; what comes of it is said by the test.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MakeFile {
    file: PathBuf,
}

impl Fault for MakeFile {
    const SPAN: Span = Span::Sustained;

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        Ok(Plan::new("hit a node").touching(Resource::node(cx.run_id(), "n3")))
    }

    async fn inject(&self, _: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let effect = undo.arm(RemoveFile { path: self.file.clone(), misbehave: Misbehave::No }).await?;
        fs::write(&self.file, "").unwrap();
        drop(effect);
        Ok(Injection::in_force())
    }

    async fn witness(&self, _: &RunContext) -> Sighting {
        let seen = Evidence::new("the file");
        if self.file.exists() { Sighting::present(seen) } else { Sighting::absent(seen) }
    }
}

register_fault!(MakeFile, "test_make_file");

/// A probe that always says yes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GoesOn {}

impl Probe for GoesOn {
    async fn observe(&self, _: &RunContext) -> Observation {
        Observation::yes("it goes on")
    }
}

register_probe!(GoesOn, "test_goes_on");

/// What the system under test says, one after the other: the first starts the fault, the second shows that it was noticed, the
/// third that it hurts too much.
const STEPS: [&str; 3] = ["joined", "lost", "panic"];

/// A way in which evidence comes in, and what is asked of it for each step.
struct Way {
    source: Value,
    probes: [Value; 3],
    tell: Tell,
}

/// Says a step; gets where OTLP is taken in, empty where it is not.
type Tell = Box<dyn Fn(&str, usize)>;

fn with(mut probe: Value, name: &str, more: &Value) -> Value {
    let map = probe.as_object_mut().unwrap();
    map.insert("name".to_owned(), name.into());
    map.extend(more.as_object().unwrap().clone());
    probe
}

fn run(runner: RunnerBuilder, bench: &Bench, source: &Value, way: &Way, tell: bool) -> Report {
    let [trigger, detect, abort] = way.probes.clone();
    let entry = json!({
        "name": "hit n3",
        "trigger": {"type": "probe", "probe": with(trigger, "trigger", &json!({}))},
        "action": {"type": "test_make_file", "file": bench.path("hit")},
        "duration_seconds": 60,
        "detect": with(detect, "detect", &json!({"within_seconds": 50})),
        "abort_if": with(abort, "abort", &json!({"since": "run"})),
        "verify": "goes on",
    });
    let mut task = Task::of(parse(&entry).unwrap());
    // Under virtual time the last question may come a quarter of a second later: there must be evidence of that time.
    let body = CheckBody::Probe(parse(&json!({"type": "test_goes_on"})).unwrap());
    let goes_on = Check { body, mode: CheckMode::Hold, timeout_seconds: Some(1.into()) };
    task.checks.insert("goes on".to_owned(), goes_on);
    task.evidence.insert("app".to_owned(), parse(source).unwrap());
    let mut handle = runner.build().unwrap().start(task).unwrap();
    if tell {
        let mut events = handle.take_events().unwrap();
        let (mut endpoint, mut active, mut asked, mut told) = (String::new(), false, 0, 0);
        while let Some(event) = events.blocking_recv() {
            match event.kind {
                EventKind::Note { text } => {
                    if let Some(at) = text.find("http://127.0.0.1:") {
                        text[at..].clone_into(&mut endpoint);
                    }
                }
                EventKind::Waiting { .. } => {
                    // Long enough for a question that is answered with no.
                    std::thread::park_timeout(Duration::from_millis(300));
                    (way.tell)(&endpoint, 0);
                    told = 1;
                }
                EventKind::Active { .. } => active = true,
                // What is told comes so much later than the questions before it that under virtual time, where the fault comes up
                // to a quarter of a second earlier or later, it lies between the same ones.
                EventKind::Probed { role, .. } if active && told < STEPS.len() => {
                    let awaited = if told == 1 { ProbeRole::Detect } else { ProbeRole::AbortIf };
                    asked += u8::from(role == awaited);
                    if asked == 4 {
                        (way.tell)(&endpoint, told);
                        (asked, told) = (0, told + 1);
                    }
                }
                _ => {}
            }
        }
    }
    handle.wait_blocking().unwrap()
}

/// What happened to the entry, and what each of its two probes answered. The probes are asked at the same time, on threads of their own,
/// so the order is that of each.
fn rows(report: &Report) -> [Vec<&TimelinePoint>; 3] {
    let mut rows = [Vec::new(), Vec::new(), Vec::new()];
    let [stages, detect, abort] = &mut rows;
    for point in &report.entries[0].timeline {
        match point.event.as_str() {
            "probed" if point.detail.contains("`abort`") => abort.push(point),
            "probed" if point.detail.contains("`detect`") => detect.push(point),
            _ => stages.push(point),
        }
    }
    rows
}

/// The same without times: of answers that repeat, the first.
fn events(report: &Report) -> [Vec<String>; 3] {
    rows(report).map(|row| {
        // Whether the first question comes before the first look at the system after the fault is up to the network.
        let told = row.into_iter().filter(|point| !point.detail.contains("no sample yet in the window"));
        let mut events: Vec<String> = told
            .map(|point| match point.event.as_str() {
                "probed" | "aborted" | "fired" => {
                    format!("{} {}", point.event, point.detail.split([',', ';']).next().unwrap())
                }
                event => event.to_owned(),
            })
            .collect();
        events.dedup();
        events
    })
}

fn lives_again(bench: &Bench, way: &Way) {
    let real = Runner::builder().state_dir(bench.state()).workspace(bench.folder()).seed(1);
    let mut source = way.source.clone();
    source.as_object_mut().unwrap().insert("record".to_owned(), "past.jsonl".into());
    let lived = run(real, bench, &source, way, true);
    let lived_events = events(&lived);
    let recording = json!({"type": "recording", "path": "past.jsonl"});
    let replayed = run(bench.runner(), bench, &recording, way, false);
    assert_eq!(events(&replayed), lived_events, "{lived:?}\n{replayed:?}");
    assert_eq!(replayed.verdict, lived.verdict);
    // Not because nothing happened: each condition was no first, and turned.
    let [stages, detect, abort] = &lived_events;
    for stage in ["fired", "active", "aborted", "undid"] {
        assert!(stages.iter().any(|event| event.starts_with(stage)), "{stage}: {stages:#?}");
    }
    for answers in [detect, abort] {
        assert!(answers.first().unwrap().contains("no"), "{answers:#?}");
        assert!(answers.last().unwrap().contains("yes"), "{answers:#?}");
    }
    assert!(lived.entries[0].times.detected_seconds.is_some(), "{lived:?}");
    let again = run(bench.runner(), bench, &recording, way, false);
    assert_eq!(rows(&again), rows(&replayed), "virtual time repeats to the moment");
}

/// Limits of a counter that rises with each step.
fn counted() -> [Value; 3] {
    let metric = |more| with(json!({"type": "metric", "metric": "steps_total"}), "", &more);
    [metric(json!({"above": 0})), metric(json!({"value": "increase", "above": 0})), metric(json!({"above": 2}))]
}

fn written() -> [Value; 3] {
    STEPS.map(|step| json!({"type": "log", "pattern": step}))
}

#[test]
fn scraped_metrics() {
    let bench = Bench::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    let steps = Arc::new(AtomicU64::new(0));
    let shown = Arc::clone(&steps);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let body = format!("# TYPE steps_total counter\nsteps_total {}\n", shown.load(Ordering::SeqCst));
            answer(&mut stream.unwrap(), &body);
        }
    });
    let source = json!({"type": "prometheus", "targets": {"n1": url}, "interval_seconds": 0.05});
    let tell = Box::new(move |_: &str, step: usize| steps.store(step as u64 + 1, Ordering::SeqCst));
    lives_again(&bench, &Way { source, probes: counted(), tell });
}

fn answer(stream: &mut TcpStream, body: &str) {
    let mut asked = Vec::new();
    let mut buffer = [0; 1024];
    while !asked.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => asked.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\n";
    // Broken off where a fault came or went meanwhile.
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).ok();
}

#[test]
fn lines_of_a_file() {
    let bench = Bench::new().unwrap();
    let path = bench.path("app.log");
    fs::write(&path, "panic of an earlier run\n").unwrap();
    let source = json!({"type": "log_file", "paths": ["app.log"]});
    let tell = Box::new(move |_: &str, step: usize| {
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        writeln!(file, "n1 says: {}", STEPS[step]).unwrap();
    });
    lives_again(&bench, &Way { source, probes: written(), tell });
}

fn post(endpoint: &str, signal: &str, body: &Value) {
    let mut stream = TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).unwrap();
    let body = body.to_string();
    let (head, length) =
        (format!("POST /v1/{signal} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json"), body.len());
    let request = format!("{head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn resource() -> Value {
    json!({"attributes": [{"key": "service.name", "value": {"stringValue": "n1"}}]})
}

fn now() -> String {
    UNIX_EPOCH.elapsed().unwrap().as_nanos().to_string()
}

#[test]
fn metrics_of_otlp() {
    let bench = Bench::new().unwrap();
    let began = now();
    let tell = Box::new(move |endpoint: &str, step: usize| {
        let point = json!({"asInt": (step + 1).to_string(), "startTimeUnixNano": began, "timeUnixNano": now()});
        let sum = json!({"dataPoints": [point], "aggregationTemporality": 2, "isMonotonic": true});
        let scope = json!([{"metrics": [{"name": "steps_total", "sum": sum}]}]);
        post(endpoint, "metrics", &json!({"resourceMetrics": [{"resource": resource(), "scopeMetrics": scope}]}));
    });
    let mut probes = counted();
    // Its SDK says nothing between two steps, so an increase is between none and one until the next.
    probes[1] = json!({"type": "metric", "metric": "steps_total", "above": 1, "since": "run"});
    lives_again(&bench, &Way { source: json!({"type": "otlp"}), probes, tell });
}

#[test]
fn logs_of_otlp() {
    let bench = Bench::new().unwrap();
    let tell = Box::new(move |endpoint: &str, step: usize| {
        let record = json!({"timeUnixNano": now(), "severityNumber": 17, "body": {"stringValue": STEPS[step]}});
        let scope = json!([{"logRecords": [record]}]);
        post(endpoint, "logs", &json!({"resourceLogs": [{"resource": resource(), "scopeLogs": scope}]}));
    });
    lives_again(&bench, &Way { source: json!({"type": "otlp"}), probes: written(), tell });
}

#[test]
fn spans_of_otlp() {
    let bench = Bench::new().unwrap();
    let tell = Box::new(move |endpoint: &str, step: usize| {
        let (at, trace, span) = (now(), "07".repeat(16), "09".repeat(8));
        let span = json!({
            "traceId": trace, "spanId": span, "name": STEPS[step], "startTimeUnixNano": at, "endTimeUnixNano": at,
        });
        let scope = json!([{"spans": [span]}]);
        post(endpoint, "traces", &json!({"resourceSpans": [{"resource": resource(), "scopeSpans": scope}]}));
    });
    let probes = STEPS.map(|step| json!({"type": "otlp_span", "span": step}));
    lives_again(&bench, &Way { source: json!({"type": "otlp"}), probes, tell });
}

#[test]
fn a_condition_on_what_a_recording_does_not_have_is_refused_before_anything_happens() {
    let bench = Bench::new().unwrap();
    let (began, ended) = (json!({"began": {"gives": ["logs"]}}), json!({"ended": {"why": "it has been stopped"}}));
    let lines = format!("{}\n{}\n", json!({"at_ns": 0, "took": began}), json!({"at_ns": 9, "took": ended}));
    fs::write(bench.path("past.jsonl"), lines).unwrap();
    let source = json!({"type": "recording", "path": "past.jsonl"});
    let way = |probes| Way { source: source.clone(), probes, tell: Box::new(|_, _| {}) };
    let report = run(bench.runner(), &bench, &source, &way(counted()), false);
    let error = report.entries[0].error.clone().unwrap();
    assert!(error.contains("no source takes in metrics: declare one under `evidence`"), "{error}");
    assert!(report.entries[0].timeline.is_empty(), "{report:?}");
    // Of what it has nothing is known after its end: the trigger never fires, and says why.
    let report = run(bench.runner(), &bench, &source, &way(written()), false);
    let entry = &report.entries[0];
    let told = entry.error.clone().unwrap_or_else(|| format!("{:?}", entry.timeline));
    assert!(!told.contains("no source takes in"), "{told}");
    assert!(entry.timeline.iter().all(|point| point.event != "fired"), "{entry:?}");
}
