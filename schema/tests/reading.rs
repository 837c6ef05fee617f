//! Texts that are read otherwise than they were written, by some reader or an older version: each as an author means it.

#[path = "support/plugins.rs"]
mod plugins;

use chaos_core::{CheckBody, CheckMode, FAULTS, Task};
use chaos_schema::{
    Code, Document, FromValue, KindHint, LoadOptions, Loaded, Placeholders, Severity, load, read_documents, read_value,
    render,
};
use serde_json::{Value, json};

const ENTRY: &str = "{trigger: {type: immediate}, action: {type: pause_process, pid: 1}}";
const JSON_ENTRY: &str = r#"{"trigger": {"type": "immediate"}, "action": {"type": "pause_process", "pid": 1}}"#;

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.diagnostics.iter().map(|d| d.code.as_str()).collect()
}

fn loaded(text: &str) -> Loaded {
    assert_eq!(FAULTS.names(), plugins::FAULT_NAMES);
    load(text, "t.yaml", &LoadOptions::default())
}

fn task(text: &str) -> Task {
    let loaded = loaded(text);
    assert!(!loaded.has_errors(), "{text}\n{}", render(&loaded.diagnostics));
    loaded.document.and_then(Document::into_task).expect("a task")
}

#[test]
fn a_comment_never_swallows_a_key() {
    let swallowing = [
        format!(
            "{{\"prompt\": \"x\", // never more than 5 a second\n\"policy\": {{\"max_qps\": 5}}, \"chaos_spec\": {JSON_ENTRY}}}"
        ),
        format!("{{\"prompt\": \"x\", /* never */ \"policy\": {{\"max_qps\": 5}}, \"chaos_spec\": {JSON_ENTRY}}}"),
        format!("{{\"prompt\": \"x\",\n// \"old\": 1,\n\"policy\": {{\"max_qps\": 5}}, \"chaos_spec\": {JSON_ENTRY}}}"),
        format!("{{prompt: x, // never\npolicy: {{max_qps: 5}}, chaos_spec: {ENTRY}}}"),
        format!("{{prompt: x, never 'policy': {{max_qps: 5}}, chaos_spec: {ENTRY}}}"),
        format!("{{prompt: x, never \"policy\": {{max_qps: 5}}, chaos_spec: {ENTRY}}}"),
        format!("{{prompt: x, never\npolicy: {{max_qps: 5}}, chaos_spec: {ENTRY}}}"),
        format!("// policy: {{max_qps: 5}}\nchaos_spec: {ENTRY}\n"),
        format!("/* policy: {{max_qps: 5}}\nchaos_spec: {ENTRY}\n"),
        format!("chaos_spec: {ENTRY}\npolicy: {{allow_faults: [// only\n  pause_process]}}\n"),
        format!("chaos_spec: {ENTRY}\npolicy: {{allow_faults: [/* only */ \"pause_process\"]}}\n"),
    ];
    for text in swallowing {
        let loaded = loaded(&text);
        assert!(loaded.document.is_none(), "{text}");
        let [problem] = loaded.diagnostics.as_slice() else { panic!("{text}\n{}", render(&loaded.diagnostics)) };
        assert!(matches!(problem.code, Code::Syntax | Code::SwallowedComment), "{text}: {problem}");
        assert!(problem.message.contains("comment") && problem.line.is_some(), "{text}: {problem}");
    }
    let kept = [
        format!("{{\"prompt\": \"x\", # never more\n\"policy\": {{\"max_qps\": 5}}, \"chaos_spec\": {JSON_ENTRY}}}"),
        format!("{{\"prompt\": \"// x\", \"// y\": 1, \"policy\": {{\"max_qps\": 5}}, \"chaos_spec\": {JSON_ENTRY}}}"),
        format!("policy: {{max_qps: 5}}\nchaos_spec: {ENTRY}\nit doesn't: 1\nprompt: // a\n"),
        format!("{{policy: {{max_qps: 5,}}, chaos_spec: {ENTRY},}}"),
    ];
    for text in kept {
        assert_eq!(task(&text).policy.max_qps, Some(5.0), "{text}");
    }
}

