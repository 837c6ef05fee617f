//! Loading documents: every problem in one pass, at its place, with what would be right.

#[path = "support/plugins.rs"]
mod plugins;

use chaos_core::{ChaosSpec, CheckBody, FAULTS, Task};
use chaos_schema::{
    Code, Diagnostic, Document, FromValue, KindHint, LoadOptions, Loaded, Severity, check_value, load, load_bytes,
    read_value, render,
};
use serde_json::{Value, json};

const EXAMPLE: &str = r#"# yaml-language-server: $schema=./task.schema.json
name: optimize-scale
prompt: |
  Keep {{THIS}} as it is.
task_id: 7
chaos_spec:
  - name: Planned load spike
    trigger:
      type: time
      delay_seconds: 5
    action:
      type: generate_load
      target:
        service_url: "http://{{TARGET}}.{{NAMESPACE}}.svc.cluster.local"
        qps: 300
        duration: 30s
        concurrency: 4
    verify: serves
verification_spec:
  - name: serves
    role: goal
    check: { type: http, url: "http://{{TARGET}}/healthz" }
policy:
  allow_hosts: ["*.svc.cluster.local"]
"#;

fn with_vars() -> LoadOptions {
    LoadOptions::default().var("TARGET", "web").var("NAMESPACE", "prod")
}

fn load_task(text: &str, options: &LoadOptions) -> Task {
    let loaded = load(text, "t.yaml", options);
    assert!(!loaded.has_errors(), "{}", render(&loaded.diagnostics));
    loaded.document.and_then(Document::into_task).expect("no error, so a task")
}

/// Code, line and column of each problem.
fn places(loaded: &Loaded) -> Vec<(&'static str, usize, usize)> {
    let place = |d: &Diagnostic| (d.code.as_str(), d.line.unwrap_or(0), d.column.unwrap_or(0));
    loaded.diagnostics.iter().map(place).collect()
}

fn entry(action: &str) -> String {
    format!("trigger: {{type: immediate}}\naction: {action}\n")
}

#[test]
fn the_example_of_the_contract_loads() {
    assert_eq!(FAULTS.names(), plugins::FAULT_NAMES);
    let loaded = load(EXAMPLE, "t.yaml", &with_vars());
    assert_eq!(loaded.diagnostics, vec![]);
    let task = loaded.document.unwrap().into_task().unwrap();
    assert_eq!((task.name.as_deref(), task.entries.len()), (Some("optimize-scale"), 1));
    let action = serde_json::to_value(&task.entries[0].action).unwrap();
    assert_eq!(action["target"]["service_url"], "http://web.prod.svc.cluster.local");
    assert!(matches!(&task.checks["serves"].body, CheckBody::Probe(probe) if probe.type_name() == "http"));
    assert_eq!(task.policy.allow_hosts.unwrap()[0].to_string(), "*.svc.cluster.local");
    assert_eq!(task.positions, vec!["/chaos_spec/0"]);
}

#[test]
fn json_text_loads_the_same() {
    let value: Value = read_value(EXAMPLE, "t").unwrap();
    let text = serde_json::to_string_pretty(&value).unwrap();
    let (yaml, json) = (load_task(EXAMPLE, &with_vars()), load_task(&text, &with_vars()));
    assert_eq!(format!("{yaml:?}"), format!("{json:?}"));
}

#[test]
fn all_problems_of_a_file_are_found_in_one_pass() {
    let text = include_str!("snapshots/problems.yaml");
    let loaded = load(text, "problems.yaml", &LoadOptions::default().var("HOSTS", "x"));
    assert!(loaded.document.is_none());
    let want = [
        ("top-level-typo", 1, 1),
        ("unknown-trigger", 4, 13),
        ("leftover-placeholder", 8, 22),
        ("out-of-bounds", 9, 14),
        ("duplicate-key", 10, 9),
        ("unknown-key", 11, 9),
        ("not-one-of", 12, 15),
        ("duration-on-finite", 13, 5),
        ("unknown-verify", 14, 13),
        ("unknown-key", 15, 5),
        ("list-not-allowed", 16, 14),
        ("wrong-type", 17, 40),
        ("missing-key", 19, 3),
        ("wrong-type", 20, 28),
        ("unused-variable", 0, 0),
    ];
    assert_eq!(places(&loaded), want, "{}", render(&loaded.diagnostics));
    snapshot("problems.txt", &render(&loaded.diagnostics));
}

