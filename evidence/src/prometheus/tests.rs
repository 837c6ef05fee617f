use std::time::Duration;

use chaos_core::{Source, SourceContext, Stage, parse as parse_source};
use chaos_test::run_context;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::metric_store::{Ask, MetricQuery, MetricStore};
use crate::{Bounds, Window};

/// A target that answers what it is told to, one text for each request, and says that it was asked.
struct FakeTarget {
    url: String,
    answers: mpsc::UnboundedSender<String>,
    asked: mpsc::UnboundedReceiver<()>,
}

async fn fake_target() -> FakeTarget {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    let (answers, mut next) = mpsc::unbounded_channel::<String>();
    let (tell, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.unwrap();
            assert!(String::from_utf8_lossy(&buffer[..read]).contains("accept: application/openmetrics-text"));
            tell.send(()).ok();
            let Some(answer) = next.recv().await else { return };
            // Broken off where the asker has gone meanwhile.
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    FakeTarget { url, answers, asked }
}

fn answer(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn increase(cx: &RunContext, from: Moment) -> Option<Bounds> {
    let labels = BTreeMap::new();
    let window = Window { from, to: Moment::now(cx.clock()) };
    let query = MetricQuery {
        name: "c_total",
        labels: &labels,
        source: None,
        origin: None,
        without: &[],
        ask: Ask::Increase,
        window,
    };
    cx.services().get::<MetricStore>().ask(&query).series.first().map(|series| series.bounds)
}

async fn started(url: &str, more: serde_json::Value, cx: &RunContext) -> Arc<dyn RunningSource> {
    let mut source = json!({"type": "prometheus", "targets": {"n1": url}});
    source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let source: chaos_core::DeclaredSource = parse_source(&source).unwrap();
    source.start(&SourceContext::new("app", cx.clone())).await.unwrap()
}

#[tokio::test]
async fn a_target_is_scraped_at_the_edge_of_a_fault_and_a_scrape_across_it_begins_anew() {
    let mut target = fake_target().await;
    let scope = run_context().scope();
    let entry = scope.entry("chaos_spec/0", "kill");
    target.answers.send(answer("# TYPE c_total counter\nc_total 5\nother 1\n")).unwrap();
    let running =
        started(&target.url, json!({"interval_seconds": 3600, "timeout_seconds": 60, "metrics": ["c_*"]}), scope.cx())
            .await;
    target.asked.recv().await.unwrap();
    // The loop's own first scrape is under way when the fault comes, so what it would say is of no side.
    target.asked.recv().await.unwrap();
    entry.edge(Stage::InForce);
    let from = Moment::now(scope.cx().clock());
    target.answers.send(answer("# TYPE c_total counter\nc_total 6\n")).unwrap();
    target.asked.recv().await.unwrap();
    target.answers.send(answer("# TYPE c_total counter\nc_total 7\n")).unwrap();
    while increase(scope.cx(), from) != Some(Bounds { low: 0.0, high: 2.0 }) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    entry.edge(Stage::Leaving);
    target.asked.recv().await.unwrap();
    target.answers.send(answer("# TYPE c_total counter\nc_total 9\n")).unwrap();
    while increase(scope.cx(), from) != Some(Bounds { low: 2.0, high: 4.0 }) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let end = running.stop().await;
    assert_eq!((end.taken, end.dropped, running.describe().as_str()), (3, 0, "scrape n1 every 3600 s"));
}

#[tokio::test]
async fn a_target_that_is_not_up_yet_is_no_loss_and_one_that_goes_is_a_gap() {
    let mut target = fake_target().await;
    let folder = tempfile::tempdir().unwrap();
    let scope = run_context().workspace(folder.path()).scope();
    target.answers.send("HTTP/1.1 503 no\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned()).unwrap();
    let more = json!({"interval_seconds": 0.001, "timeout_seconds": 60, "max_samples": 7, "record": "past.jsonl"});
    let running = started(&target.url, more, scope.cx()).await;
    let ask = || {
        let labels = BTreeMap::new();
        let window = Window { from: Moment(i64::MIN), to: Moment::now(scope.cx().clock()) };
        let query = MetricQuery {
            name: "up",
            labels: &labels,
            source: None,
            origin: None,
            without: &[],
            ask: Ask::Value,
            window,
        };
        scope.cx().services().get::<MetricStore>().ask(&query)
    };
    assert_eq!(ask().holes, ["`n1` has not answered yet: it answered 503"]);
    target.answers.send(answer("up 1\nbroken {\n")).unwrap();
    target.answers.send("HTTP/1.1 500 no\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned()).unwrap();
    while !ask().series.iter().any(|series| series.why == Some("the target does not answer")) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        while target.asked.try_recv().is_ok() {}
    }
    let end = running.stop().await;
    assert_eq!((end.taken, end.dropped), (1, 1));
    assert!(end.detail.starts_with("line 2 of `n1` could not be read"), "{}", end.detail);
    let recorded = crate::recording::kinds_of(&folder.path().join("past.jsonl"));
    assert_eq!(recorded, ["began", "target", "no_answer", "lost_samples", "samples", "no_answer", "ended"]);
    let text = std::fs::read_to_string(folder.path().join("past.jsonl")).unwrap();
    assert!(text.contains(r#"{"began":{"gives":["metrics"],"kept":{"samples":7}}}"#), "{text}");
}

#[tokio::test]
async fn a_host_that_the_policy_does_not_allow_is_in_the_plan() {
    let source: Prometheus = serde_json::from_value(json!({"targets": {"a": "http://example.org/metrics"}})).unwrap();
    let cx = SourceContext::new("app", run_context().build());
    let plan = Source::plan(&source, &cx).await.unwrap();
    assert_eq!(plan.reach.hosts.len(), 1);
    assert!(Source::start(&source, &cx).await.is_err());
    let none: Prometheus = serde_json::from_value(json!({"targets": {}})).unwrap();
    assert!(Source::plan(&none, &cx).await.unwrap_err().to_string().contains("`targets` is empty"));
}

/// A program that ends with the test.
struct Program(std::process::Child);

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
async fn a_real_node_exporter_is_read_without_a_loss() {
    let program = "/usr/bin/prometheus-node-exporter";
    if !std::path::Path::new(program).exists() {
        eprintln!("skipped: needs prometheus-node-exporter");
        return;
    }
    // None that the kernel gives to others meanwhile.
    let port = chaos_host::free_ports(1).unwrap()[0].get();
    let address = format!("127.0.0.1:{port}");
    let cx = run_context().build();
    // It is not up yet when the source starts.
    let more = json!({"interval_seconds": 0.05, "timeout_seconds": 20});
    let running = started(&format!("http://{address}/metrics"), more, &cx).await;
    let quiet = std::process::Stdio::null;
    let mut command = std::process::Command::new(program);
    let _exporter = Program(
        command.arg(format!("--web.listen-address={address}")).stdout(quiet()).stderr(quiet()).spawn().unwrap(),
    );
    let ask = |name: &str, ask| {
        let labels = BTreeMap::new();
        let window = Window { from: Moment(i64::MIN), to: Moment::now(cx.clock()) };
        let query = MetricQuery { name, labels: &labels, source: None, origin: None, without: &[], ask, window };
        cx.services().get::<MetricStore>().ask(&query).series
    };
    let scrapes = |at_least: f64| {
        ask("promhttp_metric_handler_requests_total", Ask::Increase).iter().any(|series| series.bounds.low >= at_least)
    };
    // Each scrape counts the one before it.
    while !scrapes(2.0) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(ask("node_memory_MemTotal_bytes", Ask::Value)[0].bounds.low > 1e6);
    assert!(ask("node_load1", Ask::Value)[0].bounds.low >= 0.0);
    let end = running.stop().await;
    assert_eq!((end.dropped, end.detail.as_str()), (0, ""), "{end:?}");
    assert!(end.taken > 500, "{end:?}");
}