#[test]
fn a_file_named_json_is_strict_json_and_says_where_it_is_none() {
    let rows = [
        ("{\"a\": 1,}", "a comma before `}`", 1, 8),
        ("{\"a\": 0300}", "not a JSON value", 1, 7),
        ("{\n  'a': 1}", "double quotes", 2, 3),
        ("{\"a\": True}", "not a JSON value", 1, 7),
        ("a: 1\n", "not a JSON value", 1, 1),
        ("{\"a\": 1} // x", "no comments", 1, 10),
        ("{\"a\": [1, 2}", "expected `,` or `]`", 1, 12),
    ];
    for (text, why, line, column) in rows {
        let loaded = load(text, "task.JSON", &LoadOptions::default());
        let [problem] = loaded.diagnostics.as_slice() else { panic!("{}", render(&loaded.diagnostics)) };
        assert!(problem.message.contains(why), "{text}: {problem}");
        assert_eq!((problem.line, problem.column), (Some(line), Some(column)), "{text}");
    }
    let tabs = format!("{{\n\t\"chaos_spec\"\n\t: {JSON_ENTRY}\n}}");
    for name in ["t.json", "t.yaml", "-"] {
        assert!(load(&tabs, name, &LoadOptions::default()).document.is_some(), "{name}");
    }
}

#[test]
fn a_key_that_stands_twice_is_found_in_every_mapping() {
    let rows = [
        format!("chaos_spec: {ENTRY}\n1: x\nchaos_spec: []\n"),
        format!("1: x\nchaos_spec: {ENTRY}\nchaos_spec: []\n"),
        format!("chaos_spec: {ENTRY}\nextra: {{a: {{1: x, b: 1, b: 2}}}}\n"),
        format!("chaos_spec: {ENTRY}\nextra: {{1: x, 0x1: y}}\n"),
        format!("chaos_spec: {ENTRY}\nextra: {{1: x, 01: y}}\n"),
        format!("chaos_spec: {ENTRY}\nextra: {{1: x, \"1\": y}}\n"),
        format!("chaos_spec: {ENTRY}\nextra: {{true: x, True: y}}\n"),
        format!("chaos_spec: {ENTRY}\nextra: {{1.5: x, 1.50: y}}\n"),
        format!("chaos_spec: {ENTRY}\nextra: [[{{a: 1, a: 1}}]]\n"),
        format!("{{\"chaos_spec\": {JSON_ENTRY}, \"a\": 1, \"\\u0061\": 2}}"),
        ENTRY.replace("pid: 1", "1: 2, pid: 1, pid: 2"),
    ];
    for text in rows {
        assert!(codes(&loaded(&text)).contains(&"duplicate-key"), "{text}");
    }
    assert_eq!(
        codes(&loaded(&format!("chaos_spec: {ENTRY}\nextra: {{1: x, 2: y, \"01\": z, yes: 1, y: 2}}\n"))),
        [""; 0]
    );
}

#[test]
fn a_key_of_a_check_that_changes_the_verdict_is_never_dropped_silently() {
    let item = |more: &str| {
        format!(
            "chaos_spec: {ENTRY}\nverification_spec:\n  - {{name: a, check: {{type: http, url: 'http://h/'}}, {more}}}\n"
        )
    };
    let rows = [
        ("mdoe: converge", "misspelt-key", "did you mean `mode`?"),
        ("timeout_second: 5", "misspelt-key", "did you mean `timeout_seconds`?"),
        ("timeout: 5", "misspelt-key", "did you mean `timeout_seconds`?"),
        ("timeoutSeconds: 5", "misspelt-key", "did you mean `timeout_seconds`?"),
        ("rol: goal", "misspelt-key", "did you mean `role`?"),
        ("hold_window_sec: 5", "unknown-check-key", "the harness may read it; the verdict does not depend on it"),
        ("node: a", "unknown-check-key", "the harness may read it; the verdict does not depend on it"),
    ];
    for (more, code, help) in rows {
        let loaded = loaded(&item(more));
        let [problem] = loaded.diagnostics.as_slice() else { panic!("{}", render(&loaded.diagnostics)) };
        assert_eq!((problem.code.as_str(), problem.help.as_deref()), (code, Some(help)), "{more}");
        assert_eq!((problem.line, problem.is_error()), (Some(3), code == "misspelt-key"), "{more}");
        let strict = loaded.with_errors(|one| one.severity == Severity::Warning);
        assert!(strict.document.is_none(), "{more}");
    }
    let ours = "weight: 2, role: goal, severity: x, mode: converge, timeout_seconds: 5";
    assert_eq!(codes(&loaded(&item(ours))), [""; 0]);
}