/// Compares with a committed file; `UPDATE_SNAPSHOTS=1 cargo test -p chaos-schema` writes it anew.
fn snapshot(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, text).expect("the snapshot is written");
    }
    let kept = std::fs::read_to_string(&path).expect("the snapshot is there");
    assert_eq!(text, kept, "refresh with `UPDATE_SNAPSHOTS=1 cargo test -p chaos-schema`");
}

#[test]
fn messages_say_what_would_be_right() {
    let rows = [
        (
            "{type: generate_lod}",
            "unknown fault type `generate_lod`",
            "did you mean `generate_load`? known: generate_load, pause_process, skew_clock",
        ),
        ("{}", "missing key `type`", "known: generate_load, pause_process, skew_clock"),
        ("{type: pause_process}", "missing key `pid`", "`pid`: The process."),
        ("{type: pause_process, pdi: 3}", "unknown key `pdi`", "did you mean `pid`? known: name, pid, type"),
        ("{type: pause_process, pid: \"12\"}", "`pid` must be an integer, not a string", "remove the quotes"),
        ("{type: pause_process, pid: 1_000}", "`pid` must be an integer, not a string", "write it without `_`"),
        ("{type: pause_process, pid: 1.5}", "`pid` must be an integer, not a number with a fraction", ""),
        ("{type: pause_process, pid: 0}", "`pid` must be at least 1", ""),
        ("{type: pause_process, pid: 4194305}", "`pid` must be at most 4194304", ""),
        ("{type: pause_process, pid: ~}", "`pid` must be an integer, not empty", "give it a value"),
        ("{type: pause_process, pid: .inf}", "`pid` must be a finite number", ""),
        ("{type: pause_process, pid: 1, name: 5}", "`name` must be a string, not a number", "put quotes around it"),
        ("{type: 5}", "`type` must be a string, not a number", ""),
        (
            "{type: skew_clock, offset_ms: 1, drifts: no}",
            "`drifts` must be `true` or `false`, not a string",
            "write `false`",
        ),
        ("{type: skew_clock, offset_ms: 1, percent: 256}", "`percent` must be at most 255", ""),
        ("pause_process", "`action` must be a mapping, not a string", "write keys with values, such as `{type: …}`"),
        ("type:pause_process", "`action` must be a mapping, not a string", "put a space after the `:`"),
        (
            "[{type: pause_process, pid: 1}]",
            "one action is expected here, not a list",
            "remove the `-`, or the brackets",
        ),
        (
            "{type: generate_load, target: {service_url: \"ftp://x\"}}",
            "`service_url` is not in the expected format",
            "pattern: ^https?://",
        ),
        (
            "{type: generate_load, target: {service_url: \"http://x\", duration: 30}}",
            "`duration` must be a string, not a number",
            "write `30s`",
        ),
        (
            "{type: generate_load, target: {service_url: \"http://x\", duration: 30x}}",
            "`duration` is not in the expected format",
            "write a number and a unit, such as 250ms, 30s or 1m30s",
        ),
        (
            "{type: generate_load, target: {service_url: \"http://x\"}, engine: x}",
            "`engine` is not one of the accepted values",
            "known: auto, embedded, fortio",
        ),
    ];
    for (action, message, help) in rows {
        let loaded = load(&entry(action), "t.yaml", &LoadOptions::default());
        let [problem] = loaded.diagnostics.as_slice() else { panic!("{action}:\n{}", render(&loaded.diagnostics)) };
        assert_eq!((problem.message.as_str(), problem.help.as_deref().unwrap_or("")), (message, help), "{action}");
        assert_eq!(problem.line, Some(2), "{action}");
    }
}

#[test]
fn the_text_form_is_the_one_of_the_contract() {
    let text = "trigger:\n  type: immediate\naction:\n  type: generate_lod\n";
    let rendered = render(&load(text, "tasks/optimize-scale.yaml", &LoadOptions::default()).diagnostics);
    let want = "\
error[unknown-fault]: unknown fault type `generate_lod`
 --> tasks/optimize-scale.yaml:4:9
  |
4 |   type: generate_lod
  |         ^^^^^^^^^^^^ did you mean `generate_load`? known: generate_load, pause_process, skew_clock
";
    assert_eq!(rendered, want);
}

