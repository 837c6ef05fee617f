//! The documents: what stands around the plug-ins.

use crate::ExperimentSpec;
use chaos_core::{PolicyRequest, Seconds};
use serde_json::{Map, Value, json};

use super::arms::{CHECK, finite_faults};
use super::{DocumentKind, Pool, entry_shape};

/// The schema of a document, without its definitions.
pub(crate) fn document(kind: DocumentKind, pool: &mut Pool) -> Value {
    let mut body = match kind {
        DocumentKind::Task => task(pool),
        DocumentKind::Entry => closed(entry(pool)),
        DocumentKind::Experiment => closed(pool.of::<ExperimentSpec>()),
    };
    if let Value::Object(map) = &mut body {
        map.insert("$schema".into(), "http://json-schema.org/draft-07/schema#".into());
        let id = format!("urn:squall:{}:{}", kind.word(), env!("CARGO_PKG_VERSION"));
        map.insert("$id".into(), id.into());
        let title = match kind {
            DocumentKind::Task => "Squall task",
            DocumentKind::Entry => "Squall entry",
            DocumentKind::Experiment => "Squall experiment",
        };
        map.insert("title".into(), title.into());
    }
    body
}

/// `$schema`, as editors write it; accepted and ignored.
fn schema_key() -> Value {
    json!({ "description": "Where an editor finds this schema; ignored by the loader.", "doNotSuggest": true })
}

/// A document whose top is closed: only `$schema` is accepted beside its own keys.
fn closed(mut document: Value) -> Value {
    if let Some(properties) = document.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("$schema".into(), schema_key());
    }
    document
}

/// One entry: its shape, the alias, and the rules between its keys.
fn entry(pool: &mut Pool) -> Value {
    let mut entry = entry_shape(pool);
    let Value::Object(map) = &mut entry else { return entry };
    if let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) {
        let verify = properties.get("verify").cloned().unwrap_or_default();
        let mut alias = json!({ "description": "The same as `verify`.", "doNotSuggest": true });
        if let (Some(alias), Some(kind)) = (alias.as_object_mut(), verify.get("type")) {
            alias.insert("type".into(), kind.clone());
        }
        properties.insert("verification".into(), alias);
    }
    // A forbidden key, not `not: {required: …}`: so that the message stands at the key.
    let mut rules = vec![json!({
        "if": { "type": "object", "required": ["verification"], "properties": { "verification": true } },
        "then": { "properties": { "verify": false } },
    })];
    let finite = finite_faults();
    if !finite.is_empty() {
        let action = json!({ "type": "object", "required": ["type"], "properties": { "type": { "enum": finite } } });
        rules.push(json!({
            "if": { "type": "object", "required": ["action"], "properties": { "action": action } },
            "then": { "properties": { "duration_seconds": false } },
        }));
    }
    map.insert("allOf".into(), Value::Array(rules));
    entry
}

fn task(pool: &mut Pool) -> Value {
    let entry = entry(pool);
    let entry = pool.define("entry", entry);
    let check = pool.reference(CHECK, &Map::new());
    let named_check = named_check(pool, &check);
    let probe = pool.reference("probe", &Map::new());
    let policy = pool.of::<PolicyRequest>();
    let seed = pool.of::<u64>();
    let mut properties = json!({
        "$schema": schema_key(),
        "name": { "type": "string", "description": "Name of the task." },
        "chaos_spec": {
            "description": "What is broken: a list of entries, one entry, or the same as JSON text. All entries run at the same time, each on its own trigger.",
            "type": ["array", "object", "string"],
            "items": entry,
            "minItems": 1,
            "allOf": [{ "if": { "type": "object" }, "then": entry }],
        },
        "verification_spec": {
            "description": "Named checks that `verify` refers to. A check that is not ours is left to the harness.",
            "type": "array",
            "items": named_check,
        },
        "probes": {
            "description": "Named probes that `verify` refers to.",
            "type": "object",
            "additionalProperties": probe,
        },
        "steady_state": {
            "description": "Probes that must say yes before anything is injected, and again after.",
            "type": "array",
            "items": probe,
        },
    });
    if let Value::Object(properties) = &mut properties {
        properties.insert("policy".into(), describe(policy, "What this file narrows, and what it asks for."));
        properties.insert("seed".into(), describe(seed, "Seed of every random choice in the run."));
    }
    json!({
        "description": "A benchmark's own file that carries entries; other top-level keys are the benchmark's.",
        "type": "object",
        "required": ["chaos_spec"],
        "properties": properties,
    })
}

fn describe(mut schema: Value, text: &str) -> Value {
    if let Value::Object(map) = &mut schema {
        map.insert("description".into(), text.into());
    }
    schema
}

/// One check of `verification_spec`; the harness's own keys beside ours are left alone.
fn named_check(pool: &mut Pool, check: &Value) -> Value {
    let timeout = pool.of::<Seconds>();
    let mode = pool.shape(json!({
        "type": "string",
        "enum": ["assert", "converge", "hold"],
        "enumDescriptions": [
            "Looks once.",
            "Polls until yes, or until its timeout.",
            "Must stay yes until its timeout."
        ],
        "description": "How the check is judged; `assert` where absent.",
    }));
    let with_text = |text: &str| json!({ "description": text, "allOf": [check] });
    json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": { "type": "string", "description": "The name that `verify` refers to." },
            "check": with_text("What is asked."),
            "spec": { "description": "The same as `check`, in older files.", "doNotSuggest": true, "allOf": [check] },
            "mode": mode,
            "timeout_seconds": describe(timeout, "How long `converge` polls and `hold` watches; 30 where absent."),
            "role": { "description": "The harness's own." },
            "severity": { "description": "The harness's own." },
            "weight": { "description": "The harness's own." },
        },
    })
}