#[test]
fn a_bare_check_is_told_where_it_belongs_or_kept_for_the_harness() {
    let of = |item: &str| loaded(&format!("chaos_spec: {ENTRY}\nverification_spec:\n  - {item}\n"));
    let bare = of("{name: a, type: http, url: 'http://h/'}");
    assert_eq!(codes(&bare), ["bare-check"], "{}", render(&bare.diagnostics));
    assert!(bare.diagnostics[0].help.as_ref().unwrap().starts_with("write `check: {type: http, …}`"));
    let foreign = of("{name: a, type: pod_healthy, selector: x}");
    assert_eq!(codes(&foreign), ["opaque-check"], "{}", render(&foreign.diagnostics));
    let task = foreign.document.unwrap().into_task().unwrap();
    let CheckBody::Opaque { unknown_type, value } = &task.checks["a"].body else { panic!() };
    assert_eq!((unknown_type.as_str(), &value["selector"]), ("pod_healthy", &json!("x")));
}

#[test]
fn checks_come_as_a_list_or_as_json_text() {
    let checks = json!([{"name": "a", "check": {"type": "http", "url": "http://{{H}}/"}, "mode": "hold"}]);
    let chaos: Value = serde_json::from_str(JSON_ENTRY).unwrap();
    for spec in [checks.clone(), json!(checks.to_string())] {
        let text = json!({"chaos_spec": chaos, "verification_spec": spec}).to_string();
        let loaded = load(&text, "t", &LoadOptions::default().var("H", "host"));
        let task = loaded.document.unwrap_or_else(|| panic!("{text}")).into_task().unwrap();
        assert_eq!(task.checks["a"].mode, CheckMode::Hold, "{text}");
        assert!(matches!(&task.checks["a"].body, CheckBody::Probe(_)), "{text}");
    }
    let value =
        json!({"chaos_spec": chaos, "verification_spec": "[{\"name\": \"a\", \"check\": {\"type\": \"http\"}}]"});
    let error = Task::from_value(&value).unwrap_err();
    assert_eq!(error.diagnostics()[0].pointer, "/verification_spec/0/check");
    for (broken, code) in
        [("[{", "not-json"), ("5", "not-json"), ("[{\"name\": \"a\", \"name\": \"b\"}]", "duplicate-key")]
    {
        let value = json!({"chaos_spec": chaos, "verification_spec": broken});
        assert_eq!(Task::from_value(&value).unwrap_err().diagnostics()[0].code.as_str(), code, "{broken}");
    }
}

#[test]
fn words_numbers_and_tags_are_those_of_yaml_1_2() {
    let read = |scalar: &str| read_value(&format!("a: {scalar}\n"), "t");
    let rows = [
        ("0b101", json!("0b101")),
        ("0X1F", json!("0X1F")),
        ("+0x10", json!("+0x10")),
        ("tRue", json!("tRue")),
        ("nULL", json!("nULL")),
        ("0x1F", json!(31)),
        ("0o17", json!(15)),
        ("!!str 5", json!("5")),
        ("!!int \"5\"", json!(5)),
        ("! 5", json!("5")),
    ];
    for (scalar, want) in rows {
        assert_eq!(read(scalar).unwrap()["a"], want, "{scalar}");
    }
    for (text, code) in [
        ("a: !foo 5\n", Code::UnknownTag),
        ("a: !!set {b}\n", Code::UnknownTag),
        ("a: !!int x\n", Code::UnknownTag),
        ("a: !!seq {}\n", Code::UnknownTag),
        ("%YAML 1.1\n---\na: yes\n", Code::YamlVersion),
    ] {
        let found = read_value(text, "t").unwrap_err();
        assert_eq!((found.len(), found[0].code, found[0].line.is_some()), (1, code, true), "{text}");
    }
    assert_eq!(read_value("%YAML 1.2\n---\na: yes\n", "t").unwrap(), json!({"a": "yes"}));
}

