//! The time line of made-up runs, word for word where it counts.

use serde_json::{Value, json};

use super::*;
use crate::recover::RecoverReport;
use crate::report::{Machine, html, text as text_report};

/// An entry that waits, is injected, is detected, is aborted, and recovers.
fn entry(name: &str, at: f64, verdict: &str) -> Value {
    let point = |after: f64, event: &str| json!({"at_seconds": at + after, "event": event});
    json!({
        "success": true, "injected_fault": "pause_process", "elapsed_time": 5.0, "name": name, "verdict": verdict,
        "reverted": "reverted",
        "timeline": [point(0.0, "waiting"), point(2.0, "fired"), point(2.0, "injecting"), point(2.5, "active"),
            point(8.0, "aborted"), point(8.0, "undoing"), point(8.25, "undid")],
        "times": {"landing_seconds": at + 2.0, "in_force_seconds": at + 2.5, "leaving_seconds": at + 8.0,
            "gone_seconds": at + 8.5, "detected_seconds": at + 4.0, "recovered_seconds": at + 9.5},
    })
}

fn report(entries: &[Value]) -> Report {
    serde_json::from_value(json!({
        "format": 1, "squall_version": "0.0.0", "machine": Machine::this(), "run_id": "1-2-3", "verdict": "held",
        "success": true, "entries": entries, "steady_state_before": [], "steady_state_after": [],
        "recovered": RecoverReport::default(), "seed": 1, "sham": false, "started_at_unix_seconds": 1000.0,
        "elapsed_seconds": 20.0,
    }))
    .unwrap()
}

fn chart_of(report: &Report) -> String {
    let mut out = String::new();
    chart(&mut out, report).unwrap();
    out
}

fn picture_of(report: &Report) -> String {
    let mut out = String::new();
    svg(&mut out, report).unwrap();
    out
}

/// A load of 20 s whose requests hang for three seconds and fail for two.
fn load() -> LoadReport {
    let seconds = (0..20_u32).map(|at| {
        let (completed, errors, p99_ms) = match at {
            5..8 => (0, 0, None),
            8..10 => (100, 40, Some(80.0)),
            _ => (100, 0, Some(10.0)),
        };
        LoadSecond { start_seconds: f64::from(at), end_seconds: f64::from(at + 1), completed, errors, p99_ms }
    });
    let latency = json!({"count": 0, "min_ms": 0.0, "mean_ms": 0.0, "max_ms": 0.0, "percentiles": []});
    let request = json!({"service_url": "http://127.0.0.1:1/", "qps": 100, "duration": "20s"});
    let counts: chaos_core::LoadCounts = chaos_core::LoadCounts::default();
    serde_json::from_value(json!({
        "request": request, "generator": "embedded", "schedule": "open", "connections": 1, "started_at_ms": 1_000_000,
        "elapsed_seconds": 20.0, "achieved_qps": 85.0, "counts": counts, "statuses": [], "failures": [], "bytes_sent": 0,
        "bytes_received": 0, "service": latency, "service_buckets": [], "response": latency, "start_lag": latency,
        "backlog_ms": 0.0, "saturated": false, "generator_busy_ratio": 0.1, "seconds": seconds.collect::<Vec<_>>(),
        "phases": [{"fault": "pause", "phase": "while", "ok": 3, "errors": 1, "error_ratio": 0.25, "response": {
            "count": 4, "min_ms": 1.0, "mean_ms": 2.0, "max_ms": 4.0,
            "percentiles": [{"percentile": 50.0, "ms": 2.0}, {"percentile": 90.0, "ms": 3.0}, {"percentile": 99.0, "ms": 4.0}]
        }}, {"fault": "pause", "phase": "after", "ok": 0, "errors": 0, "error_ratio": null, "response": latency}],
    }))
    .unwrap()
}