#[test]
fn the_type_may_stand_last_without_moving_a_problem() {
    for action in ["{type: generate_load, target: {service_url: 5}}", "{target: {service_url: 5}, type: generate_load}"]
    {
        let loaded = load(&entry(action), "t", &LoadOptions::default());
        assert_eq!(loaded.diagnostics[0].pointer, "/action/target/service_url", "{action}");
    }
}

#[test]
fn entries_come_as_list_mapping_or_json_text() {
    let one = json!({"trigger": {"type": "immediate"}, "action": {"type": "pause_process", "pid": 5}});
    let rows = [
        (json!([one, one]), vec!["/chaos_spec/0", "/chaos_spec/1"]),
        (one.clone(), vec!["/chaos_spec"]),
        (json!(json!([one]).to_string()), vec!["/chaos_spec/0"]),
        (json!(one.to_string()), vec!["/chaos_spec"]),
    ];
    for (spec, positions) in rows {
        let task = Task::from_value(&json!({"chaos_spec": spec})).unwrap();
        assert_eq!(task.positions, positions);
        assert_eq!(task.entries.len(), positions.len());
    }
}

#[test]
fn problems_inside_json_text_stand_at_the_string() {
    let text = "a: 1\nchaos_spec: '[{\"trigger\": {\"type\": \"immediate\"}, \"trigger\": 1, \"action\": {\"type\": \"x\"}}]'\n";
    let loaded = load(text, "t", &LoadOptions::default());
    assert_eq!(places(&loaded), [("duplicate-key", 2, 13), ("unknown-fault", 2, 13)]);
    assert_eq!(loaded.diagnostics[1].pointer, "/chaos_spec/0/action/type");
    let loaded = load("chaos_spec: '[{]'\n", "t", &LoadOptions::default());
    assert_eq!(places(&loaded), [("not-json", 1, 13)]);
    assert!(loaded.diagnostics[0].message.ends_with("line 1, column 3 of the string"));
    let loaded = load("chaos_spec: 'x'\n", "t", &LoadOptions::default());
    assert_eq!(places(&loaded), [("not-json", 1, 13)]);
}

#[test]
fn reserved_names_are_for_what_the_document_declares() {
    let text = entry("{type: generate_load, target: {service_url: 'http://{{node.web.port.http}}/'}}");
    let text = format!("{text}name: '{{{{steps.a.output.b}}}}{{{{link.l.address}}}}'\n");
    let loaded = load(&text, "t", &LoadOptions::default());
    let want = [("undeclared-reference", 2, 53), ("undeclared-reference", 3, 7), ("undeclared-reference", 3, 7)];
    assert_eq!(places(&loaded), want, "{}", render(&loaded.diagnostics));
    assert!(loaded.diagnostics[0].message.contains("refers to a node that this document does not declare"));
    let loaded = load(&text, "t", &LoadOptions::default().var("node.web.port.http", "127.0.0.1:1"));
    assert_eq!(places(&loaded)[3], ("reserved-name", 0, 0));
    assert_eq!(loaded.diagnostics.len(), 4, "and nothing was filled: {}", render(&loaded.diagnostics));
}

#[test]
fn json_text_is_parsed_before_it_is_filled() {
    let text = r#"chaos_spec: '[{"trigger": {"type": "immediate", "name": "{{N}}"}, "action": {"type": "pause_process", "pid": "{{PID}}"}}]'"#;
    let options = LoadOptions::default().var("N", "\"}, \"x\": {\"").var("PID", "77");
    let task = load_task(text, &options);
    assert_eq!(task.entries[0].trigger.name(), Some("\"}, \"x\": {\""));
    assert_eq!(serde_json::to_value(&task.entries[0].action).unwrap()["pid"], 77);
}