#[test]
fn what_yaml_1_1_reads_otherwise_is_warned_of_under_our_keys() {
    let of = |text: &str| loaded(&text.replace('@', "trigger: {type: immediate}"));
    for scalar in ["0300", "089", "0o17", "1e3"] {
        let loaded = of(&format!("@\naction: {{type: pause_process, pid: {scalar}}}\n"));
        assert_eq!(codes(&loaded), ["yaml-1-1"], "{scalar}");
        assert_eq!((loaded.diagnostics[0].line, loaded.document.is_some()), (Some(2), true));
    }
    for scalar in ["yes", "Off", "1_000", "12:30:45", "2026-01-01"] {
        let loaded = of(&format!("@\naction: {{type: pause_process, pid: 1}}\nname: {scalar}\n"));
        assert_eq!(codes(&loaded), ["yaml-1-1"], "{scalar}");
        let quoted = of(&format!("@\naction: {{type: pause_process, pid: 1}}\nname: '{scalar}'\n"));
        assert_eq!(codes(&quoted), [""; 0], "the advice for {scalar} is not taken");
    }
    let harness = loaded(&format!("chaos_spec: {ENTRY}\nmode: 0755\nenabled: yes\nkeys: {{on: 1}}\n"));
    assert_eq!(codes(&harness), [""; 0]);
}

#[test]
fn no_chaos_and_nulls_are_valid_and_noted() {
    for text in
        ["prompt: x\ntask_id: 7\n", "chaos_spec: []\n", "chaos_spec:\n", "chaos_spec: '[]'\n", "{\"chaos_spec\": null}"]
    {
        let loaded = loaded(text);
        assert_eq!(codes(&loaded), ["no-chaos"], "{text}");
        assert_eq!(loaded.diagnostics[0].severity, Severity::Note);
        assert_eq!(loaded.document.unwrap().into_task().unwrap().entries.len(), 0, "{text}");
    }
    let dump = json!({
        "name": null, "seed": null, "probes": null, "policy": null, "steady_state": null, "verification_spec": null,
        "chaos_spec": [{
            "name": null, "trigger": {"type": "time", "delay_seconds": null, "name": null}, "during": null, "detect": null,
            "action": {"type": "generate_load", "target": {"service_url": "http://h/", "qps": null, "duration": null}},
            "abort_if": null, "verify": null, "verification": null, "duration_seconds": null,
        }],
    });
    let loaded = loaded(&dump.to_string());
    assert!(!loaded.has_errors(), "{}", render(&loaded.diagnostics));
    let warned: Vec<_> = loaded.diagnostics.iter().filter(|d| d.severity == Severity::Warning).collect();
    assert_eq!(
        warned.iter().map(|d| d.code).collect::<Vec<_>>(),
        [Code::EmptyPolicyKey],
        "a policy never vanishes unheard"
    );
    Task::from_value(&dump).unwrap();
    let mut both = dump.clone();
    both["chaos_spec"][0]["verification"] = json!("x");
    Task::from_value(&both).unwrap();
    both["chaos_spec"][0]["verify"] = json!("x");
    assert!(Task::from_value(&both).is_err());
    both["chaos_spec"][0]["trigger"] = Value::Null;
    let error = Task::from_value(&both).unwrap_err();
    assert!(error.diagnostics().iter().any(|d| d.pointer == "/chaos_spec/0/trigger"), "{error}");
}

#[test]
fn what_a_harness_leaves_null_in_its_own_check_stays_null() {
    let task = task(&format!(
        "chaos_spec: {ENTRY}\nverification_spec: [{{name: a, check: {{type: pod_healthy, x: null}}}}]\n"
    ));
    let CheckBody::Opaque { value, .. } = &task.checks["a"].body else { panic!() };
    assert_eq!(value, &json!({"type": "pod_healthy", "x": null}));
}

