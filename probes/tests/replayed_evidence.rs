//! Evidence that was recorded in real time, over a real socket, and is replayed under virtual time: the same sequence of events.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use chaos_core::{
    Evidence, Fault, InjectContext, Injection, Plan, PluginError, Resource, RunContext, Sighting, Sources, Span, Task,
    Undo, Verdict, parse, register_fault,
};
use chaos_evidence as _;
use chaos_probes as _;
use chaos_runner::{Report, Runner, RunnerBuilder};
use chaos_test::{Bench, Misbehave, RemoveFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A fault that two other nodes notice after a while, and tell by OTLP where there is somebody to tell.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoticedHit {
    file: PathBuf,
}

impl Fault for NoticedHit {
    const SPAN: Span = Span::Sustained;

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        Ok(Plan::new("hit a node").touching(Resource::node(cx.run_id(), "n3")))
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let effect = undo.arm(RemoveFile { path: self.file.clone(), misbehave: Misbehave::No }).await?;
        fs::write(&self.file, "").unwrap();
        drop(effect);
        let environment = cx.services().get::<Sources>().node_environment("n1");
        if let Some(endpoint) = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT").cloned() {
            std::thread::spawn(move || {
                for (node, wait) in [("n3", 10), ("n1", 1365), ("n2", 2000)] {
                    std::thread::park_timeout(Duration::from_millis(wait));
                    tell(&endpoint, node);
                }
            });
        }
        Ok(Injection::in_force())
    }

    async fn witness(&self, _: &RunContext) -> Sighting {
        let seen = Evidence::new("the file");
        if self.file.exists() { Sighting::present(seen) } else { Sighting::absent(seen) }
    }
}

register_fault!(NoticedHit, "test_noticed_hit");

fn tell(endpoint: &str, node: &str) {
    let now = UNIX_EPOCH.elapsed().unwrap().as_nanos().to_string();
    let name = json!({"key": "service.name", "value": {"stringValue": node}});
    let span = json!({
        "traceId": "07".repeat(16), "spanId": "09".repeat(8), "name": "disconnected",
        "startTimeUnixNano": now, "endTimeUnixNano": now,
    });
    let body = json!({"resourceSpans": [{"resource": {"attributes": [name]}, "scopeSpans": [{"spans": [span]}]}]});
    let body = body.to_string();
    let mut stream = TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).unwrap();
    let length = body.len();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn run(runner: RunnerBuilder, bench: &Bench, source: &Value) -> Report {
    let entry = json!({
        "name": "hit n3",
        "trigger": {"type": "test_never", "after_seconds": 0.3},
        "action": {"type": "test_noticed_hit", "file": bench.path("hit")},
        "duration_seconds": 8,
        "detect": {"type": "otlp_span", "span": "disconnected", "count": {"at_least": 2}, "within_seconds": 7.9},
    });
    let mut task = Task::of(parse(&entry).unwrap());
    task.evidence.insert("app".to_owned(), parse(source).unwrap());
    runner.build().unwrap().run(task).unwrap()
}

/// What happened, in order, without times: of answers that repeat, the first.
fn events(report: &Report) -> Vec<String> {
    let mut events: Vec<String> = Vec::new();
    for point in &report.entries[0].timeline {
        let detail: String = match point.event.as_str() {
            // The answer, and how many spans fit.
            "probed" => point.detail.split([',', ';']).next().unwrap().to_owned(),
            _ => String::new(),
        };
        let event = format!("{} {detail}", point.event);
        if events.last() != Some(&event) {
            events.push(event);
        }
    }
    // The hold and the first question begin at the same time, on threads of their own: either may be told first.
    let (active, holding) = (place(&events, "active "), place(&events, "holding "));
    let hold = events.remove(holding);
    events.insert(active + 1, hold);
    events.dedup();
    events
}

fn place(events: &[String], event: &str) -> usize {
    events.iter().position(|one| one == event).unwrap()
}

#[test]
fn recorded_evidence_gives_the_same_events_under_virtual_time() {
    let bench = Bench::new().unwrap();
    let real = Runner::builder().state_dir(bench.state()).workspace(bench.folder()).seed(1);
    let lived = run(real, &bench, &json!({"type": "otlp", "record": "past.jsonl"}));
    assert_eq!(lived.verdict, Verdict::Held, "{lived:?}");
    let replayed = run(bench.runner(), &bench, &json!({"type": "recording", "path": "past.jsonl"}));
    assert_eq!(replayed.verdict, Verdict::Held, "{replayed:?}");
    let (lived_events, replayed_events) = (events(&lived), events(&replayed));
    assert_eq!(lived_events, replayed_events);
    for count in ["no: 0 spans fit", "no: 1 span fit", "yes: 2 spans fit"] {
        assert!(lived_events.iter().any(|event| event.contains(count)), "{count}: {lived_events:#?}");
    }
    let again = run(bench.runner(), &bench, &json!({"type": "recording", "path": "past.jsonl"}));
    assert_eq!(again.entries[0].timeline, replayed.entries[0].timeline, "virtual time repeats to the nanosecond");
}
