//! What an editor accepts loads, and what it rejects does not: the published schema, judged by ajv, and the loader.

#[path = "support/documents.rs"]
mod documents;
#[path = "support/node.rs"]
mod node;
#[path = "support/plugins.rs"]
mod plugins;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use chaos_core::FAULTS;
use chaos_schema::{Code, DocumentKind, KindHint, LoadOptions, Profile, check_value, load, schema};
use documents::{Dice, Maker, SPOILS, Spoil, spoil};
use serde_json::{Value, json};

const SEED: u64 = 20_260_301;
const DOCUMENTS: usize = 10_000;
/// Of ten documents so many are spoilt; what is spoilt at an optional or foreign key stays valid.
const SPOILT: usize = 7;

struct Judged {
    kind: DocumentKind,
    document: Value,
    how: String,
}

fn hint(kind: DocumentKind) -> KindHint {
    match kind {
        DocumentKind::Task => KindHint::Task,
        DocumentKind::Entry => KindHint::Entry,
    }
}

/// ajv's verdicts over the published schema.
fn judge(modules: &Path, documents: &[Judged]) -> Vec<bool> {
    let schemas = json!({
        "task": schema(DocumentKind::Task, Profile::Plain),
        "entry": schema(DocumentKind::Entry, Profile::Plain),
    });
    let mut input = schemas.to_string();
    for Judged { kind, document, .. } in documents {
        input += "\n";
        input += &json!({ "kind": kind.word(), "document": document }).to_string();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/judge.cjs");
    let mut child = Command::new("node")
        .arg(script)
        .env("NODE_PATH", modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("node reads");
    let output = child.wait_with_output().expect("node ends");
    assert!(output.status.success(), "ajv refused the schema");
    output.stdout.iter().map(|byte| *byte == b'1').collect()
}

/// Documents of both kinds, most of them spoilt, where and how the fewest were before.
fn documents(count: usize) -> (Vec<Judged>, BTreeMap<(String, Spoil), usize>) {
    let schemas = [DocumentKind::Task, DocumentKind::Entry].map(|kind| (kind, schema(kind, Profile::Plain)));
    let mut makers = schemas.each_ref().map(|(kind, schema)| (*kind, Maker::new(schema)));
    let mut dice = Dice::new(SEED);
    let mut covered: BTreeMap<(String, Spoil), usize> = BTreeMap::new();
    let mut out = Vec::new();
    while out.len() < count {
        let (kind, maker) = &mut makers[out.len() % 2];
        let (document, places) = maker.document(&mut dice);
        if dice.below(10) >= SPOILT {
            out.push(Judged { kind: *kind, document, how: "as made".into() });
            continue;
        }
        let mut choices = Vec::new();
        for place in places.iter().filter(|place| !place.pointer.is_empty()) {
            for how in SPOILS {
                let key = (place.label.clone(), how);
                choices.push((covered.get(&key).copied().unwrap_or(0), key, place, how));
            }
        }
        choices.sort_by_key(|(count, ..)| *count);
        for (_, key, place, how) in choices {
            let told = format!("{} {how:?}", place.pointer);
            // The inside of a string is an exception, tested below.
            let spoilt = spoil(&document, place, how, &mut dice).filter(|d| !d["chaos_spec"].is_string());
            if let Some(document) = spoilt {
                *covered.entry(key).or_default() += 1;
                out.push(Judged { kind: *kind, document, how: told });
                break;
            }
        }
    }
    (out, covered)
}

#[test]
fn schema_and_loader_agree_on_ten_thousand_documents() {
    assert_eq!(FAULTS.names(), plugins::FAULT_NAMES);
    let Some(modules) = node::node_modules(&["ajv"]) else { return };
    let (documents, covered) = documents(DOCUMENTS);
    let verdicts = judge(&modules, &documents);
    assert_eq!(verdicts.len(), DOCUMENTS);
    let mut disagreements = Vec::new();
    for (index, (judged, accepted)) in std::iter::zip(&documents, &verdicts).enumerate() {
        let options = LoadOptions::of(hint(judged.kind));
        // Both entrances are the same code behind the reader, so one in two takes each.
        let loaded = match index / 2 % 2 {
            0 => check_value(&judged.document, "", &options),
            _ => load(&judged.document.to_string(), "", &options),
        };
        if loaded.document.is_some() != *accepted {
            let told: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
            disagreements.push(format!("ajv {accepted}, {}: {}\n{}", judged.how, judged.document, told.join("\n")));
        }
        assert!(!loaded.diagnostics.iter().any(|d| d.code == Code::InvalidValue), "{}", judged.document);
    }
    let count = disagreements.len();
    assert_eq!(count, 0, "{}", disagreements.into_iter().take(5).collect::<Vec<_>>().join("\n\n"));
    let valid = verdicts.iter().filter(|accepted| **accepted).count();
    println!("{valid} of {DOCUMENTS} are valid; {} keys and ways to spoil them", covered.len());
    assert!(valid * 10 >= DOCUMENTS * 4 && valid * 10 <= DOCUMENTS * 6, "{valid} of {DOCUMENTS} are valid");
    for how in SPOILS {
        let ways = covered.keys().filter(|(_, name)| *name == how).count();
        assert!(ways > 10, "{how:?} was tried at {ways} keys only");
    }
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
        ("text that is no JSON", task("chaos_spec", json!("[{]")), Code::NotJson, true),
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
        assert!(accepted, "{}: the schema sees it too, so it is no exception", case.how);
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
        ("a key that is no text", format!("{good}[1]: 2\n"), Code::KeyNotText),
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
