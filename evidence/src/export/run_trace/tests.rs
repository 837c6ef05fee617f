use chaos_core::{Answer, Evidence, Sighting, Undone};
use serde_json::json;

use super::*;

/// A run that was told in these words, from a wall clock of 1,000 s at its second 0.
struct Told {
    trace: RunTrace,
    seq: u64,
}

impl Told {
    fn new() -> Self {
        let mut told = Self { trace: RunTrace::new(), seq: 0 };
        let kind = EventKind::RunStarted {
            format: 1,
            squall_version: "9.9".into(),
            task: Some("drill".into()),
            run_id: "run-1".into(),
            entries: vec!["a".into()],
            seed: u64::MAX,
            at_unix_seconds: 1_000.5,
        };
        told.at(0.5, "", kind);
        told
    }

    fn at(&mut self, at_seconds: f64, path: &str, kind: EventKind) {
        self.trace.record(&Event { seq: self.seq, at_seconds, path: path.into(), kind });
        self.seq += 1;
    }

    fn wait(&mut self, at: f64, path: &str) {
        let kind = EventKind::Waiting { name: format!("n{path}"), trigger: "time".into(), at_least_seconds: 1.0 };
        self.at(at, path, kind);
    }

    fn look(&mut self, at: f64, path: &str, look: LookAt) {
        self.at(at, path, EventKind::Looked { look, sighting: Sighting::unknown("x") });
    }

    fn ended(&mut self, at: f64, path: &str, verdict: &str, error: Option<&str>, load: &serde_json::Value) {
        let result = serde_json::from_value(json!({
            "success": error.is_none(), "injected_fault": "pause", "elapsed_time": 1.0, "error": error, "name": "a",
            "verdict": verdict, "reverted": "reverted", "time_to_detect_seconds": 0.25, "load": load,
        }));
        self.at(at, path, EventKind::Ended { result: result.unwrap() });
    }

    fn finish(self) -> TracedRun {
        self.trace.finish().unwrap()
    }
}

fn named<'a>(run: &'a TracedRun, name: &str) -> &'a RunSpan {
    let mut found = run.spans.iter().filter(|span| span.name == name);
    let span = found.next().unwrap_or_else(|| panic!("no `{name}` in {:?}", run.spans));
    assert!(found.next().is_none(), "two of `{name}`");
    span
}

/// Start and end in milliseconds of the run.
fn times(span: &RunSpan) -> (u64, u64) {
    let ms = |nanos: u64| (nanos - 1_000_000_000_000) / 1_000_000;
    (ms(span.start), ms(span.end))
}

fn step(step: &str, error: Option<&str>) -> EventKind {
    let undone = error.is_none().then(|| Undone::Reverted("gone".into()));
    EventKind::Undid { step: step.into(), undone, error: error.map(str::to_owned) }
}

fn probed(role: ProbeRole, value: serde_json::Value, took_seconds: Option<f64>) -> EventKind {
    let observation = Observation { answer: Answer::Yes, value, detail: "seen".into() };
    EventKind::Probed { role, probe: "p".into(), observation, took_seconds }
}

/// A sustained fault from its trigger to its end, as the engine tells it.
fn sustained() -> Told {
    let mut told = Told::new();
    let path = "/chaos_spec/0";
    told.wait(1.0, path);
    told.at(2.0, path, EventKind::Fired { detail: "now".into() });
    told.look(2.5, path, LookAt::BeforeInject);
    told.at(3.0, path, EventKind::Injecting { fault: "pause".into() });
    told.at(3.25, "/chaos_spec/0/action", EventKind::Armed { step: "resume 7".into() });
    told.look(3.5, path, LookAt::AfterInject);
    told.at(4.0, path, EventKind::Active { evidence: Evidence::new("stopped") });
    told.at(4.0, path, EventKind::Holding { seconds: 3.0 });
    let ids = json!({"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"});
    told.at(5.0, "/chaos_spec/0/detect", probed(ProbeRole::Detect, ids, Some(0.25)));
    told.at(6.0, path, EventKind::Aborted { reason: "too many errors".into() });
    told.look(6.5, path, LookAt::EndOfHold);
    told.at(7.0, path, EventKind::Undoing { steps: 2 });
    told.at(7.5, path, step("resume 7", None));
    told.at(8.0, path, step("close 8", Some("refused")));
    told.look(8.5, path, LookAt::AfterUndo);
    told
}

