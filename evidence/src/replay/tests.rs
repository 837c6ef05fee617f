use std::path::Path;
use std::time::Duration;

use chaos_core::{RunScope, parse};
use chaos_test::run_context;
use serde_json::json;

use super::*;
use crate::log_store::{LogAnswer, LogLine, LogQuery, LogStore};
use crate::metric_store::{Ask, MetricAnswer, MetricKind, MetricQuery, MetricStore, Reading, Sample};
use crate::recorder::Recorder;
use crate::recording::LineRecord;
use crate::span::{AttributeValue, SpanId, SpanKind, SpanRecord, SpanStatus, TraceId};
use crate::span_store::{SpanQuery, SpanStore};
use crate::window::Window;

const EVER: Window = Window { from: Moment(i64::MIN), to: Moment(i64::MAX) };

fn second(seconds: u64) -> Moment {
    Moment::at(Duration::from_secs(seconds))
}

fn at(seconds: u64, took: Took<'_>) -> EvidenceRecord<'_> {
    EvidenceRecord { at_ns: second(seconds), took }
}

fn spans(arrived: u64, started: u64) -> EvidenceRecord<'static> {
    let span = SpanRecord {
        trace_id: TraceId([1; 16]),
        span_id: SpanId([2; 8]),
        parent: SpanId::default(),
        name: "x".into(),
        kind: SpanKind::Internal,
        status: SpanStatus::Unset,
        start: second(started),
        duration: Duration::ZERO,
        links: 0,
        attributes: Vec::new(),
    };
    let resource = vec![("service.name".into(), AttributeValue::Text("n1".into()))];
    at(arrived, Took::Spans { resource, spans: vec![span] })
}

fn samples(seconds: u64, value: f64) -> EvidenceRecord<'static> {
    let sample = Sample {
        name: "errors".into(),
        labels: vec![("code".into(), "500".into())],
        kind: MetricKind::Counter,
        reading: Reading::Is(value),
        at: None,
        began: None,
    };
    at(seconds, Took::Samples { origin: "n2".into(), at_ns: second(seconds), whole: true, samples: vec![sample] })
}

