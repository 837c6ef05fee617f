//! Spans, metrics and logs as the official SDKs send them, told where to by the environment that a node gets.
#![cfg(feature = "otlp")]
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use chaos_core::{RunScope, RunningSource, Source, SourceContext, parse};
use chaos_evidence::{
    Ask, AttributeValue, LogQuery, LogStore, MetricQuery, MetricStore, Moment, Otlp, SpanQuery, SpanStatus, SpanStore,
    Window,
};
use chaos_test::run_context;
use serde_json::json;

struct Up {
    scope: RunScope,
    running: Arc<dyn RunningSource>,
}

impl Up {
    async fn new() -> Self {
        let scope = run_context().scope();
        let source: Otlp = parse(&json!({})).unwrap();
        let running = Source::start(&source, &SourceContext::new("app", scope.cx().clone())).await.unwrap();
        Self { scope, running }
    }

    fn window(&self) -> Window {
        Window { from: Moment(i64::MIN), to: Moment::now(self.scope.cx().clock()) }
    }

    fn spans(&self) -> Arc<SpanStore> {
        self.scope.cx().services().get()
    }

    /// Runs a program as the node `n2` would be, on a thread of its own.
    async fn run(&self, program: PathBuf, arguments: Vec<String>) {
        let environment = self.running.node_environment("n2");
        let ended = tokio::task::spawn_blocking(move || {
            let mut command = Command::new("timeout");
            command.arg("120").arg(program).args(arguments).envs(environment).stdin(Stdio::null());
            command.output().unwrap()
        });
        let output = ended.await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The first program of that name on the path of which `works` holds.
fn find(name: &str, works: impl Fn(&OsStr) -> bool) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    // Where `cargo xtask` installs them, for tests that are run without it.
    let own = ["py/bin", "go/bin"].map(|own| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target").join(own));
    let all = std::env::split_paths(&folders).chain(own).map(|folder| folder.join(name));
    all.filter(|path| path.is_file()).find(|path| works(path.as_os_str()))
}

fn python() -> Option<PathBuf> {
    let imports =
        "import opentelemetry.exporter.otlp.proto.grpc, opentelemetry.exporter.otlp.proto.http, opentelemetry.sdk";
    find("python3", |python| {
        let tried = Command::new(python).args(["-c", imports]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_python_sdk_sends_is_kept() {
    let Some(python) = python() else {
        println!("skipped: needs the Python packages opentelemetry-sdk and opentelemetry-exporter-otlp");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdks/spans.py");
    for protocol in ["http", "grpc"] {
        let up = Up::new().await;
        up.run(python.clone(), vec![script.to_owned(), protocol.to_owned()]).await;
        let (name, text) = (|name: &str| name == "outer", |text: &'static str| AttributeValue::Text(text.into()));
        let attributes = [
            ("peer".to_owned(), text("n3")),
            ("try".to_owned(), AttributeValue::Int(2)),
            ("ratio".to_owned(), AttributeValue::Double(0.5)),
            ("last".to_owned(), AttributeValue::Bool(true)),
            ("path".to_owned(), AttributeValue::Json("[\"a\",\"b\"]".into())),
            ("service.name".to_owned(), text("n2")),
            ("service.instance.id".to_owned(), text("n2")),
            ("telemetry.sdk.language".to_owned(), text("python")),
        ];
        let query = SpanQuery {
            name: Some(&name),
            attributes: &attributes,
            status: Some(SpanStatus::Error),
            ..SpanQuery::all(up.window())
        };
        let found = up.spans().find(query);
        assert_eq!((found.count, found.missing), (1, None), "{protocol}");
        let outer = found.first.unwrap();
        assert!(outer.start < outer.arrival && outer.parent.is_zero(), "{outer:?}");
        let inner = up.spans().find(SpanQuery { name: Some(&|name| name == "inner"), ..SpanQuery::all(up.window()) });
        let inner = inner.first.unwrap();
        assert_eq!((inner.parent, inner.trace_id), (outer.span_id, outer.trace_id), "{protocol}");
        metrics_and_logs(&up, protocol);
        let end = up.running.stop().await;
        assert_eq!((end.taken, end.dropped), (4, 0), "{protocol}: {end:?}");
    }
}

fn metrics_and_logs(up: &Up, protocol: &str) {
    let labels = BTreeMap::from([("code".to_owned(), "200".to_owned())]);
    let query = MetricQuery {
        name: "requests",
        labels: &labels,
        source: None,
        origin: Some("n2"),
        without: &[],
        ask: Ask::Value,
        window: up.window(),
    };
    let answer = up.scope.cx().services().get::<MetricStore>().ask(&query);
    assert_eq!(
        answer.series.iter().map(|series| series.bounds.low).collect::<Vec<_>>(),
        [3.0],
        "{protocol}: {answer:?}"
    );
    let query = LogQuery { source: None, origin: Some("n2"), without: &[], window: up.window() };
    let answer = up.scope.cx().services().get::<LogStore>().ask(&query, |line| line.severity == Some(17));
    assert_eq!((answer.certain, &*answer.first.unwrap().text), (1, "disk full"), "{protocol}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_go_sdk_sends_is_kept() {
    let Some(telemetrygen) = find("telemetrygen", |_| true) else {
        println!("skipped: needs telemetrygen (`cargo xtask install telemetrygen`), which is made of the Go SDK");
        return;
    };
    for http in [false, true] {
        let up = Up::new().await;
        let endpoint = up.running.describe().rsplit('/').next().unwrap().to_owned();
        let mut arguments: Vec<String> =
            ["traces", "--otlp-insecure", "--traces", "3", "--otlp-endpoint", &endpoint].map(str::to_owned).into();
        arguments.extend(http.then(|| "--otlp-http".to_owned()));
        up.run(telemetrygen.clone(), arguments).await;
        // Each trace has a span on either side.
        let found = up.spans().find(SpanQuery::all(up.window()));
        assert_eq!((found.count, found.missing), (6, None), "http: {http}");
    }
}