#[test]
fn a_run_reads_as_its_time_line() {
    let mut told = sustained();
    told.at(9.0, "/chaos_spec/0/verify", probed(ProbeRole::Verify, json!(null), Some(0.5)));
    told.ended(9.5, "/chaos_spec/0", "deviated", Some("aborted"), &json!(null));
    told.at(10.0, "", EventKind::RunEnded { verdict: Verdict::Deviated });
    let run = told.finish();
    // Its name, its parent, its start and its end.
    let rows = [
        ("run drill", None, (500, 10_000)),
        ("entry n/chaos_spec/0", Some("run drill"), (1000, 9500)),
        ("wait for trigger", Some("entry n/chaos_spec/0"), (1000, 2000)),
        ("inject", Some("entry n/chaos_spec/0"), (3000, 4000)),
        ("hold", Some("entry n/chaos_spec/0"), (4000, 6500)),
        ("undo", Some("entry n/chaos_spec/0"), (7000, 8500)),
        ("resume 7", Some("undo"), (7000, 7500)),
        ("close 8", Some("undo"), (7500, 8000)),
    ];
    for (name, parent, want) in rows {
        let span = named(&run, name);
        assert_eq!((times(span), span.parent), (want, parent.map(|name| named(&run, name).id)), "{name}");
    }
    let probes: Vec<_> = run.spans.iter().filter(|span| span.name == "probe p").collect();
    assert_eq!(probes.iter().map(|span| times(span)).collect::<Vec<_>>(), [(4750, 5000), (8500, 9000)]);
    assert!(probes.iter().all(|span| span.parent == Some(named(&run, "entry n/chaos_spec/0").id)));
    assert_eq!(run.spans.len(), rows.len() + 2);
    let happened = |name: &str| named(&run, name).events.iter().map(|event| event.name.clone()).collect::<Vec<_>>();
    assert_eq!(happened("inject"), ["armed", "looked"]);
    assert_eq!(happened("hold"), ["aborted", "looked"]);
    assert_eq!(named(&run, "close 8").status, RunSpanStatus::Error("refused".into()));
    assert_eq!(named(&run, "resume 7").status, RunSpanStatus::Unset);
    assert_eq!(named(&run, "entry n/chaos_spec/0").status, RunSpanStatus::Error("deviated: aborted".into()));
    assert_eq!(named(&run, "run drill").status, RunSpanStatus::Error("deviated".into()));
}

#[test]
fn ids_are_unique_and_follow_from_the_events() {
    let run = sustained().finish();
    let ids: std::collections::BTreeSet<u64> = run.spans.iter().map(|span| span.id).collect();
    assert!(ids.len() == run.spans.len() && !ids.contains(&0) && run.trace_id != 0);
    assert_eq!(run, sustained().finish());
    let mut other = sustained();
    other.trace.run_id = "run-2".into();
    let other = other.finish();
    assert!(other.trace_id != run.trace_id && other.spans.iter().all(|span| !ids.contains(&span.id)));
}

#[test]
fn the_systems_own_traces_are_linked() {
    let mut told = sustained();
    let latency = json!({"count": 0, "min_ms": 0.0, "mean_ms": 0.0, "max_ms": 0.0, "percentiles": []});
    let load = json!({
        "request": {"service_url": "http://h/"}, "generator": "embedded", "schedule": "open", "connections": 1,
        "started_at_ms": 0, "elapsed_seconds": 1.0, "achieved_qps": 1.0, "statuses": [], "failures": [],
        "counts": {"scheduled": 1, "started": 1, "completed": 1, "missed": 0, "ok": 1, "errors": 0, "answered": 1, "late": 0},
        "bytes_sent": 1, "bytes_received": 1, "service": latency, "service_buckets": [], "response": latency,
        "start_lag": latency, "backlog_ms": 0.0, "saturated": false, "generator_busy_ratio": 0.0,
        "traces": [{"trace_id": "000000000000000000000000000000aa", "span_id": "00000000000000bb", "sent_seconds": 0.1,
                    "took_ms": 7.0, "failure": "status 503"}],
    });
    told.ended(9.5, "/chaos_spec/0", "held", None, &load);
    told.at(10.0, "", EventKind::RunEnded { verdict: Verdict::Held });
    let run = told.finish();
    let ids = |span: &RunSpan| span.links.iter().map(|link| (link.trace_id, link.span_id)).collect::<Vec<_>>();
    assert_eq!(ids(named(&run, "probe p")), [(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, 0xb7ad_6b71_6920_3331)]);
    let entry = named(&run, "entry n/chaos_spec/0");
    assert_eq!((ids(entry), &entry.status), (vec![(0xaa, 0xbb)], &RunSpanStatus::Ok));
    assert!(entry.links[0].attributes.contains(&("squall.load.failure", "status 503".into())));
}

