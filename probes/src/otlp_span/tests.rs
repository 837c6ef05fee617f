use std::time::Duration;

use chaos_core::{EntryScope, Plan, ProbeNode, Resource, RunScope, Stage, parse};
use chaos_evidence::{AttributeValue, Moment, SpanBounds, SpanId, SpanKind, SpanRecord, TraceId};
use chaos_test::run_context;

use super::*;

/// A run in which spans come when the test says so.
struct Run {
    scope: RunScope,
    entry: EntryScope,
}

impl Run {
    fn new() -> Self {
        let scope = run_context().virtual_time().scope();
        let entry = scope.entry("chaos_spec/0", "kill n3");
        let plan = Plan::new("kill n3").touching(Resource::node("test", "n3"));
        entry.planned(&plan);
        scope.cx().services().get::<SpanStore>().open("app", SpanBounds::default());
        Self { scope, entry }
    }

    fn store(&self) -> std::sync::Arc<SpanStore> {
        self.scope.cx().services().get()
    }

    /// A span of a node that arrives now, and began so long ago.
    fn span(&self, node: &'static str, name: &'static str, age_ms: u64) {
        let now = Moment::now(self.scope.cx().clock());
        let span = SpanRecord {
            trace_id: TraceId([7; 16]),
            span_id: SpanId([9; 8]),
            parent: SpanId::default(),
            name: name.into(),
            kind: SpanKind::Internal,
            status: SpanStatus::Error,
            start: now.before(Duration::from_millis(age_ms)),
            duration: Duration::from_millis(20),
            links: 0,
            attributes: vec![
                ("peer".into(), AttributeValue::Text("n3".into())),
                ("try".into(), AttributeValue::Int(2)),
            ],
        };
        let resource = vec![("service.name".into(), AttributeValue::Text(node.into()))];
        assert_eq!(self.store().add("app", now, &resource, [span]), 0);
    }

    async fn wait(&self, ms: u64) {
        self.scope.cx().clock().sleep(Duration::from_millis(ms)).await;
    }

    async fn ask(&self, keys: Value) -> Observation {
        self.ask_in(self.entry.cx(), keys).await
    }

