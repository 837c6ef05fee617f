use std::collections::{BTreeMap, BTreeSet};

use chaos_core::{Evidence, Observation, ProbeRole, Verdict};
use serde_json::json;

use super::*;

fn event(path: &str, kind: EventKind) -> Event {
    Event { seq: 0, at_seconds: 0.0, path: path.into(), kind }
}

pub(in crate::export) fn started() -> Event {
    let kind = EventKind::RunStarted {
        format: 1,
        squall_version: "0".into(),
        task: None,
        run_id: "r".into(),
        entries: Vec::new(),
        seed: 1,
        at_unix_seconds: 0.0,
    };
    event("", kind)
}

fn waiting(path: &str, name: &str) -> Event {
    event(path, EventKind::Waiting { name: name.into(), trigger: "time".into(), at_least_seconds: 0.0 })
}

fn progress(completed: u64, errors: u64) -> Event {
    let progress = LoadProgress { completed, errors, p99_ms: 250.0, achieved_qps: 99.5, ..LoadProgress::default() };
    event("/e/0/action", EventKind::Progress { progress: Progress::Load(progress) })
}

fn ended(name: &str, completed: u64) -> Event {
    let latency =
        |count: u64| json!({"count": count, "min_ms": 1.0, "mean_ms": 20.0, "max_ms": 9.0, "percentiles": []});
    let load = json!({
        "request": {"service_url": "http://h/"}, "generator": "embedded", "schedule": "open", "connections": 1,
        "started_at_ms": 0, "elapsed_seconds": 1.0, "achieved_qps": 1.0,
        "statuses": [{"status": 200, "count": completed - 2}, {"status": 503, "count": 2}],
        "failures": [{"kind": "status", "status": 503, "cause": "status 503", "count": 2, "first": "x"}],
        "counts": {"scheduled": 1, "started": 1, "completed": completed, "missed": 0, "ok": 1, "errors": 2, "answered": 1, "late": 0},
        "bytes_sent": 1, "bytes_received": 1, "service": latency(completed), "response": latency(1), "start_lag": latency(1),
        "service_buckets": [{"start_ms": 1.0, "end_ms": 2.0, "count": completed - 1},
                            {"start_ms": 11_000.0, "end_ms": 12_000.0, "count": 1}],
        "backlog_ms": 0.0, "saturated": false, "generator_busy_ratio": 0.0,
    });
    let result = serde_json::from_value(json!({
        "success": true, "injected_fault": "load", "elapsed_time": 1.0, "name": name, "verdict": "held", "reverted": "reverted",
        "load": load,
    }));
    event("/e/0", EventKind::Ended { result: result.unwrap() })
}

