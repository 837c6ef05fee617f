//! What becomes of an entry by the spans that come while its fault is in force: real entries under virtual time, fed by the
//! source `recording`.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    BoxFuture, Evidence, EvidenceKind, Fault, InjectContext, Injection, Plan, PluginError, Resource, RunContext,
    RunningSource, Sighting, Source, SourceContext, SourceEnd, Span, Task, Undo, Verdict, parse, register_fault,
    register_source,
};
use chaos_evidence::{
    AttributeValue, EvidenceRecord, Moment, SpanBounds, SpanId, SpanKind, SpanRecord, SpanStatus, SpanStore, Took,
    TraceId,
};
use chaos_probes as _;
use chaos_runner::Report;
use chaos_test::{Bench, Misbehave, RemoveFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A fault on a node of which only its file is known.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HitNode {
    node: String,
    file: PathBuf,
    /// It does nothing, and says that it did.
    #[serde(default)]
    sham: bool,
}

impl Fault for HitNode {
    const SPAN: Span = Span::Sustained;

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        Ok(Plan::new("hit a node").touching(Resource::node(cx.run_id(), &self.node)))
    }

    async fn inject(&self, _: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let effect = undo.arm(RemoveFile { path: self.file.clone(), misbehave: Misbehave::No }).await?;
        if !self.sham {
            fs::write(&self.file, "").unwrap();
        }
        drop(effect);
        Ok(Injection::in_force())
    }

    async fn witness(&self, _: &RunContext) -> Sighting {
        let seen = Evidence::new("the file");
        if self.file.exists() { Sighting::present(seen) } else { Sighting::absent(seen) }
    }
}

register_fault!(HitNode, "test_hit_node");

/// A source that breaks down at some time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BreaksDown {
    after_ms: u64,
}

impl Source for BreaksDown {
    const GIVES: &'static [EvidenceKind] = &[EvidenceKind::Spans];

    async fn plan(&self, _: &SourceContext) -> Result<Plan, PluginError> {
        Ok(Plan::new("break down"))
    }

    async fn start(&self, cx: &SourceContext) -> Result<Arc<dyn RunningSource>, PluginError> {
        let (store, clock) = (cx.cx().services().get::<SpanStore>(), cx.cx().shared_clock());
        let (name, after) = (Arc::clone(cx.name()), Duration::from_millis(self.after_ms));
        store.open(&name, SpanBounds::default());
        tokio::spawn(async move {
            clock.sleep(after).await;
            store.close(&name, "the listener failed");
        });
        Ok(Arc::new(Broken))
    }

    fn needs_real_time(&self) -> bool {
        false
    }
}

register_source!(BreaksDown, "test_breaks_down");

#[derive(Debug)]
struct Broken;

impl RunningSource for Broken {
    fn describe(&self) -> String {
        "nothing".to_owned()
    }

    fn stop(&self) -> BoxFuture<'_, SourceEnd> {
        Box::pin(std::future::ready(SourceEnd::default()))
    }
}

/// A span of a node: when it arrives and when it began, in milliseconds of the run.
fn span(arrives: i64, began: i64, node: &'static str, name: &'static str) -> EvidenceRecord<'static> {
    let moment = |ms: i64| Moment(ms * 1_000_000);
    let span = SpanRecord {
        trace_id: TraceId([7; 16]),
        span_id: SpanId([9; 8]),
        parent: SpanId::default(),
        name: name.into(),
        kind: SpanKind::Internal,
        status: SpanStatus::Unset,
        start: moment(began),
        duration: Duration::ZERO,
        links: 0,
        attributes: Vec::new(),
    };
    let resource = vec![
        ("service.name".into(), AttributeValue::Text("mesh".into())),
        ("service.instance.id".into(), AttributeValue::Text(node.into())),
    ];
    EvidenceRecord { at_ns: moment(arrives), took: Took::Spans { resource, spans: vec![span] } }
}

/// A run whose fault on `n3` comes after two seconds and stays for ten; it is to be noticed within five.
fn run(evidence: &Value, detect: &Value, sham: bool) -> Report {
    let bench = Bench::new().unwrap();
    run_in(&bench, evidence, detect, sham)
}

fn run_in(bench: &Bench, evidence: &Value, detect: &Value, sham: bool) -> Report {
    let mut probe = json!({"type": "otlp_span", "span": "disconnected", "within_seconds": 5});
    probe.as_object_mut().unwrap().extend(detect.as_object().unwrap().clone());
    let entry = json!({
        "name": "hit n3",
        "trigger": {"type": "test_never", "after_seconds": 2},
        "action": {"type": "test_hit_node", "node": "n3", "file": bench.path("hit"), "sham": sham},
        "duration_seconds": 10,
        "detect": probe,
    });
    let mut task = Task::of(parse(&entry).unwrap());
    task.evidence.insert("past".to_owned(), parse(evidence).unwrap());
    bench.runner().build().unwrap().run(task).unwrap()
}