#[test]
fn placeholders_may_stand_where_somebody_asks_for_that() {
    let options = LoadOptions { placeholders: Placeholders::Allowed, ..LoadOptions::default() };
    let text = "trigger: {type: immediate}\naction: {type: pause_process, pid: '{{PID}}'}\n";
    let open = load(text, "t", &options);
    assert_eq!((codes(&open), open.document.is_none()), (vec![], true));
    for (wrong, code) in [
        (text.replace("pid:", "pdi:"), "unknown-key"),
        (text.replace("'{{PID}}'", "'x{{PID}}'"), "wrong-format"),
        (text.replace("{{PID}}", "{{node.a.pid}}"), "undeclared-reference"),
    ] {
        assert!(codes(&load(&wrong, "t", &options)).contains(&code), "{wrong}");
    }
    let filled = load(text, "t", &options.var("PID", "7"));
    assert!(filled.document.is_some(), "{}", render(&filled.diagnostics));
}

#[test]
fn a_file_of_another_tool_is_called_by_its_name() {
    let rows = [
        ("title: x\ndescription: y\nmethod: []\nsteady-state-hypothesis: {title: z}\n", "Chaos Toolkit"),
        ("apiVersion: litmuschaos.io/v1alpha1\nkind: ChaosEngine\n---\napiVersion: v1\n", "LitmusChaos"),
        ("apiVersion: chaos-mesh.org/v1alpha1\nkind: PodChaos\nspec: {action: pod-kill}\n", "Chaos Mesh"),
        ("apiVersion: v1\nkind: Pod\n", "Kubernetes"),
        ("[{\"name\": \"redis\", \"listen\": \"[::]:26379\", \"upstream\": \"localhost:6379\"}]", "Toxiproxy"),
        ("services: {web: {image: nginx}}\n", "Compose"),
        ("{\"$schema\": \"http://json-schema.org/draft-07/schema#\", \"properties\": {}}", "JSON Schema"),
        ("actions: {a: {actionId: x}}\nstopConditions: []\nroleArn: x\n", "AWS Fault Injection"),
    ];
    for (text, name) in rows {
        let loaded = loaded(text);
        let [problem] = loaded.diagnostics.as_slice() else { panic!("{text}\n{}", render(&loaded.diagnostics)) };
        assert_eq!(problem.code, Code::OtherTool, "{text}");
        assert!(problem.message.contains(name) && problem.help.is_some(), "{text}: {problem}");
    }
}

/// What is wrong, what is recommended, and the same with the advice taken.
#[test]
fn what_a_message_recommends_is_accepted() {
    let rows = [
        (
            "target: {service_url: 'http://h/', duration: 30}",
            "write `30s`",
            "target: {service_url: 'http://h/', duration: 30s}",
        ),
        (
            "target: {service_url: 'http://h/', duration: '30'}",
            "write a number and a unit",
            "target: {service_url: 'http://h/', duration: 1m30s}",
        ),
        (
            "target: {service_url: 'http://h/', qps: '30'}",
            "remove the quotes",
            "target: {service_url: 'http://h/', qps: 30}",
        ),
        (
            "target: {service_url: 'http://h/', qps: 1_0}",
            "write it without `_`",
            "target: {service_url: 'http://h/', qps: 10}",
        ),
        ("target: {service_url: 'http://h/', qps: '0'}", "", ""),
        ("target: {service_url: 'http://h/', qps: many}", "", ""),
        (
            "target: {service_url: 'http://h/'}, name: 5",
            "put quotes around it",
            "target: {service_url: 'http://h/'}, name: '5'",
        ),
        (
            "target: {service_url: 'http://h/'}, name: true",
            "put quotes around it",
            "target: {service_url: 'http://h/'}, name: 'true'",
        ),
        ("target: {service_url: 5}", "pattern: ", ""),
        ("target: {service_url: 'http://h/'}, engine: 5", "known: auto, embedded, fortio", ""),
        (
            "target: {service_url: 'http://h/', qsp: 3}",
            "did you mean `qps`?",
            "target: {service_url: 'http://h/', qps: 3}",
        ),
        ("target: {service_url: 'http://h/', qps: 3, qsp: 3}", "known: ", ""),
    ];
    for (wrong, advice, right) in rows {
        let of =
            |inner: &str| loaded(&format!("trigger: {{type: immediate}}\naction: {{type: generate_load, {inner}}}\n"));
        let refused = of(wrong);
        let [problem] = refused.diagnostics.as_slice() else { panic!("{wrong}\n{}", render(&refused.diagnostics)) };
        let help = problem.help.as_deref().unwrap_or_default();
        assert!(help.starts_with(advice) && (!advice.is_empty() || help.is_empty()), "{wrong}: {help}");
        assert!(!help.contains("did you mean") || advice.contains("did you mean"), "{wrong}: {help}");
        if !right.is_empty() {
            assert_eq!(codes(&of(right)), [""; 0], "{right}");
        }
    }
}