#[test]
fn a_lone_placeholder_takes_the_type_that_is_wanted() {
    let text = entry("{type: skew_clock, offset_ms: '{{N}}', drifts: \"{{B}}\", name: '{{N}}', labels: {a: '{{N}}'}}");
    let options = LoadOptions::default().var("N", "42").var("B", "true");
    let loaded = load(&text, "t", &options);
    assert_eq!(loaded.diagnostics, vec![]);
    let Some(Document::Entry(entry)) = loaded.document else { panic!() };
    let want = json!({"type": "skew_clock", "offset_ms": 42, "percent": null, "drifts": true, "name": "42", "labels": {"a": "42"}});
    assert_eq!(serde_json::to_value(&entry.action).unwrap(), want);
    // Not lone: text stays text.
    let loaded = load(&text.replace("'{{N}}', drifts", "'{{N}}0', drifts"), "t", &options);
    assert_eq!(places(&loaded)[0].0, "wrong-type");
}

#[test]
fn a_value_never_changes_the_structure_and_is_never_printed() {
    let text = entry("{type: pause_process, pid: '{{PID}}'}");
    let options = LoadOptions::default().var("PID", "5, evil: hunter2");
    let loaded = load(&text, "t", &options);
    let rendered = render(&loaded.diagnostics);
    assert_eq!(places(&loaded), [("wrong-type", 2, 36)]);
    assert!(!rendered.contains("hunter2"), "{rendered}");
}

#[test]
fn typed_refusals_keep_values_to_themselves() {
    let value = json!({"trigger": {"type": "immediate"}, "action": {"type": "skew_clock", "offset_ms": "hunter2"}});
    let error = ChaosSpec::from_value(&value).unwrap_err();
    assert_eq!(error.to_string(), "/action/offset_ms: `offset_ms` must be an integer, not a string");
}

#[test]
fn keys_of_the_harness_are_left_alone() {
    let text = "chaos_spec: {trigger: {type: immediate}, action: {type: pause_process, pid: 1}}\nprompt: '{{X}}'\ninfrastructure: {trigger: [1], depth: .inf}\nneed: 1\nspeed: 2\nnames: []\n";
    assert_eq!(load(text, "t", &LoadOptions::default()).diagnostics, vec![]);
}

#[test]
fn keys_near_ours_are_warned_of() {
    for key in ["chaos_specs", "chaos-spec2", "steady-state", "verificationSpec", "prob", "Policy", "polcy"] {
        let text = format!(
            "chaos_spec: {{trigger: {{type: immediate}}, action: {{type: pause_process, pid: 1}}}}\n{key}: 1\n"
        );
        let loaded = load(&text, "t", &LoadOptions::default());
        let expect = !matches!(key, "chaos-spec2" | "prob");
        assert_eq!(places(&loaded) == [("top-level-typo", 2, 1)], expect, "{key}");
        assert!(loaded.document.is_some(), "{key}");
    }
}

#[test]
fn a_document_says_what_it_is_or_is_told() {
    let rows = [
        ("{}", KindHint::Auto, vec!["unknown-kind"]),
        ("chaos_specs: []", KindHint::Auto, vec!["unknown-kind"]),
        ("5", KindHint::Auto, vec!["unknown-kind"]),
        ("", KindHint::Auto, vec!["unknown-kind"]),
        ("- a", KindHint::Auto, vec!["list-not-allowed"]),
        ("- a", KindHint::Entry, vec!["list-not-allowed"]),
        ("{}", KindHint::Entry, vec!["missing-key", "missing-key"]),
        ("{}", KindHint::Task, vec!["no-chaos"]),
        ("{chaos: []}", KindHint::Task, vec!["unknown-kind"]),
        ("prompt: x", KindHint::Auto, vec!["no-chaos"]),
        ("chaos_spec:", KindHint::Auto, vec!["no-chaos"]),
        ("triger: {}", KindHint::Auto, vec!["unknown-kind"]),
        ("during: []", KindHint::Auto, vec!["unknown-kind"]),
        ("{goal: x, slo: []}", KindHint::Auto, vec!["missing-key"]),
        ("5", KindHint::Task, vec!["wrong-type"]),
        ("chaos_spec: []", KindHint::Auto, vec!["no-chaos"]),
        ("chaos_spec: 5", KindHint::Auto, vec!["wrong-type"]),
        ("chaos_spec: [[]]", KindHint::Auto, vec!["list-not-allowed"]),
        ("trigger: {type: immediate}", KindHint::Auto, vec!["missing-key"]),
    ];
    for (text, kind, want) in rows {
        let loaded = load(text, "t", &LoadOptions::of(kind));
        let codes: Vec<_> = loaded.diagnostics.iter().map(|d| d.code.as_str()).collect();
        assert_eq!(codes, want, "{text} as {kind:?}");
    }
    let loaded = load("chaos_specs: []", "t", &LoadOptions::default());
    assert!(loaded.diagnostics[0].help.as_ref().unwrap().starts_with("did you mean `chaos_spec`?"));
}