fn with_load() -> Report {
    let mut report = report(&[entry("pause", 0.0, "deviated"), entry("a write load", 0.0, "held")]);
    report.entries[1].load = Some(Box::new(load()));
    let load = &mut report.entries[1];
    load.timeline.retain(|point| point.event != "aborted");
    for (point, at) in load.timeline.iter_mut().zip([0.0, 0.0, 0.0, 0.1, 20.0, 20.0]) {
        point.at_seconds = at;
    }
    let [landing_seconds, in_force_seconds, leaving_seconds, gone_seconds] = [0.0, 0.1, 20.0, 20.0].map(Some);
    load.times =
        FaultTimes { landing_seconds, in_force_seconds, leaving_seconds, gone_seconds, ..FaultTimes::default() };
    report
}

#[test]
fn the_chart_is_as_committed() {
    assert_eq!(chart_of(&with_load()), include_str!("../snapshots/timeline.txt"));
}

#[test]
fn the_picture_is_as_committed() {
    assert_eq!(picture_of(&with_load()), include_str!("../snapshots/timeline.svg.html"));
}

#[test]
fn each_form_tells_the_figures_of_each_phase() {
    let report = with_load();
    let figures = "p50 2.0 ms, p90 3.0 ms, p99 4.0 ms, errors 25.00 %, 4 requests";
    let (text, page) = (text_report(&report), html(&report));
    assert!(
        text.contains(&format!("  load while `pause`: {figures}\n  load after `pause`: no request ended\n")),
        "{text}"
    );
    assert!(page.contains(&format!("<dt>load while `pause`</dt><dd>{figures}</dd>")), "{page}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["entries"][1]["load"]["phases"][0]["error_ratio"], 0.25);
}

#[test]
fn no_line_is_longer_than_a_hundred_columns_and_no_name_becomes_markup() {
    let hostile = [
        "<script>alert(1)</script>\u{202e}\u{1b}[31m",
        "\" onload=\"x",
        "長い名前長い名前長い名前長い名前長い名前",
        "",
    ];
    let long = "x".repeat(10_000);
    let entries: Vec<Value> = hostile.iter().chain([&long.as_str()]).map(|name| entry(name, 0.0, "held")).collect();
    let report = report(&entries);
    let text = chart_of(&report);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    let picture = picture_of(&report);
    for bad in ["<script", "onload=\"", "\u{202e}", "http://", "https://", "url("] {
        assert!(!picture.contains(bad), "{bad}: {picture}");
    }
}

#[test]
fn thousands_of_entries_are_bounded_and_the_worst_are_kept() {
    let mut entries: Vec<Value> = (0..5000).map(|at| entry(&format!("pause #{at}"), f64::from(at), "held")).collect();
    entries[4321]["verdict"] = json!("deviated");
    let report = report(&entries);
    let (text, picture) = (chart_of(&report), picture_of(&report));
    assert!(text.lines().count() < 60 && text.contains("pause #4321"), "{text}");
    assert!(text.contains("not drawn: 4980 entries with no worse verdict"), "{text}");
    assert_eq!(picture.matches("class=\"held\"").count(), 199);
    assert!(picture.contains("pause #4321") && picture.contains("not drawn: 4800 entries"), "{picture}");
}

#[test]
fn a_run_in_which_nothing_happened_has_no_time_line() {
    let mut skipped = report(&[entry("skipped", 0.0, "inconclusive")]);
    skipped.entries[0].timeline.clear();
    skipped.entries[0].times = FaultTimes::default();
    assert_eq!((chart_of(&skipped), picture_of(&skipped)), (String::new(), String::new()));
    assert_eq!(chart_of(&report(&[])), "");
}

#[test]
fn an_undo_that_failed_is_no_undo_and_what_never_landed_is_not_in_force() {
    let mut failed = report(&[entry("kept", 0.0, "revert_failed"), entry("missed", 0.0, "inconclusive")]);
    failed.entries[0].times.gone_seconds = None;
    failed.entries[1].times.in_force_seconds = None;
    let kinds = |at: usize| row(&failed.entries[at]).bars.iter().map(|bar| bar.kind).collect::<Vec<_>>();
    assert_eq!(kinds(0), [BarKind::Wait, BarKind::Inject, BarKind::InForce, BarKind::UndoFailed]);
    assert_eq!(kinds(1), [BarKind::Wait, BarKind::Inject, BarKind::Undo]);
    assert!(chart_of(&failed).contains("! undo failed"));
}
