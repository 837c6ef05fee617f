//! What an editor accepts loads, and what it rejects does not: over every shape that a plug-in's schema can have.

#[path = "support/documents.rs"]
mod documents;
#[path = "support/judge.rs"]
mod judge;
#[path = "support/node.rs"]
mod node;
#[path = "support/plugins.rs"]
mod plugins;
#[path = "support/verdicts.rs"]
mod verdicts;

use chaos_core::FAULTS;
use chaos_schema::{Code, DocumentKind, LoadOptions, check_value, load};
use serde_json::{Value, json};
use verdicts::{Judged, agree_on, judge};

#[test]
fn schema_and_loader_agree_over_every_shape() {
    assert_eq!(FAULTS.names(), plugins::FAULT_NAMES);
    let Some(modules) = node::node_modules(&["ajv"]) else { return };
    agree_on(4000, &modules);
}

fn entry() -> Value {
    json!({"trigger": {"type": "immediate"}, "action": {"type": "pause_process", "pid": 1}})
}

/// Probes nested so deep; two levels each.
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!({"type": "all", "checks": []}), |inner, _| json!({"type": "all", "checks": [inner]}))
}

fn task(key: &str, value: Value) -> Value {
    let mut task = json!({"chaos_spec": entry()});
    task[key] = value;
    task
}

/// What only the loader sees of a value: the schema accepts it, the loader refuses it with that code or warns.
fn value_exceptions() -> Vec<(&'static str, Value, Code, bool)> {
    let pid = json!({"trigger": {"type": "immediate"}, "action": {"type": "pause_process", "pid": "{{PID}}"}});
    let verify =
        json!({"trigger": {"type": "immediate"}, "action": {"type": "pause_process", "pid": 1}, "verify": "x"});
    vec![
        ("depth", task("probes", json!({"p": nested(13)})), Code::TooDeep, true),
        ("text that is not JSON", task("chaos_spec", json!("[{]")), Code::NotJson, true),
        ("what stands in JSON text", task("chaos_spec", json!("{\"trigger\": 1}")), Code::MissingKey, true),
        ("left-over placeholders", task("chaos_spec", pid), Code::LeftoverPlaceholder, true),
        ("left-over placeholders in free text", task("name", json!("{{X}}")), Code::LeftoverPlaceholder, true),
        ("names of checks", task("chaos_spec", verify), Code::UnknownVerify, false),
        ("typos of open keys", task("steady-state", json!([])), Code::TopLevelTypo, false),
    ]
}

#[test]
fn the_exceptions_of_values_are_these() {
    let cases = value_exceptions();
    for (name, document, code, refused) in &cases {
        let loaded = check_value(document, "", &LoadOptions::default());
        assert_eq!(loaded.document.is_none(), *refused, "{name}");
        assert!(loaded.diagnostics.iter().any(|d| d.code == *code), "{name}: {:?}", loaded.diagnostics);
    }
    let Some(modules) = node::node_modules(&["ajv"]) else { return };
    let judged = |(name, document, ..): &(&str, Value, Code, bool)| Judged {
        kind: DocumentKind::Task,
        document: document.clone(),
        how: (*name).to_owned(),
    };
    let judged: Vec<Judged> = cases.iter().map(judged).collect();
    for (case, accepted) in std::iter::zip(&judged, judge(&modules, &judged)) {
        assert!(accepted, "{}: the schema sees it too, so it is not an exception", case.how);
    }
}

#[test]
fn what_is_lost_in_parsing_is_an_exception_of_texts() {
    let good = "action: {type: pause_process, pid: 1}\ntrigger: {type: immediate}\n";
    let bomb: Vec<String> =
        (1..8).map(|i| format!("b{i}: &b{i} [{}]", vec![format!("*b{}", i - 1); 9].join(","))).collect();
    let rows = [
        ("a key twice", format!("{good}trigger: {{type: immediate}}\n"), Code::DuplicateKey),
        ("an alias bomb", format!("b0: &b0 [x]\n{}\nchaos_spec: {{}}\n", bomb.join("\n")), Code::TooLarge),
        ("a tab", format!("{good}detect:\n\ttype: http\n"), Code::Syntax),
        ("a second document", format!("{good}---\n{good}"), Code::ManyDocuments),
        ("a key that is not text", format!("{good}[1]: 2\n"), Code::KeyNotText),
        ("a number without end", good.replace("pid: 1", "pid: .inf"), Code::NotFinite),
        (
            "a harness's depth",
            format!("chaos_spec: {{{}}}\nx: {}{}\n", good.replace('\n', ","), "[".repeat(33), "]".repeat(33)),
            Code::TooDeep,
        ),
    ];
    assert!(load(good, "", &LoadOptions::default()).document.is_some());
    for (name, text, code) in rows {
        let loaded = load(&text, "", &LoadOptions::default());
        assert!(loaded.document.is_none(), "{name}");
        assert_eq!(loaded.diagnostics.iter().find(|d| d.is_error()).map(|d| d.code), Some(code), "{name}");
    }
}

#[test]
fn a_filled_placeholder_is_judged_as_its_value() {
    let entry = |pid: &str| format!("trigger: {{type: immediate}}\naction: {{type: pause_process, pid: '{pid}'}}\n");
    for (value, good) in [("7", true), ("0", false), ("x", false), ("4194305", false), ("1.5", false), ("2.0", true)] {
        let loaded = load(&entry("{{PID}}"), "", &LoadOptions::default().var("PID", value));
        assert_eq!(loaded.document.is_some(), good, "{value}");
    }
}