#[test]
fn a_schema_key_is_accepted_at_the_top_only() {
    let entry = json!({"trigger": {"type": "immediate"}, "action": {"type": "pause_process", "pid": 1}});
    let mut with_key = entry.clone();
    with_key["$schema"] = json!("./x.json");
    ChaosSpec::from_value(&with_key).unwrap();
    Task::from_value(&json!({"$schema": "x", "chaos_spec": entry})).unwrap();
    let error = Task::from_value(&json!({"chaos_spec": with_key})).unwrap_err();
    assert_eq!(error.diagnostics()[0].code, Code::UnknownKey);
}

#[test]
fn the_alias_is_read_and_both_at_once_are_refused() {
    let mut value =
        json!({"trigger": {"type": "immediate"}, "action": {"type": "pause_process", "pid": 1}, "verification": "v"});
    assert_eq!(ChaosSpec::from_value(&value).unwrap().verify.as_deref(), Some("v"));
    value["verify"] = json!("w");
    let error = ChaosSpec::from_value(&value).unwrap_err();
    assert_eq!(
        error.diagnostics().iter().filter(|d| d.is_error()).map(|d| d.code).collect::<Vec<_>>(),
        [Code::BothVerifyAndVerification]
    );
}

#[test]
fn foreign_checks_stay_opaque_and_known_ones_are_checked() {
    let text = "\
chaos_spec: {trigger: {type: immediate}, action: {type: pause_process, pid: 1}, verify: pods}
verification_spec:
  - {name: pods, check: {type: pod_healthy, selector: app=x}, mode: converge, timeout_seconds: 9, weight: 2}
  - {name: both, spec: {type: parallel, checks: [{type: http, url: 'http://x'}, {type: htpp}]}}
  - {name: ours, check: {type: parallel, checks: [{type: http, url: 'http://x'}]}}
  - {name: none, anything: 1}
  - {name: ours, check: {type: command, argv: [x]}}
";
    let loaded = load(text, "t", &LoadOptions::default());
    let want = [
        ("opaque-check", 3, 32),
        ("opaque-check", 4, 88),
        ("opaque-check", 6, 12),
        ("unknown-check-key", 6, 18),
        ("duplicate-check", 7, 12),
    ];
    assert_eq!(places(&loaded), want, "{}", render(&loaded.diagnostics));
    assert!(loaded.diagnostics[1].help.as_ref().unwrap().starts_with("did you mean `http`?"));
    let task = loaded.document.unwrap().into_task().unwrap();
    let opaque = |name: &str| match &task.checks[name].body {
        CheckBody::Opaque { unknown_type, .. } => Some(unknown_type.clone()),
        CheckBody::Probe(_) => None,
    };
    assert_eq!(opaque("pods").as_deref(), Some("pod_healthy"));
    assert_eq!(opaque("both").as_deref(), Some("htpp"));
    assert_eq!((opaque("ours"), opaque("none").as_deref()), (None, Some("")));
    assert_eq!(task.checks["pods"].mode, chaos_core::CheckMode::Converge);
    // A known check with a mistake is an error, beside a foreign one too.
    let text = text.replace("{type: http, url: 'http://x'}, {type: htpp}", "{type: http}, {type: htpp}");
    let loaded = load(&text, "t", &LoadOptions::default());
    assert!(places(&loaded).contains(&("missing-key", 4, 50)), "{}", render(&loaded.diagnostics));
}

#[test]
fn probes_are_strict() {
    let base = json!({"chaos_spec": {"trigger": {"type": "immediate"}, "action": {"type": "pause_process", "pid": 1}}});
    for (key, value, at) in [
        ("probes", json!({"p": {"type": "pod_healthy"}}), "/probes/p/type"),
        ("steady_state", json!([{"type": "all", "checks": [{"type": "nope"}]}]), "/steady_state/0/checks/0/type"),
    ] {
        let mut value_of = base.clone();
        value_of[key] = value;
        let error = Task::from_value(&value_of).unwrap_err();
        assert_eq!((error.diagnostics()[0].code, error.diagnostics()[0].pointer.as_str()), (Code::UnknownProbe, at));
    }
}