fn line(seconds: u64, text: &'static str) -> EvidenceRecord<'static> {
    let line = LineRecord {
        earliest_ns: second(seconds - 1),
        at_ns: second(seconds),
        text: text.into(),
        is_cut: false,
        severity: Some(17),
        attributes: vec![("errno".into(), "28".into())],
    };
    at(seconds, Took::Lines { origin: "n3".into(), lines: vec![line] })
}

fn scope(folder: &Path) -> RunScope {
    run_context().virtual_time().workspace(folder).scope()
}

fn record(folder: &Path, gives: &[EvidenceKind], kept: RecordedBounds, what: &[EvidenceRecord<'_>], end: u64) {
    let recorder = Recorder::create("evidence.jsonl".as_ref(), gives, kept, scope(folder).cx()).unwrap();
    for one in what {
        recorder.add(one);
    }
    assert_eq!(recorder.end(second(end), "it has been stopped"), None);
}

/// Lines as they were written before a recording had a beginning and an end.
fn old(folder: &Path, lines: &[EvidenceRecord<'_>]) {
    let lines = lines.iter().map(|one| serde_json::to_string(one).unwrap() + "\n");
    std::fs::write(folder.join("evidence.jsonl"), lines.collect::<String>()).unwrap();
}

fn source() -> Recording {
    parse(&json!({"path": "evidence.jsonl"})).unwrap()
}

/// A replay under way.
struct Replayed {
    scope: RunScope,
    running: Arc<dyn RunningSource>,
}

impl Replayed {
    async fn of(folder: &Path) -> Self {
        let scope = scope(folder);
        let cx = SourceContext::new("past", scope.cx().clone());
        let running = Source::start(&source(), &cx).await.unwrap();
        Self { scope, running }
    }

    async fn until(&self, seconds: f64) {
        let clock = self.scope.cx().shared_clock();
        clock.sleep(Duration::from_secs_f64(seconds).saturating_sub(clock.now())).await;
    }

    fn metric(&self) -> MetricAnswer {
        let (labels, window) = (std::collections::BTreeMap::new(), self.so_far());
        let (name, ask, source) = ("errors", Ask::Value, Some("past"));
        let query = MetricQuery { name, labels: &labels, source, origin: None, without: &[], ask, window };
        self.scope.cx().services().get::<MetricStore>().ask(&query)
    }

    fn log(&self) -> (LogAnswer, Vec<LogLine>) {
        let mut lines = Vec::new();
        let query = LogQuery { source: Some("past"), origin: None, without: &[], window: self.so_far() };
        let answer = self.scope.cx().services().get::<LogStore>().ask(&query, |line| {
            lines.push(line.clone());
            true
        });
        (answer, lines)
    }

    fn so_far(&self) -> Window {
        Window { from: Moment(i64::MIN), to: Moment::now(self.scope.cx().clock()) }
    }
}

#[tokio::test(start_paused = true)]
async fn spans_come_in_at_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let bad = at(9, Took::Unreadable { kind: EvidenceKind::Spans, count: 3 });
    record(folder.path(), &[EvidenceKind::Spans], RecordedBounds::default(), &[spans(2, 1), spans(5, 2), bad], 20);
    let replayed = Replayed::of(folder.path()).await;
    let store = replayed.scope.cx().services().get::<SpanStore>();
    let count = || store.find(SpanQuery::all(EVER)).count;
    replayed.until(1.999).await;
    assert_eq!(count(), 0);
    replayed.until(2.001).await;
    assert_eq!(count(), 1);
    replayed.until(8.0).await;
    let found = store.find(SpanQuery::all(EVER));
    let (first, last) = (found.first.unwrap(), found.last.unwrap());
    assert_eq!((first.start.seconds(), first.arrival.seconds(), last.arrival.seconds()), (1.0, 2.0, 5.0));
    assert_eq!((found.count, found.missing), (2, None));
    replayed.until(10.0).await;
    assert!(store.find(SpanQuery::all(EVER)).missing.is_some());
    let end = replayed.running.stop().await;
    assert_eq!((end.taken, end.dropped), (5, 3));
}

#[tokio::test(start_paused = true)]
async fn samples_and_what_is_missing_of_them_come_in_at_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let what = [
        at(0, Took::Target { origin: "n2".into() }),
        samples(2, 0.1 + 0.2),
        at(4, Took::NoAnswer { origin: "n2".into(), at_ns: second(4), why: "connection refused".into() }),
        samples(6, f64::INFINITY),
        at(8, Took::LostSamples { count: 2, at_ns: second(8), why: "line 3 of `n2` could not be read".into() }),
    ];
    record(folder.path(), &[EvidenceKind::Metrics], RecordedBounds::default(), &what, 20);
    let replayed = Replayed::of(folder.path()).await;
    replayed.until(1.0).await;
    assert_eq!(replayed.metric().holes, ["`n2` has not answered yet"]);
    replayed.until(3.0).await;
    let seen = replayed.metric();
    let [series] = seen.series.as_slice() else { panic!("{seen:?}") };
    assert_eq!((series.origin.as_str(), series.labels["code"].as_str()), ("n2", "500"));
    assert_eq!((series.bounds.low.to_bits(), seen.holes.len()), ((0.1_f64 + 0.2).to_bits(), 0));
    replayed.until(5.0).await;
    assert_eq!(replayed.metric().series[0].why, Some("the target does not answer"));
    replayed.until(7.0).await;
    assert_eq!(replayed.metric().series[0].bounds.low.to_bits(), f64::INFINITY.to_bits());
    replayed.until(9.0).await;
    assert_eq!(replayed.metric().holes, ["the source `past` lost 2 samples: line 3 of `n2` could not be read"]);
    let end = replayed.running.stop().await;
    assert_eq!((end.taken, end.dropped, end.detail.as_str()), (4, 2, "line 3 of `n2` could not be read"));
}

#[tokio::test(start_paused = true)]
async fn lines_and_what_is_missing_of_them_come_in_at_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let (origin, file) = ("n3", "/var/log/n3");
    let what = [
        at(0, Took::Awaited { origin: origin.into(), file: file.into() }),
        at(2, Took::Found { origin: origin.into(), file: file.into() }),
        line(3, "disk full"),
        at(5, Took::LostLines { count: 1, from_ns: second(4), to_ns: second(5), why: "a file was truncated".into() }),
    ];
    record(folder.path(), &[EvidenceKind::Logs], RecordedBounds::default(), &what, 20);
    let replayed = Replayed::of(folder.path()).await;
    replayed.until(1.0).await;
    assert_eq!(replayed.log().0.holes, ["`/var/log/n3` is not there yet"]);
    replayed.until(2.999).await;
    assert_eq!((replayed.log().0.certain, replayed.log().0.holes.len()), (0, 0));
    replayed.until(4.0).await;
    let (answer, lines) = replayed.log();
    let attributes = vec![("errno".into(), "28".into())];
    let want = LogLine {
        source: "past".into(),
        origin: "n3".into(),
        earliest: second(2),
        at: second(3),
        text: "disk full".into(),
        is_cut: false,
        severity: Some(17),
        attributes,
    };
    assert_eq!((answer.certain, answer.holes.len(), lines), (1, 0, vec![want]));
    replayed.until(6.0).await;
    assert_eq!(replayed.log().0.holes, ["the source `past` lost 1 lines: a file was truncated"]);
    let end = replayed.running.stop().await;
    assert_eq!((end.taken, end.dropped), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn after_its_end_nothing_is_known_of_what_it_gave() {
    let folder = tempfile::tempdir().unwrap();
    let all = [EvidenceKind::Spans, EvidenceKind::Metrics, EvidenceKind::Logs];
    record(folder.path(), &all, RecordedBounds::default(), &[spans(1, 1), samples(1, 7.0), line(1, "x")], 5);
    let replayed = Replayed::of(folder.path()).await;
    let store = replayed.scope.cx().services().get::<SpanStore>();
    let told = "the source `past` is down: its recording has ended: it has been stopped".to_owned();
    for (seconds, want) in [(4.0, None), (5.1, Some(&told))] {
        replayed.until(seconds).await;
        assert_eq!(store.find(SpanQuery::all(EVER)).missing.as_ref(), want);
        assert_eq!(replayed.metric().holes.first(), want);
        assert_eq!(replayed.log().0.holes.first(), want);
    }
    let end = replayed.running.stop().await;
    assert_eq!((end.taken, end.dropped), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn as_much_is_kept_as_when_it_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let all = [EvidenceKind::Spans, EvidenceKind::Metrics, EvidenceKind::Logs];
    let kept = RecordedBounds { spans: Some(1), span_bytes: Some(1 << 20), samples: Some(2), log_bytes: Some(400) };
    let many = (1..=5).flat_map(|at| [spans(at, at), samples(at, 1.0), line(at, "x")]);
    record(folder.path(), &all, kept, &many.collect::<Vec<_>>(), 20);
    let replayed = Replayed::of(folder.path()).await;
    replayed.until(6.0).await;
    let Stores { spans, metrics, logs } = Stores::of(replayed.scope.cx());
    assert_eq!((metrics.len(), metrics.bound(), logs.len()), (2, 2, 2));
    assert_eq!((spans.find(SpanQuery::all(EVER)).count, spans.figures("past").dropped), (1, 4));
    assert_eq!(
        (logs.losses("past").count(), logs.losses("past").why()),
        (3, "the oldest lines were dropped to make room")
    );
}

#[tokio::test(start_paused = true)]
async fn a_recording_of_before_there_were_others_has_spans_and_no_end() {
    let folder = tempfile::tempdir().unwrap();
    old(folder.path(), &[spans(2, 1), at(3, Took::Unreadable { kind: EvidenceKind::Spans, count: 1 })]);
    let text = std::fs::read_to_string(folder.path().join("evidence.jsonl")).unwrap();
    assert!(text.starts_with(r#"{"at_ns":2000000000,"took":{"spans":{"resource":[["service.name","n1"]],"spans":[{"#));
    assert!(
        text.ends_with("{\"at_ns\":3000000000,\"took\":{\"unreadable\":{\"kind\":\"spans\",\"count\":1}}}\n"),
        "{text}"
    );
    let cx = SourceContext::new("past", scope(folder.path()).cx().clone());
    assert_eq!(Source::gives(&source(), &cx), [EvidenceKind::Spans]);
    let replayed = Replayed::of(folder.path()).await;
    replayed.until(100.0).await;
    let found = replayed.scope.cx().services().get::<SpanStore>().find(SpanQuery::all(EVER));
    assert_eq!(
        (found.count, found.missing.as_deref()),
        (1, Some("the source `past` has lost spans of that time (1 in all)"))
    );
    assert!(replayed.log().0.holes.is_empty() && replayed.metric().holes.is_empty());
}

#[test]
fn what_a_recording_gives_stands_in_its_first_line() {
    for gives in [vec![EvidenceKind::Logs], vec![EvidenceKind::Metrics], vec![]] {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), &gives, RecordedBounds::default(), &[], 1);
        let cx = SourceContext::new("past", scope(folder.path()).cx().clone());
        assert_eq!(Source::gives(&source(), &cx), gives);
    }
}

#[tokio::test]
async fn a_file_that_is_no_recording_is_refused_with_its_place() {
    let text = |record: &EvidenceRecord<'_>| serde_json::to_string(record).unwrap();
    let (good, older) = (text(&spans(2, 1)), text(&spans(1, 1)));
    let began = text(&at(0, Took::Began { gives: vec![EvidenceKind::Logs], kept: RecordedBounds::default() }));
    let end = text(&at(3, Took::Ended { why: "x".into() }));
    let not_a_number = text(&samples(3, 7.5)).replace("7.5", "\"7.5\"");
    let rows = [
        (None, "No such file"),
        (Some("{}\n".to_owned()), "line 1, column 2: missing field `at_ns`"),
        (Some(format!("{good}\nx\n")), "line 2, column 1: expected value"),
        (Some(format!("{good}\n{older}\n")), "line 2 is older than the line before"),
        (Some(format!("{good}\n{}\n", good.replace("spans", "spins"))), "line 2, column 35: unknown variant `spins`"),
        (Some(format!("{not_a_number}\n")), "expected a number, \"NaN\", \"inf\" or \"-inf\""),
        (Some(good.clone()), "line 1: it breaks off there, so it is not whole"),
        (Some(format!("{began}\n{}", &good[..good.len() / 2])), "line 2: it breaks off there"),
        (Some(format!("{began}\n{good}\n")), "it ends after line 2 without saying so, so it is not whole"),
        (Some(format!("{began}\n{good}\n{end}\n{end}\n")), "line 4 comes after the end of the recording"),
        (Some(format!("{good}\n{}\n", began.replace(":0,", ":9000000000,"))), "line 2 begins a recording"),
    ];
    for (text, want) in rows {
        let folder = tempfile::tempdir().unwrap();
        if let Some(text) = text {
            std::fs::write(folder.path().join("evidence.jsonl"), text).unwrap();
        }
        let cx = SourceContext::new("past", scope(folder.path()).cx().clone());
        let why = Source::plan(&source(), &cx).await.unwrap_err().to_string();
        assert!(why.contains(want), "{why}");
        assert_eq!(Source::start(&source(), &cx).await.map(drop).unwrap_err().to_string(), why);
    }
}

#[tokio::test]
async fn what_is_no_file_is_refused_and_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence.jsonl");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let cx = SourceContext::new("past", scope(folder.path()).cx().clone());
    assert_eq!(Source::gives(&source(), &cx), Recording::GIVES);
    let why = Source::plan(&source(), &cx).await.unwrap_err().to_string();
    assert!(why.ends_with("it is not a regular file"), "{why}");
}

#[tokio::test]
async fn one_that_is_too_long_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::File::create(folder.path().join("evidence.jsonl")).unwrap().set_len(MOST_BYTES + 1).unwrap();
    let cx = SourceContext::new("past", scope(folder.path()).cx().clone());
    let why = Source::plan(&source(), &cx).await.unwrap_err().to_string();
    assert!(why.ends_with("it has more than 256 MiB"), "{why}");
}

#[test]
fn a_file_that_exists_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), &[], RecordedBounds::default(), &[], 1);
    let create =
        |path: &str| Recorder::create(path.as_ref(), &[], RecordedBounds::default(), scope(folder.path()).cx());
    let error = create("evidence.jsonl").unwrap_err().to_string();
    assert!(error.contains("make the recording `evidence.jsonl`") && error.contains("exists"), "{error}");
    let error = create("/etc/x.jsonl").unwrap_err().to_string();
    assert!(error.contains("/etc"), "{error}");
}
