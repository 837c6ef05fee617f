//! The documents: what stands around the plug-ins, from their types, and the rules between keys.

use chaos_core::{ChaosSpec, PolicyRequest};
use serde_json::{Value, json};

use super::arms::finite_faults;
use super::pool::Pool;
use crate::document::{DocumentKind, TaskDocument};
use crate::experiment::ExperimentSpec;

/// The schema of a document, without its definitions.
pub(crate) fn document(kind: DocumentKind, pool: &mut Pool) -> Value {
    let (mut body, title) = match kind {
        DocumentKind::Task => (pool.of::<TaskDocument>(), "Squall task"),
        DocumentKind::Entry => (entry(pool), "Squall entry"),
        DocumentKind::Experiment => (pool.of::<ExperimentSpec>(), "Squall experiment"),
        DocumentKind::Policy => (pool.of::<PolicyRequest>(), "Squall policy"),
    };
    if let Some(properties) = body.get_mut("properties").and_then(Value::as_object_mut) {
        // As editors write it; accepted and ignored.
        let text = "Where an editor finds this schema; ignored by the loader.";
        properties.insert("$schema".into(), json!({ "description": text, "doNotSuggest": true }));
    }
    if let Value::Object(map) = &mut body {
        map.insert("$schema".into(), "http://json-schema.org/draft-07/schema#".into());
        let id = format!("urn:squall:{}:{}", kind.word(), env!("CARGO_PKG_VERSION"));
        map.insert("$id".into(), id.into());
        map.insert("title".into(), title.into());
    }
    body
}

/// One entry: its shape, the alias, and the rules between its keys.
pub(crate) fn entry(pool: &mut Pool) -> Value {
    let mut entry = pool.of::<ChaosSpec>();
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
        "if": { "type": "object", "required": ["verification"], "properties": { "verification": { "type": "string" } } },
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
