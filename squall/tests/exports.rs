//! What a run tells others: its trace to a file, a receiver and a real Collector, its metrics to a real Prometheus.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "a test waits for other programs outside of every run and its clock")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::Duration;

use chaos_core::{Answer, ProbeNode, parse};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{Span, TracesData};
use prost::Message;
use serde_json::{Value, json};
use squall as _;
use tempfile::TempDir;

#[path = "support/kept_port.rs"]
mod kept_port;
#[expect(dead_code, reason = "reports and journals are of no interest here")]
#[path = "support/shell.rs"]
mod shell;
#[path = "support/sleeper.rs"]
mod sleeper;

use kept_port::KeptPort;
use shell::{command, place, squall, write};
use sleeper::Sleeper;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A task of one pause with probes, between two looks at the steady state.
fn task(place: &TempDir, sleeper: &Sleeper) -> String {
    let probe = json!({"type": "command", "argv": ["true"]});
    let entry = json!({
        "name": "pause it",
        "trigger": {"type": "time", "delay_seconds": 1},
        "action": {"type": "pause_process", "pid": sleeper.pid()},
        "duration_seconds": 1.5,
        "during": [{"type": "command", "argv": ["true"], "interval_seconds": 0.1}],
    });
    write(place, "task.json", &json!({"name": "drill", "steady_state": [probe], "chaos_spec": [entry]}))
}

