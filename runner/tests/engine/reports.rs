//! The report's forms, word for word.

#[cfg(feature = "junit")]
use chaos_runner::junit;
use chaos_runner::{Report, text};
use chaos_test::Bench;
use serde_json::json;

/// A deviated run whose variable parts are replaced by fixed words.
fn report() -> (Bench, Report) {
    let bench = Bench::new().unwrap();
    let entry = json!({
        "name": "File <is> there",
        "trigger": {"type": "test_now"},
        "action": {"type": "test_touch_file", "path": bench.path("f")},
        "duration_seconds": 3,
        "during": [{"type": "test_answer", "answer": false, "name": "serves"}]
    });
    let report = bench.run(&entry).unwrap();
    (bench, report)
}

fn fixed(text: &str, bench: &Bench, report: &Report) -> String {
    text.replace(&bench.folder().display().to_string(), "DIR").replace(&report.run_id, "RUN")
}

#[test]
fn the_text_is_as_committed() {
    let (bench, report) = report();
    let want = include_str!("snapshots/report.txt");
    assert_eq!(fixed(&text(&report), &bench, &report), want);
}

#[cfg(feature = "junit")]
#[test]
fn the_junit_is_as_committed() {
    let (bench, report) = report();
    let want = include_str!("snapshots/report.xml");
    assert_eq!(fixed(&junit(&report), &bench, &report), want);
}

#[test]
fn the_json_has_the_classic_fields_in_each_entry() {
    let (_bench, report) = report();
    let json = serde_json::to_value(&report).unwrap();
    let entry = json["entries"][0].as_object().unwrap();
    for key in ["success", "injected_fault", "output", "elapsed_time", "error"] {
        assert!(entry.contains_key(key), "{key}");
    }
    assert_eq!((&entry["injected_fault"], &entry["verdict"]), (&json!("test_touch_file"), &json!("deviated")));
}

#[cfg(feature = "junit")]
#[test]
fn nothing_in_a_text_can_break_the_junit_document() {
    let (_bench, mut report) = report();
    report.entries[0].name = "<a href=\"x\">&\u{1}\u{ffff}\n".into();
    report.entries[0].error = Some("one\ntwo\u{0}".into());
    let xml = junit(&report);
    assert!(!xml.contains(['\u{0}', '\u{1}', '\u{ffff}']) && !xml.contains("<a "), "{xml}");
    assert!(xml.contains("one two"), "{xml}");
}