fn replay(records: &[EvidenceRecord<'_>], detect: &Value) -> Report {
    let bench = Bench::new().unwrap();
    recording(&bench, records);
    run_in(&bench, &json!({"type": "recording", "path": "past.jsonl"}), detect, false)
}

fn recording(bench: &Bench, records: &[EvidenceRecord<'_>]) {
    let lines = records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n");
    fs::write(bench.path("past.jsonl"), lines.collect::<String>()).unwrap();
}

/// What the report says of `detect`.
fn told(report: &Report) -> String {
    let [seen] = report.entries[0].probes.as_slice() else { panic!("{report:?}") };
    seen.detail.clone()
}

/// What it is about, what comes in, further keys of the probe, the verdict, and part of what is told.
type Row<'a> = (&'a str, Vec<EvidenceRecord<'a>>, Value, Verdict, &'a str);

#[test]
fn each_kind_of_evidence_has_its_outcome() {
    let (n1, n2, n3) = ("n1", "n2", "n3");
    let name = "disconnected";
    let rows: Vec<Row<'_>> = vec![
        ("in time", vec![span(2_500, 2_400, n1, name)], json!({}), Verdict::Held, "noticed after 0.5 s: 1 span fit"),
        (
            "before the fault",
            vec![span(1_000, 900, n1, name)],
            json!({}),
            Verdict::Deviated,
            "not noticed within 5 s: 0 spans fit",
        ),
        (
            "began before, arrives after",
            vec![span(2_500, 1_900, n1, name)],
            json!({}),
            Verdict::Deviated,
            "0 spans fit",
        ),
        ("delayed by 3 s", vec![span(5_400, 2_400, n1, name)], json!({}), Verdict::Held, "noticed after 3.5 s"),
        (
            "after the deadline",
            vec![span(7_200, 2_400, n1, name)],
            json!({}),
            Verdict::Deviated,
            "not noticed within 5 s",
        ),
        ("missing", vec![], json!({}), Verdict::Deviated, "not noticed within 5 s: 0 spans fit; at least 1 expected"),
        (
            "partial",
            vec![span(2_500, 2_400, n1, name), span(2_600, 2_400, n2, name)],
            json!({"count": {"at_least": 3}}),
            Verdict::Deviated,
            "at least 3 expected",
        ),
        (
            "contradicting",
            vec![span(2_010, 2_005, n1, name), span(2_020, 2_005, n2, name)],
            json!({"count": {"at_least": 1, "at_most": 1}}),
            Verdict::Deviated,
            "contradicted: at most 1 expected",
        ),
        (
            "a survivor's span suppressed",
            vec![span(2_500, 2_400, n3, name)],
            json!({}),
            Verdict::Deviated,
            "not noticed within 5 s: 0 spans fit; at least 1 expected; 1 more of the injected node do not count",
        ),
        (
            "lifted",
            vec![span(2_500, 2_400, n3, name)],
            json!({"from_injected": true}),
            Verdict::Held,
            "noticed after 0.5 s",
        ),
        (
            "unreadable",
            vec![EvidenceRecord {
                at_ns: Moment(3_000_000_000),
                took: Took::Unreadable { kind: EvidenceKind::Spans, count: 1 },
            }],
            json!({}),
            Verdict::Inconclusive,
            "the source `past` has lost spans of that time",
        ),
    ];
    for (what, records, detect, verdict, detail) in rows {
        let report = replay(&records, &detect);
        assert_eq!(report.verdict, verdict, "{what}: {report:?}");
        assert!(told(&report).contains(detail), "{what}: {}", told(&report));
    }
}

#[test]
fn a_store_that_is_down_is_unknown_and_never_a_pass() {
    for detect in [json!({}), json!({"count": {"at_most": 0}})] {
        let report = run(&json!({"type": "test_breaks_down", "after_ms": 2_000}), &detect, false);
        assert_eq!(report.verdict, Verdict::Inconclusive, "{report:?}");
        assert!(told(&report).ends_with("the source `past` is down: the listener failed"), "{}", told(&report));
    }
}

#[test]
fn thousands_of_spans_are_counted_to_the_last() {
    let many: Vec<_> = (0..5_000).map(|number| span(2_500 + number / 1_000, 2_400, "n1", "disconnected")).collect();
    let report = replay(&many, &json!({"count": {"at_least": 5_000}}));
    assert_eq!(report.verdict, Verdict::Held, "{report:?}");
    assert!(told(&report).contains("5000 spans fit"), "{}", told(&report));
    let report = replay(&many, &json!({"count": {"at_least": 5_001}}));
    assert_eq!(report.verdict, Verdict::Deviated);
}

#[test]
fn spans_do_not_make_up_for_a_fault_that_is_none() {
    let bench = Bench::new().unwrap();
    recording(&bench, &[span(2_500, 2_400, "n1", "disconnected")]);
    let report = run_in(&bench, &json!({"type": "recording", "path": "past.jsonl"}), &json!({}), true);
    assert_ne!(report.verdict, Verdict::Held, "{report:?}");
    assert_ne!(report.verdict, Verdict::Deviated, "{report:?}");
}

#[test]
fn a_probe_without_a_source_of_spans_is_refused_before_anything_happens() {
    let bench = Bench::new().unwrap();
    let entry = json!({
        "trigger": {"type": "test_now"},
        "action": {"type": "test_hit_node", "node": "n3", "file": bench.path("hit")},
        "duration_seconds": 1,
        "detect": {"type": "otlp_span"},
    });
    let report = bench.runner().build().unwrap().run(Task::of(parse(&entry).unwrap())).unwrap();
    let error = report.entries[0].error.clone().unwrap();
    assert!(error.contains("no source takes in spans: declare one under `evidence`"), "{error}");
}