    async fn ask_in(&self, cx: &RunContext, keys: Value) -> Observation {
        let probe: OtlpSpan = parse(&keys).unwrap();
        Probe::observe(&probe, cx).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_span_counts_from_the_fault_on_and_of_others_than_its_victim() {
    let run = Run::new();
    run.wait(1_000).await;
    run.span("n1", "disconnected", 0);
    let name = json!({"span": "disconnected"});
    assert_eq!(run.ask(name.clone()).await.answer, Answer::Yes, "before the fault everything counts");
    run.wait(1_000).await;
    run.entry.edge(Stage::InForce);
    run.wait(500).await;
    // It began before the fault, and arrives after it.
    run.span("n1", "disconnected", 600);
    // It is the victim.
    run.span("n3", "disconnected", 0);
    let seen = run.ask(name.clone()).await;
    assert_eq!(seen.answer, Answer::No);
    assert_eq!(seen.detail, "0 spans fit; at least 1 expected; 1 more of the injected node do not count");
    assert_eq!(run.ask(json!({"span": "disconnected", "from_injected": true})).await.answer, Answer::Yes);
    assert_eq!(run.ask(json!({"span": "disconnected", "since": "run"})).await.value["count"], 3);
    run.wait(700).await;
    run.span("n2", "disconnected", 100);
    let seen = run.ask(name).await;
    let first = json!({
        "trace_id": "07".repeat(16), "span_id": "09".repeat(8), "service": "n2", "name": "disconnected",
        "after_seconds": 1.1, "arrived_after_seconds": 1.2,
    });
    assert_eq!((seen.answer, &seen.value["first"], &seen.value["last"]), (Answer::Yes, &first, &first));
    let trace = "07".repeat(16);
    assert_eq!(
        seen.detail,
        format!(
            "1 span fit, the first 1.100 s after the start: `disconnected` of `n2` (trace {trace}); 1 more of the injected node do not count"
        )
    );
    run.entry.edge(Stage::Leaving);
    run.wait(10).await;
    run.span("n3", "joined", 0);
    assert_eq!(run.ask(json!({"span": "joined", "since": "undo"})).await.answer, Answer::Yes, "its own return counts");
}

#[tokio::test(start_paused = true)]
async fn a_window_and_a_count_say_so_many_within_so_long() {
    let run = Run::new();
    for _ in 0..200 {
        run.span("n1", "digest", 0);
        run.wait(170).await;
    }
    // Those of the last 34 s: the first began as it began.
    let digests = |most: u64| json!({"span": "digest", "window_seconds": 34, "count": {"at_least": most}});
    assert_eq!(run.ask(digests(200)).await.answer, Answer::Yes);
    run.wait(1).await;
    let seen = run.ask(digests(200)).await;
    assert_eq!((seen.answer, &seen.value["count"]), (Answer::No, &json!(199)));
    assert!(seen.detail.ends_with("; at least 200 expected"), "{}", seen.detail);
}

#[tokio::test(start_paused = true)]
async fn each_key_narrows_it() {
    let run = Run::new();
    run.span("n1", "cross site", 0);
    let rows = [
        (json!({}), 1),
        (json!({"service": "n*", "span": "cross*"}), 1),
        (json!({"service": "m*"}), 0),
        (json!({"attributes": {"peer": "n3", "try": 2}}), 1),
        (json!({"attributes": {"peer": "n3", "try": 3}}), 0),
        (json!({"attributes": {"try": "2"}}), 0),
        (json!({"status": "error"}), 1),
        (json!({"status": "ok"}), 0),
        (json!({"duration_above": "19ms", "duration_below": "21ms"}), 1),
        (json!({"duration_above": "20ms"}), 0),
        (json!({"source": "app"}), 1),
    ];
    for (keys, count) in rows {
        assert_eq!(run.ask(keys.clone()).await.value["count"], count, "{keys}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_more_spans_could_change_is_unknown_once_some_were_lost() {
    let run = Run::new();
    run.span("n1", "x", 0);
    run.span("n1", "x", 0);
    let rows = [
        (json!({}), Answer::Yes, Answer::Yes),
        (json!({"at_least": 3}), Answer::No, Answer::Unknown),
        (json!({"at_most": 1}), Answer::No, Answer::No),
        (json!({"at_most": 2}), Answer::Yes, Answer::Unknown),
        (json!({"at_most": 0}), Answer::No, Answer::No),
        (json!({"at_least": 1, "at_most": 2}), Answer::Yes, Answer::Unknown),
        (json!({"at_least": 3, "at_most": 5}), Answer::No, Answer::Unknown),
    ];
    let ask = |count: &Value| run.ask(json!({"count": count}));
    for (count, whole, _) in &rows {
        assert_eq!(ask(count).await.answer, *whole, "{count}");
    }
    assert!(ask(&json!({"at_most": 1})).await.detail.ends_with("; contradicted: at most 1 expected"));
    run.store().unreadable("app", Moment::now(run.scope.cx().clock()), 1);
    for (count, _, lossy) in &rows {
        assert_eq!(ask(count).await.answer, *lossy, "{count}");
    }
    let seen = ask(&json!({"at_least": 3})).await;
    assert!(seen.detail.ends_with("the source `app` has lost spans of that time (1 in all)"), "{}", seen.detail);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_down_or_has_never_been_up_is_no_no() {
    let run = Run::new();
    assert_eq!(run.ask(json!({})).await.answer, Answer::No);
    let seen = run.ask(json!({"source": "other"})).await;
    assert_eq!((seen.answer, seen.detail.contains("no source of spans has been started")), (Answer::Unknown, true));
    run.store().close("app", "the listener failed");
    let seen = run.ask(json!({})).await;
    assert_eq!(seen.answer, Answer::Unknown);
    assert!(seen.detail.ends_with("the source `app` is down: the listener failed"), "{}", seen.detail);
    let seen = run.ask(json!({"since": "fault"})).await;
    assert_eq!(
        (seen.answer, seen.detail.as_str()),
        (Answer::Unknown, "the fault of this entry has not been in force yet")
    );
}

#[test]
fn it_declares_its_need_and_checks_its_parameters() {
    let node: ProbeNode = parse(&json!({"type": "otlp_span", "source": "app"})).unwrap();
    let need = EvidenceNeed { kind: EvidenceKind::Spans, source: Some("app".to_owned()) };
    assert_eq!(node.reach().unwrap().evidence, [need]);
    let node: ProbeNode = parse(&json!({"type": "otlp_span", "count": {"at_least": 3, "at_most": 2}})).unwrap();
    assert_eq!(node.reach().unwrap_err().to_string(), "`count.at_most` is less than `count.at_least`");
    let rows = [
        (json!({"attributes": {"a": null}}), "/attributes/a"),
        (json!({"attributes": {"a": {"b": 1}}}), "/attributes/a"),
        (json!({"count": 3}), "/count"),
        (json!({"status": "bad"}), "/status"),
    ];
    for (mut value, pointer) in rows {
        value["type"] = json!("otlp_span");
        assert_eq!(parse::<ProbeNode>(&value).unwrap_err().pointer, pointer, "{value}");
    }
}