#[test]
fn an_undo_without_steps_lasts_from_the_hold_to_the_check_after_it() {
    let mut told = Told::new();
    told.wait(1.0, "/a");
    told.at(1.0, "/a", EventKind::Injecting { fault: "f".into() });
    told.at(2.0, "/a", EventKind::Active { evidence: Evidence::new("x") });
    told.look(3.0, "/a", LookAt::EndOfHold);
    told.look(4.0, "/a", LookAt::AfterUndo);
    told.ended(6.0, "/a", "unchecked", None, &json!(null));
    let run = told.finish();
    assert_eq!((times(named(&run, "hold")), times(named(&run, "undo"))), ((2000, 3000), (3000, 4000)));
    assert_eq!(named(&run, "entry n/a").status, RunSpanStatus::Unset);
}

#[test]
fn what_is_cut_short_ends_at_the_last_event_and_is_no_success() {
    let mut told = Told::new();
    told.wait(1.0, "/a");
    told.at(3.0, "/a", EventKind::Injecting { fault: "f".into() });
    told.at(4.0, "/b/c", EventKind::Note { text: "elsewhere".into() });
    told.at(4.0, "", EventKind::Dropped { events: 3 });
    let run = told.finish();
    for name in ["run drill", "entry n/a", "inject"] {
        assert_eq!(times(named(&run, name)).1, 4000, "{name}");
    }
    assert!(matches!(&named(&run, "entry n/a").status, RunSpanStatus::Error(why) if why.contains("ended before")));
    let root = named(&run, "run drill");
    assert!(
        matches!(&root.status, RunSpanStatus::Error(_))
            && root.attributes.contains(&("squall.dropped_events", 3_u64.into()))
    );
    assert_eq!(root.events.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["note", "dropped"]);
    assert_eq!(RunTrace::new().finish(), None);
}

#[test]
fn entries_that_go_on_together_keep_their_spans_apart() {
    let mut told = Told::new();
    for (at, path) in [(1.0, "/e/1"), (1.0, "/e/10")] {
        told.wait(at, path);
    }
    for (at, path) in [(2.0, "/e/10"), (3.0, "/e/1")] {
        told.at(at, path, EventKind::Injecting { fault: path.into() });
        told.at(at + 2.0, &format!("{path}/action"), EventKind::Note { text: path.into() });
        told.ended(at + 5.0, path, "held", None, &json!(null));
    }
    let run = told.finish();
    for (path, want) in [("/e/1", (3000, 8000)), ("/e/10", (2000, 7000))] {
        let entry = named(&run, &format!("entry n{path}")).id;
        let inject = run.spans.iter().find(|span| span.parent == Some(entry) && span.name == "inject").unwrap();
        assert_eq!((times(inject), inject.events.len()), (want, 1), "{path}");
        assert!(inject.attributes.contains(&("squall.fault.type", path.into())));
    }
}

#[test]
fn more_spans_than_are_kept_are_counted() {
    let mut told = Told::new();
    for number in 0..MOST_SPANS + 5 {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        told.at(1.0 + number as f64 / 1e3, "/steady_state/0", probed(ProbeRole::SteadyStateBefore, json!(1), None));
    }
    told.wait(100.0, "/a");
    told.at(101.0, "/a", step("late", Some("refused")));
    told.ended(102.0, "/a", "held", None, &json!(null));
    told.at(103.0, "", EventKind::RunEnded { verdict: Verdict::Held });
    let run = told.finish();
    assert_eq!(run.spans.len(), MOST_SPANS);
    // One place was the run's own; the entry, its wait and its step found none.
    assert!(run.spans[0].attributes.contains(&("squall.dropped_spans", 9_u64.into())), "{:?}", run.spans[0].attributes);
    assert_eq!((&run.spans[0].status, times(&run.spans[0])), (&RunSpanStatus::Ok, (500, 103_000)));
}