#[test]
fn a_policy_is_read_like_every_document() {
    let policy = |text: &str| load(text, "policy.yaml", &LoadOptions::of(KindHint::Policy));
    let read = policy("max_qps: 5\nallow_hosts: [10.0.0.0/8]\n").document.and_then(Document::into_policy).unwrap();
    assert_eq!((read.max_qps, read.allow_hosts.len(), read.max_concurrency), (5.0, 1, 64));
    for (text, code) in [
        ("allow_privileged: yes\n", "wrong-type"),
        ("max_qsp: 5\n", "unknown-key"),
        ("max_qps: .nan\n", "not-finite"),
        ("max_qps: -1\n", "out-of-bounds"),
        ("max_qps: 5\nmax_qps: 6\n", "duplicate-key"),
        ("max_qps: !n 5\n", "unknown-tag"),
        ("[]", "list-not-allowed"),
        ("5", "wrong-type"),
    ] {
        assert_eq!(codes(&policy(text)), [code], "{text}");
    }
    assert_eq!(codes(&policy("max_qps: 0300\n")), ["yaml-1-1"]);
    assert_eq!(codes(&policy("max_qps:\n")), ["empty-policy-key"]);
}

#[test]
fn syntax_messages_are_plain_words() {
    let rows = [
        ("a: [1, 2\n", "`[` is never closed"),
        ("a: {b: 1\n", "`{` is never closed"),
        ("a: \"x\n", "a quoted string that begins before this is never closed"),
        ("a: b: c\n", "a `:` can't stand here"),
        ("a:\n\tb: 1\n", "a tab is used for indentation"),
        ("a: @x\n", "a value can't begin with `@`"),
        ("a: \"\\q\"\n", "unknown escape in a string in double quotes"),
        ("a: b\nc\n", "a key with a `:` is expected here"),
    ];
    for (text, message) in rows {
        let loaded = loaded(text);
        assert_eq!(loaded.diagnostics[0].message, message, "{text}");
        assert!(loaded.diagnostics[0].help.is_some() && !loaded.diagnostics[0].message.contains('\\'), "{text}");
    }
}

#[test]
fn a_text_of_several_documents_is_read_with_the_place_of_each_part() {
    let text = "# first\n---\na: &x 1\n---\n---\nb:\n  - c\n...\n";
    let all = read_documents(text, "t.yaml").unwrap();
    let values: Vec<&Value> = all.iter().map(|one| &one.value).collect();
    assert_eq!(values, [&json!({"a": 1}), &Value::Null, &json!({"b": ["c"]})]);
    let part = all[2].positions.inside("b").inside("0");
    let (value, key) = part.spans().unwrap();
    assert_eq!((&text[value.start..value.end], key), ("c", None));
    assert_eq!(all[2].positions.inside("b").spans().unwrap().1.map(|key| &text[key.start..key.end]), Some("b"));
    assert_eq!(read_documents("{\"a\": 1}", "t.json").unwrap()[0].value, json!({"a": 1}));
    assert_eq!(read_documents("", "t.yaml").unwrap().len(), 0);
    // Problems stand in the document that has them.
    for (text, line) in [("a: 1\n---\nb: 1\nb: 2\n", 4), ("a: &x 1\n---\nb: *x\n", 3), ("a: 1\n---\nb: [\n", 3)] {
        let found = read_documents(text, "t.yaml").unwrap_err();
        assert_eq!(found[0].line, Some(line), "{text:?}: {found:?}");
    }
}
