//! What an editor makes of a text, and what the loader makes of it: a YAML 1.2 reader of another family as the judge.

#[path = "support/judge.rs"]
mod judge;
#[path = "support/node.rs"]
mod node;
#[path = "support/plugins.rs"]
mod plugins;
#[path = "support/spellings.rs"]
mod spellings;

use std::path::Path;

use chaos_core::FAULTS;
use chaos_schema::{Code, DocumentKind, KindHint, LoadOptions, Profile, load, read_value, schema};
use judge::judged;
use serde_json::{Value, json};
use spellings::{PLACES, shapes, spellings};

/// What the judge says of one text.
#[derive(Debug, serde::Deserialize)]
struct Verdict {
    read: bool,
    valid: bool,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    why: String,
}

fn judge(modules: &Path, kind: DocumentKind, texts: &[String]) -> Vec<Verdict> {
    let mut input = json!({ kind.word(): schema(kind, Profile::Plain) }).to_string();
    for text in texts {
        input += "\n";
        input += &json!({ "kind": kind.word(), "text": text }).to_string();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/yaml_judge.cjs");
    let lines = String::from_utf8(judged(script, modules, input)).expect("JSON is UTF-8");
    lines.lines().map(|line| serde_json::from_str(line).expect("a verdict")).collect()
}

/// What only the loader sees of a text; the list in docs/task-file.md.
fn only_the_loader_sees(code: Code) -> bool {
    matches!(
        code,
        Code::SwallowedComment
            | Code::KeyNotText
            | Code::ManyDocuments
            | Code::NotFinite
            | Code::YamlVersion
            | Code::NotJson
            | Code::MisspeltKey
            | Code::UnknownKind
    )
}

/// Numbers of JSON are equal by value: `1` and `1.0`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && std::iter::zip(a, b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            // A key that is a number beyond 2^53 is rounded there.
            let rounded = |key: &String| key.parse().ok().and_then(|n: f64| b.iter().find(|(k, _)| k.parse() == Ok(n)));
            let of = |key: &String| b.get(key).or_else(|| rounded(key).map(|(_, value)| value));
            a.len() == b.len() && a.iter().all(|(key, value)| of(key).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

fn differences(modules: &Path, kind: DocumentKind, hint: KindHint, texts: &[String]) -> Vec<String> {
    let verdicts = judge(modules, kind, texts);
    assert_eq!(verdicts.len(), texts.len());
    let mut found = Vec::new();
    for (text, verdict) in std::iter::zip(texts, &verdicts) {
        let loaded = load(text, "t.yaml", &LoadOptions::of(hint));
        let errors: Vec<Code> = loaded.diagnostics.iter().filter(|d| d.is_error()).map(|d| d.code).collect();
        let control = text.contains(|c: char| c.is_control() && !c.is_whitespace());
        let seen = |code: &Code| only_the_loader_sees(*code) || *code == Code::Syntax && control;
        let excused = verdict.valid && !errors.is_empty() && errors.iter().all(seen);
        // The other way round there is one: the inside of brackets may begin in the first column.
        let excused = excused || errors.is_empty() && verdict.why == "BAD_INDENT";
        if errors.is_empty() != verdict.valid && !excused {
            found.push(format!("{text:?}\n  judge: valid {} {}, loader: {errors:?}", verdict.valid, verdict.why));
        }
        if let (true, Ok(value)) = (verdict.read, read_value(text, "t.yaml"))
            && !same(&value, &verdict.value)
        {
            found.push(format!("{text:?}\n  judge: {}, loader: {value}", verdict.value));
        }
    }
    found
}

#[test]
fn every_spelling_of_a_scalar_is_read_alike_in_five_places() {
    assert_eq!(FAULTS.names(), plugins::FAULT_NAMES);
    let spellings = spellings();
    assert!(spellings.len() >= 730, "{}", spellings.len());
    let Some(modules) = node::node_modules(&["ajv", "yaml"]) else { return };
    let texts: Vec<String> =
        PLACES.iter().flat_map(|place| spellings.iter().map(|scalar| place.replace('@', scalar))).collect();
    let found = differences(&modules, DocumentKind::Entry, KindHint::Entry, &texts);
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), texts.len(), found.join("\n"));
}

#[test]
fn every_shape_of_a_document_is_read_alike() {
    let shapes = shapes();
    assert!(shapes.len() >= 200, "{}", shapes.len());
    let Some(modules) = node::node_modules(&["ajv", "yaml"]) else { return };
    let found = differences(&modules, DocumentKind::Task, KindHint::Task, &shapes);
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), shapes.len(), found.join("\n"));
}