#[test]
fn text_that_is_no_document_gets_one_clear_error() {
    let rows: [(&[u8], &str, usize, usize); 12] = [
        (b"a:\n\tb: 1\n", "syntax", 2, 2),
        (b"a: [1\n", "syntax", 1, 4),
        (b"a: \"x\n", "syntax", 2, 1),
        (b"a: b: c\n", "syntax", 1, 5),
        (b"a: 1\n---\nb: 2\n", "many-documents", 2, 1),
        (b"a: *nope\n", "syntax", 1, 4),
        (b"a: &a [*a]\n", "syntax", 1, 8),
        (b"a: \xff\n", "not-utf8", 1, 4),
        (b"\xff\xfea\0", "not-utf8", 1, 1),
        (b"a: \x01\n", "syntax", 1, 4),
        (b"{\"a\": 1", "syntax", 1, 1),
        (b"? [a]\n: 1\nchaos_spec: 1\n", "key-not-text", 1, 3),
    ];
    for (bytes, code, line, column) in rows {
        let loaded = load_bytes(bytes, "t", &LoadOptions::default());
        assert!(loaded.document.is_none());
        let name = String::from_utf8_lossy(bytes);
        assert_eq!(places(&loaded)[0], (code, line, column), "{name}\n{}", render(&loaded.diagnostics));
    }
}

#[test]
fn a_bom_and_windows_lines_are_read() {
    let text = format!("\u{feff}{}", entry("{type: pause_process, pdi: 5}").replace('\n', "\r\n"));
    let loaded = load_bytes(text.as_bytes(), "t", &LoadOptions::default());
    assert_eq!(places(&loaded), [("unknown-key", 2, 31)]);
    let rendered = render(&loaded.diagnostics);
    assert!(
        rendered.contains("2 | action: {type: pause_process, pdi: 5}\n  |                               ^^^ did"),
        "{rendered}"
    );
    let span = loaded.diagnostics[0].span.unwrap();
    assert_eq!(&text[span.start..span.end], "pdi");
}

#[test]
fn no_depth_overflows_the_stack() {
    let nest = |open: &str, close: &str, n: usize| format!("chaos_spec: {}{}\n", open.repeat(n), close.repeat(n));
    let checks = |n: usize| {
        let probe = "{type: all, checks: [".repeat(n);
        format!(
            "probes: {{p: {probe}{}}}\nchaos_spec: {{trigger: {{type: immediate}}, action: {{type: pause_process, pid: 1}}}}\n",
            "]}".repeat(n)
        )
    };
    let block = (0..5000).map(|i| " ".repeat(i) + "a:").collect::<Vec<_>>().join("\n");
    for text in [
        nest("[", "]", 10_000),
        nest("{a: ", "}", 10_000),
        format!("a:\n  {}", "- ".repeat(10_000)),
        nest("[", "]", 27),
        block,
        checks(30),
        checks(13),
    ] {
        let loaded = load(&text, "t", &LoadOptions::default());
        assert_eq!(loaded.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), [Code::TooDeep]);
    }
    assert_eq!(load(&checks(12), "t", &LoadOptions::default()).diagnostics, vec![]);
    let json = format!("chaos_spec: '{}'\n", "[".repeat(100_000));
    assert_eq!(places(&load(&json, "t", &LoadOptions::default())), [("too-deep", 1, 13)]);
    let mut deep = json!(1);
    for _ in 0..50_000 {
        deep = Value::Array(vec![deep]);
    }
    let mut value = json!({"chaos_spec": 1});
    value["steady_state"] = deep;
    let loaded = check_value(&value, "", &LoadOptions::default());
    assert_eq!(loaded.diagnostics[0].code, Code::TooDeep);
    // Dropping it would recurse, and that is not what is tested.
    std::mem::forget(value);
}