/// A strict reader of the two formats, after their specifications: every family is typed before its samples and stands
/// once; no sample stands twice; histograms add up.
fn parsed(text: &str, format: TextFormat) -> BTreeMap<String, f64> {
    let (mut samples, mut families) = (BTreeMap::new(), BTreeMap::new());
    let mut current = String::new();
    let mut lines: Vec<&str> = text.strip_suffix('\n').unwrap().split('\n').collect();
    if format == TextFormat::OpenMetrics {
        assert_eq!(lines.pop(), Some("# EOF"));
    }
    for line in lines {
        if let Some(help) = line.strip_prefix("# HELP ") {
            current = help.split_once(' ').unwrap().0.to_owned();
            continue;
        }
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, current, "{line}");
            assert!(families.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let legal = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        assert!(legal(name) && !name.as_bytes()[0].is_ascii_digit(), "{line}");
        let suffixes: &[&str] = match (families[&current].as_str(), format) {
            ("counter", TextFormat::OpenMetrics) => &["_total"],
            ("histogram", _) => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        assert!(suffixes.iter().any(|suffix| name == format!("{current}{suffix}")), "{line}");
        if families[&current] == "counter" {
            assert!(name.ends_with("_total"), "{line}");
        }
        assert!(samples.insert(series.to_owned(), value.parse::<f64>().unwrap()).is_none(), "twice: {line}");
    }
    check_histograms(&samples);
    samples
}

fn check_histograms(samples: &BTreeMap<String, f64>) {
    let counts =
        samples.iter().filter(|(series, _)| series.split('{').next().is_some_and(|name| name.ends_with("_count")));
    for (series, count) in counts {
        let (name, labels) = series.split_once("_count").unwrap();
        let labels = labels.trim_start_matches('{').trim_end_matches('}');
        let bounds: BTreeSet<String> =
            BOUNDS.iter().map(|bound| format!("{bound:?}")).chain(["+Inf".to_owned()]).collect();
        let mut below = 0.0;
        for bound in BOUNDS.iter().map(|bound| format!("{bound:?}")).chain(["+Inf".to_owned()]) {
            let inside = samples[&format!("{name}_bucket{{{labels},le=\"{bound}\"}}")];
            assert!(inside >= below && bounds.contains(&bound), "{series}");
            below = inside;
        }
        assert!(below.total_cmp(count).is_eq() && samples.contains_key(&format!("{name}_sum{{{labels}}}")), "{series}");
    }
}

#[test]
fn each_thing_is_counted_where_it_belongs_in_both_formats() {
    let mut metrics = RunMetrics::new();
    let seen = |answer| Observation { answer, value: json!(null), detail: String::new() };
    let probe = |answer, took_seconds| {
        event(
            "/e/0/during/0",
            EventKind::Probed { role: ProbeRole::During, probe: "p".into(), observation: seen(answer), took_seconds },
        )
    };
    let events = [
        started(),
        waiting("/e/0", "a \"b\""),
        waiting("/e/1", "later"),
        event("/e/0", EventKind::Fired { detail: String::new() }),
        event("/e/0", EventKind::Injecting { fault: "load".into() }),
        event("/e/0", EventKind::Active { evidence: Evidence::new("x") }),
        progress(10, 1),
        progress(20, 2),
        probe(chaos_core::Answer::Yes, Some(0.003)),
        probe(chaos_core::Answer::No, Some(30.0)),
        probe(chaos_core::Answer::Unknown, None),
        event("/e/0", EventKind::Aborted { reason: String::new() }),
        event("", EventKind::Dropped { events: 4 }),
    ];
    for event in &events {
        metrics.record(event);
    }
    for format in [TextFormat::Prometheus, TextFormat::OpenMetrics] {
        let samples = parsed(&metrics.text(format), format);
        let rows = [
            ("squall_runs_started_total", 1.0),
            ("squall_entries{state=\"active\"}", 1.0),
            ("squall_entries{state=\"waiting\"}", 1.0),
            ("squall_entries{state=\"injecting\"}", 0.0),
            ("squall_faults_in_force{entry=\"a \\\"b\\\"\",fault=\"load\"}", 1.0),
            ("squall_injections_total{fault=\"load\"}", 1.0),
            ("squall_aborts_total", 1.0),
            ("squall_probes_total{role=\"during\",answer=\"unknown\"}", 1.0),
            ("squall_probe_duration_seconds_bucket{role=\"during\",le=\"0.005\"}", 1.0),
            ("squall_probe_duration_seconds_bucket{role=\"during\",le=\"10.0\"}", 1.0),
            ("squall_probe_duration_seconds_count{role=\"during\"}", 2.0),
            ("squall_probe_duration_seconds_sum{role=\"during\"}", 30.003),
            ("squall_load_requests_total{entry=\"a \\\"b\\\"\"}", 20.0),
            ("squall_load_response_quantile_seconds{entry=\"a \\\"b\\\"\",quantile=\"0.99\"}", 0.25),
            ("squall_events_dropped_total", 4.0),
        ];
        for (series, want) in rows {
            assert!(samples.get(series).is_some_and(|value| value.total_cmp(&want).is_eq()), "{series}: {samples:#?}");
        }
    }
}

#[test]
fn a_load_counts_each_request_once_over_all_runs_and_never_backwards() {
    let mut metrics = RunMetrics::new();
    let mut before = 0.0;
    let mut step = |metrics: &mut RunMetrics, event: Event, want: f64| {
        metrics.record(&event);
        let samples = parsed(&metrics.text(TextFormat::Prometheus), TextFormat::Prometheus);
        let now = samples.get("squall_load_requests_total{entry=\"a\"}").copied().unwrap_or(0.0);
        assert!(now >= before && now.total_cmp(&want).is_eq(), "{event:?}: {now} after {before}, not {want}");
        before = now;
    };
    for round in [0.0, 100.0] {
        step(&mut metrics, started(), round);
        step(&mut metrics, waiting("/e/0", "a"), round);
        step(&mut metrics, progress(40, 0), round + 40.0);
        step(&mut metrics, ended("a", 100), round + 100.0);
        step(&mut metrics, event("", EventKind::RunEnded { verdict: Verdict::Held }), round + 100.0);
    }
    // A run whose end was never told.
    step(&mut metrics, waiting("/e/0", "a"), 200.0);
    step(&mut metrics, progress(7, 0), 207.0);
    step(&mut metrics, started(), 207.0);
    let samples = parsed(&metrics.text(TextFormat::OpenMetrics), TextFormat::OpenMetrics);
    let rows = [
        ("squall_load_answers_total{entry=\"a\",status=\"503\"}", 4.0),
        ("squall_load_failures_total{entry=\"a\",kind=\"status\"}", 4.0),
        ("squall_load_service_seconds_bucket{entry=\"a\",le=\"0.0025\"}", 198.0),
        ("squall_load_service_seconds_bucket{entry=\"a\",le=\"+Inf\"}", 200.0),
        ("squall_runs_total{verdict=\"held\"}", 2.0),
        ("squall_entries_ended_total{verdict=\"held\"}", 2.0),
        ("squall_entries{state=\"waiting\"}", 0.0),
    ];
    for (series, want) in rows {
        assert!(samples.get(series).is_some_and(|value| value.total_cmp(&want).is_eq()), "{series}: {samples:#?}");
    }
}

#[test]
fn a_fault_counts_as_in_force_until_its_entry_has_ended() {
    let mut metrics = RunMetrics::new();
    let series = "squall_faults_in_force{entry=\"a\",fault=\"pause\"}";
    let rows = [
        (started(), None),
        (waiting("/e/0", "a"), None),
        (event("/e/0", EventKind::Injecting { fault: "pause".into() }), None),
        (event("/e/0", EventKind::Active { evidence: Evidence::new("x") }), Some(1.0)),
        (event("/e/0", EventKind::Undoing { steps: 1 }), Some(1.0)),
        (event("/e/0", EventKind::Undid { step: "s".into(), undone: None, error: Some("no".into()) }), Some(1.0)),
        (ended("a", 2), None),
    ];
    for (event, want) in rows {
        metrics.record(&event);
        let samples = parsed(&metrics.text(TextFormat::Prometheus), TextFormat::Prometheus);
        assert_eq!(samples.get(series).copied(), want, "{event:?}");
    }
    assert!(metrics.text(TextFormat::Prometheus).contains("squall_undo_steps_total{outcome=\"failed\"} 1\n"));
}