/// The events of a run that wrote them to `events`.
fn events(place: &TempDir) -> Vec<Value> {
    let text = fs::read_to_string(place.path().join("events")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn spans(data: &TracesData) -> Vec<Span> {
    data.resource_spans.iter().flat_map(|one| &one.scope_spans).flat_map(|one| one.spans.clone()).collect()
}

/// The one span of a name.
fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
    let [span] = found.as_slice() else { panic!("{} of `{name}` in {spans:?}", found.len()) };
    span
}

#[test]
fn the_trace_of_a_run_reads_as_its_time_line() {
    let (place, sleeper) = (place(), Sleeper::start());
    let file = task(&place, &sleeper);
    let run = squall(&place, &["run", &file, "--otlp", "trace.jsonl", "--events", "events", "--allow-command", "true"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let line = fs::read_to_string(place.path().join("trace.jsonl")).unwrap();
    assert_eq!(line.lines().count(), 1);
    let data: TracesData = serde_json::from_str(&line).unwrap();
    let spans = spans(&data);
    let events = events(&place);
    let at = |name: &str| {
        let found =
            events.iter().find(|event| event["event"] == name).unwrap_or_else(|| panic!("no {name}: {events:?}"));
        found["at_seconds"].as_f64().unwrap()
    };
    let root = named(&spans, "run drill");
    let origin = root.start_time_unix_nano - nanos(at("run_started"));
    let times = |span: &Span| [span.start_time_unix_nano, span.end_time_unix_nano].map(|time| time - origin);
    let rows = [
        ("run drill", "", ["run_started", "run_ended"]),
        ("entry pause it", "run drill", ["waiting", "ended"]),
        ("wait for trigger", "entry pause it", ["waiting", "fired"]),
        ("inject", "entry pause it", ["injecting", "active"]),
    ];
    for (name, parent, bounds) in rows {
        let span = named(&spans, name);
        let parent = if parent.is_empty() { Vec::new() } else { named(&spans, parent).span_id.clone() };
        assert_eq!((times(span), &span.parent_span_id), (bounds.map(|name| nanos(at(name))), &parent), "{name}");
    }
    let (hold, undo) = (named(&spans, "hold"), named(&spans, "undo"));
    assert_eq!((times(hold)[0], times(undo)[0]), (nanos(at("active")), nanos(at("undoing"))));
    assert!(times(hold)[1] - times(hold)[0] >= 1_500_000_000 && hold.end_time_unix_nano <= undo.start_time_unix_nano);
    let step = spans.iter().find(|span| span.parent_span_id == undo.span_id).unwrap();
    assert_eq!(times(step)[1], nanos(at("undid")));
    let probes = |parent: &Span| {
        spans.iter().filter(|span| span.name.starts_with("probe ") && span.parent_span_id == parent.span_id).count()
    };
    let asked = |role: &str| events.iter().filter(|event| event["event"] == "probed" && event["role"] == role).count();
    assert!(asked("during") >= 1);
    assert_eq!(probes(root), asked("steady_state_before") + asked("steady_state_after"));
    assert_eq!(probes(named(&spans, "entry pause it")), asked("during"));
    for span in &spans {
        assert!(
            span.start_time_unix_nano >= root.start_time_unix_nano
                && span.end_time_unix_nano <= root.end_time_unix_nano
        );
        assert_eq!(span.trace_id, root.trace_id);
    }
    assert_eq!(root.status.as_ref().map(|status| status.code), Some(1), "held is OK: {root:?}");
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time of a short run")]
fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

#[test]
fn several_runs_are_several_lines_and_secrets_are_masked() {
    let (place, sleeper) = (place(), Sleeper::start());
    let entry = json!({
        "name": "{{KEY}}", "trigger": {"type": "immediate"}, "duration_seconds": 0.1,
        "action": {"type": "pause_process", "pid": sleeper.pid()},
    });
    let file = write(&place, "task.json", &json!({"chaos_spec": [entry]}));
    let run = command(&place, &["run", &file, "--repeat", "2", "--otlp", "trace.jsonl", "--var-env", "KEY=OURS"])
        .env("OURS", "s3cret-value")
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let lines = fs::read_to_string(place.path().join("trace.jsonl")).unwrap();
    assert!(lines.lines().count() == 2 && !lines.contains("s3cret-value") && lines.contains("entry ***"), "{lines}");
    let ids: Vec<Vec<u8>> =
        lines.lines().map(|line| spans(&serde_json::from_str(line).unwrap())[0].trace_id.clone()).collect();
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_receiver_gets_the_official_message_and_one_that_is_gone_changes_no_verdict() {
    let (place, sleeper) = (place(), Sleeper::start());
    let file = task(&place, &sleeper);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let receiver = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut head, mut line) = (String::new(), String::new());
        while reader.read_line(&mut line).unwrap() > 2 {
            head.push_str(&std::mem::take(&mut line).to_ascii_lowercase());
        }
        let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        (head, body)
    });
    let run = squall(&place, &["run", &file, "--otlp", &url, "--allow-command", "true"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let (head, body) = receiver.join().unwrap();
    assert!(head.starts_with("post /v1/traces ") && head.contains("content-type: application/x-protobuf"), "{head}");
    let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
    let spans = spans(&TracesData { resource_spans: request.resource_spans });
    assert_eq!(named(&spans, "hold").parent_span_id, named(&spans, "entry pause it").span_id);
    let gone = KeptPort::new();
    let url = format!("http://127.0.0.1:{}", gone.number());
    let run = squall(&place, &["run", &file, "--otlp", &url, "--allow-command", "true"]);
    let told = text(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{told}");
    assert!(told.contains("was not sent: ") && told.contains("refused"), "{told}");
    let run = squall(&place, &["run", &file, "--otlp", "ftp://h", "--allow-command", "true"]);
    assert_eq!(run.status.code(), Some(64), "{}", text(&run.stderr));
}

/// A run that holds its fault until it is told to end.
struct Held {
    run: Child,
    err: BufReader<ChildStderr>,
    /// The address of its metrics, without a scheme and a path.
    address: String,
}

impl Held {
    fn start(place: &TempDir, sleeper: &Sleeper) -> Self {
        let entry = json!({
            "name": "pause it", "trigger": {"type": "immediate"},
            "action": {"type": "pause_process", "pid": sleeper.pid()},
        });
        let file = write(place, "held.json", &json!({"chaos_spec": [entry]}));
        let words = ["run", &file, "--metrics", "127.0.0.1:0", "--until-stdin-closes", "--events", "events"];
        let mut run =
            command(place, &words).stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut err = BufReader::new(run.stderr.take().unwrap());
        let mut line = String::new();
        err.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("metrics: http://").unwrap_or_else(|| panic!("{line}"));
        let address = address.strip_suffix("/metrics").unwrap().to_owned();
        Self { run, err, address }
    }

    fn scrape(&self, accept: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: h\r\nAccept: {accept}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Waits until a page has this line.
    fn until(&self, line: &str) -> String {
        until(line, || Some(self.scrape("text/plain")).filter(|page| page.lines().any(|one| one == line)))
    }

    fn end(mut self) -> (i32, String) {
        drop(self.run.stdin.take());
        let mut told = String::new();
        self.err.read_to_string(&mut told).unwrap();
        (self.run.wait().unwrap().code().unwrap(), told)
    }
}

const IN_FORCE: &str = "squall_faults_in_force{entry=\"pause it\",fault=\"pause_process\"} 1";

#[test]
fn metrics_follow_a_run_while_it_goes_on() {
    let (place, sleeper) = (place(), Sleeper::start());
    let held = Held::start(&place, &sleeper);
    let page = held.until(IN_FORCE);
    assert!(sleeper.is_stopped(), "the world says so too");
    for line in [
        "squall_runs_started_total 1",
        "squall_entries{state=\"active\"} 1",
        "squall_injections_total{fault=\"pause_process\"} 1",
    ] {
        assert!(page.lines().any(|one| one == line), "{line}: {page}");
    }
    assert!(held.scrape("application/openmetrics-text; version=1.0.0").ends_with("# EOF\n"));
    if let Ok(mut check) =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()
    {
        check.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
        let checked = check.wait_with_output().unwrap();
        assert!(checked.status.success(), "{}", text(&checked.stderr));
    } else {
        println!("skipped: needs promtool");
    }
    let note = format!("metrics: http://{}/metrics", held.address);
    let (code, told) = held.end();
    assert_eq!(code, 0, "{told}");
    assert!(events(&place).iter().any(|event| event["event"] == "note" && event["text"] == note.as_str()));
}

#[test]
fn metrics_are_for_this_machine_only() {
    let (place, sleeper) = (place(), Sleeper::start());
    let file = task(&place, &sleeper);
    let run = squall(&place, &["run", &file, "--metrics", "0.0.0.0:0"]);
    let told = text(&run.stderr);
    assert!(run.status.code() == Some(64) && told.contains("not a loopback address"), "{told}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let run = squall(&place, &["run", &file, "--metrics", &taken.local_addr().unwrap().to_string()]);
    assert!(run.status.code() == Some(64) && text(&run.stderr).contains("in use"), "{}", text(&run.stderr));
    assert!(!sleeper.is_stopped());
}

/// A program of the test's own that is ended with it.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The body of an answer of a local service; `None` where there is none yet.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: h\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

#[test]
fn a_real_prometheus_reads_the_metrics() {
    let (place, sleeper) = (place(), Sleeper::start());
    let held = Held::start(&place, &sleeper);
    let config = format!(
        "scrape_configs:\n- job_name: squall\n  scrape_interval: 1s\n  scrape_timeout: 900ms\n  static_configs:\n  - targets: [\"{}\"]\n",
        held.address
    );
    fs::write(place.path().join("prometheus.yml"), config).unwrap();
    let kept = KeptPort::new();
    let port = kept.number();
    let prometheus = Command::new("prometheus")
        .args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=tsdb",
            &format!("--web.listen-address=127.0.0.1:{port}"),
        ])
        .current_dir(&place)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(prometheus) = prometheus.map(Ended) else {
        held.end();
        println!("skipped: needs prometheus");
        return;
    };
    held.until(IN_FORCE);
    let value = |query: &str| -> Option<Value> {
        let answer: Value = serde_json::from_str(&get(port, &format!("/api/v1/query?query={query}"))?).ok()?;
        answer["data"]["result"].as_array()?.first().cloned()
    };
    let sample = until("Prometheus has no sample", || value("squall_faults_in_force"));
    let labels: BTreeMap<String, String> = serde_json::from_value(sample["metric"].clone()).unwrap();
    assert_eq!((labels["entry"].as_str(), labels["fault"].as_str()), ("pause it", "pause_process"));
    assert_eq!(sample["value"][1], "1");
    assert_eq!(value("squall_runs_started_total").unwrap()["value"][1], "1");
    let rows = [
        ("squall_faults_in_force", json!({"equals": 1}), Answer::Yes, "1"),
        ("sum(squall_faults_in_force)", json!({"above": 1}), Answer::No, "1"),
        ("scalar(squall_faults_in_force)", json!({"below": 2}), Answer::Yes, "1"),
        ("no_such_metric", json!({"above": 0}), Answer::Unknown, "no data"),
        ("0 / 0", json!({"above": 0}), Answer::Unknown, "NaN"),
        ("sum(", json!({"above": 0}), Answer::Unknown, "refused the query"),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cx = chaos_test::run_context().build();
    for (query, limit, want, part) in rows {
        let mut probe = json!({"type": "promql", "url": format!("http://127.0.0.1:{port}"), "query": query});
        probe.as_object_mut().unwrap().extend(limit.as_object().unwrap().clone());
        let seen = runtime.block_on(parse::<ProbeNode>(&probe).unwrap().observe(&cx));
        assert!(seen.answer == want && seen.detail.contains(part), "{query}: {seen:?}");
    }
    drop(prometheus);
    assert_eq!(held.end().0, 0);
}

/// Waits for another program, and not for ever.
fn until<T>(why: &str, mut what: impl FnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(done) = what() {
            return done;
        }
        assert!(began.elapsed() < Duration::from_mins(2), "{why}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The official Collector, where one was built.
fn collector() -> Option<PathBuf> {
    let places = std::env::var_os("PATH")?;
    let installed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/go/bin");
    std::env::split_paths(&places).chain([installed]).map(|folder| folder.join("otelcol")).find(|path| path.is_file())
}

#[test]
fn a_trace_passes_through_the_official_collector_to_a_file() {
    let Some(collector) = collector() else {
        println!("skipped: needs otelcol (`cargo xtask install otelcol`)");
        return;
    };
    let (place, sleeper) = (place(), Sleeper::start());
    let file = task(&place, &sleeper);
    let kept = KeptPort::new();
    let (port, out) = (kept.number(), place.path().join("collected.jsonl"));
    let config = format!(
        "receivers:\n  otlp:\n    protocols:\n      http:\n        endpoint: 127.0.0.1:{port}\n\
         exporters:\n  file:\n    path: {}\n    flush_interval: 100ms\n\
         service:\n  telemetry:\n    metrics:\n      level: none\n  pipelines:\n    traces:\n      receivers: [otlp]\n      exporters: [file]\n",
        out.display()
    );
    fs::write(place.path().join("collector.yml"), config).unwrap();
    let collector =
        Command::new(collector).args(["--config", "collector.yml"]).current_dir(&place).stderr(Stdio::null()).spawn();
    let _collector = Ended(collector.unwrap());
    until("the Collector does not listen", || TcpStream::connect(("127.0.0.1", port)).ok());
    let url = format!("http://127.0.0.1:{port}");
    let run = squall(&place, &["run", &file, "--otlp", &url, "--allow-command", "true"]);
    assert!(run.status.code() == Some(0) && !text(&run.stderr).contains("not sent"), "{}", text(&run.stderr));
    let line = until("the Collector has written nothing", || {
        let written = fs::read_to_string(&out).unwrap_or_default();
        written.split_once('\n').map(|(line, _)| line.to_owned())
    });
    let spans = spans(&serde_json::from_str(&line).unwrap());
    let (root, entry) = (named(&spans, "run drill"), named(&spans, "entry pause it"));
    assert_eq!((&entry.parent_span_id, &named(&spans, "hold").parent_span_id), (&root.span_id, &entry.span_id));
    assert!(
        entry.start_time_unix_nano >= root.start_time_unix_nano && entry.end_time_unix_nano <= root.end_time_unix_nano
    );
}