#[test]
fn bombs_are_refused() {
    let line = |i: usize| format!("a{i}: &a{i} [{}]", vec![format!("*a{}", i - 1); 9].join(","));
    let lines: Vec<String> = (1..10).map(line).collect();
    let bomb = format!("a0: &a0 [x,x,x,x,x,x,x,x,x]\n{}\n", lines.join("\n"));
    assert_eq!(places(&load(&bomb, "t", &LoadOptions::default()))[0].0, "too-large");
    let replayed = format!("a: &a [{}]\nb: [{}]\n", "1,".repeat(1000), "*a,".repeat(60));
    assert_eq!(places(&load(&replayed, "t", &LoadOptions::default()))[0].0, "too-large");
    let long = format!("a: [{}]", "1,".repeat(500_000));
    assert_eq!(places(&load(&long, "t", &LoadOptions::default()))[0].0, "too-large");
}

#[test]
fn anchors_aliases_and_merges_are_read_and_placed_where_they_are_used() {
    let text = "\
common: &t {type: immediate}
chaos_spec:
  - trigger: *t
    action: &p {type: pause_process, pid: 1}
  - trigger: *t
    action:
      <<: *p
      pid: 0
";
    assert_eq!(places(&load(text, "t", &LoadOptions::default())), [("out-of-bounds", 8, 12)]);
    assert_eq!(load_task(&text.replace("pid: 0", "pid: 2"), &LoadOptions::default()).entries.len(), 2);
}

#[test]
fn yaml_words_of_old_are_text() {
    let text = entry("{type: pause_process, pid: 010, name: no}");
    let Some(Document::Entry(entry)) = load(&text, "t", &LoadOptions::default()).document else { panic!() };
    assert_eq!(
        (entry.action.name(), serde_json::to_value(&entry.action).unwrap()["pid"].as_u64()),
        (Some("no"), Some(10))
    );
}

#[test]
fn warnings_do_not_refuse() {
    let text = "chaos_spec: {trigger: {type: immediate}, action: {type: pause_process, pid: 1}, verify: x}\nprobes: {healthy: {type: command, argv: [a]}}\n";
    let loaded = load(text, "t", &LoadOptions::default().var("A", "b"));
    assert!(loaded.document.is_some() && !loaded.has_errors());
    assert!(loaded.diagnostics.iter().all(|d| d.severity == Severity::Warning));
    assert_eq!(
        loaded.diagnostics[0].help.as_deref(),
        Some("known: healthy; another name needs a verifier of your own")
    );
}

#[test]
fn values_and_text_get_the_same_messages() {
    let value: Value =
        read_value("chaos_spec: {trigger: {type: tiem}, action: {type: pause_process, pdi: 1}}", "t").unwrap();
    let error = Task::from_value(&value).unwrap_err();
    let want = "/chaos_spec/action/pdi: unknown key `pdi`; did you mean `pid`? known: name, pid, type\n/chaos_spec/trigger/type: unknown trigger type `tiem`; did you mean `time`? known: immediate, time";
    assert_eq!(error.to_string(), want);
}

#[test]
fn no_text_makes_it_panic_and_every_place_is_in_the_text() {
    const BITS: [&str; 18] =
        ["\t", "\n", ":", "- ", "{", "}", "[", "]", "&a ", "*a", "\"", "'", "|", "é", "\u{feff}", "{{", "\0", "🙂"];
    let mut state = 7_u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % n
    };
    let mut refused = 0;
    for _ in 0..2000 {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        for _ in 0..=below(3) {
            let at = below(bytes.len());
            match below(4) {
                0 => drop(bytes.drain(at..(at + below(9)).min(bytes.len()))),
                1 => bytes[at] = u8::try_from(below(256)).expect("a byte"),
                _ => drop(bytes.splice(at..at, BITS[below(BITS.len())].bytes())),
            }
        }
        let loaded = load_bytes(&bytes, "t", &with_vars());
        refused += usize::from(loaded.document.is_none());
        assert_eq!(loaded.document.is_none(), loaded.has_errors());
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        for problem in &loaded.diagnostics {
            let span = problem.span.unwrap_or(chaos_schema::TextSpan { start: 0, end: 0 });
            assert!(text.get(span.start..span.end).is_some(), "{problem}\n{text}");
        }
        assert_eq!(render(&loaded.diagnostics).is_empty(), loaded.diagnostics.is_empty());
    }
    assert!((500..2000).contains(&refused), "{refused} of 2000 refused");
}
