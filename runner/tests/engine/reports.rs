//! The report's forms, word for word.

use chaos_core::{Task, parse};
#[cfg(feature = "junit")]
use chaos_runner::junit;
use chaos_runner::{Report, event_schema, report_schema, text};
use chaos_test::Bench;
use serde_json::{Value, json};

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
fn a_real_report_and_its_events_are_valid_under_the_published_schemas() {
    let bench = Bench::new().unwrap();
    let yes = json!({"type": "test_answer", "answer": true});
    let entry = json!({
        "trigger": {"type": "test_now"},
        "action": {"type": "test_touch_file", "path": bench.path("f")},
        "duration_seconds": 3,
        "during": [yes],
        "detect": {"type": "test_file_exists", "path": bench.path("f")},
        "verify": "unknown"
    });
    let task = Task {
        name: Some("Schemas".into()),
        steady_state: vec![parse(&yes).unwrap()],
        ..Task::of(parse(&entry).unwrap())
    };
    let mut handle = bench.runner().build().unwrap().start(task).unwrap();
    let mut events = handle.take_events().unwrap();
    let validator = |schema: &Value| jsonschema::draft7::options().build(schema).unwrap();
    let (report_schema, event_schema) = (validator(&report_schema()), validator(&event_schema()));
    let mut lines = Vec::new();
    while let Some(event) = events.blocking_recv() {
        let line = serde_json::to_value(&event).unwrap();
        let wrong: Vec<String> = event_schema.iter_errors(&line).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{line}: {wrong:?}");
        lines.push(line);
    }
    assert_eq!((&lines[0]["format"], &lines[0]["task"]), (&json!(1), &json!("Schemas")));
    let report = serde_json::to_value(handle.wait_blocking().unwrap()).unwrap();
    let wrong: Vec<String> = report_schema.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{report:#}: {wrong:?}");
    assert_eq!((&report["format"], &report["task"]), (&json!(1), &json!("Schemas")));
    // The schemas do refuse something.
    for (key, value) in [("format", json!(2)), ("verdict", json!("good")), ("elapsed_seconds", json!("1 s"))] {
        let mut spoilt = report.clone();
        spoilt[key] = value;
        assert!(!report_schema.is_valid(&spoilt), "{key}");
        spoilt.as_object_mut().unwrap().remove(key);
        assert!(!report_schema.is_valid(&spoilt), "without {key}");
    }
    // One unit of time: seconds.
    let text = format!("{report}{}", json!(lines));
    assert!(!text.contains("_ms\"") && !text.contains("millis"), "{text}");
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
