//! Specs of chaos: which pods, and for how long.

use chaos_schema::Code;
use serde_json::{Map, Value};

use super::found::{Found, is_open};
use crate::deadline::deadline;
use crate::kinds::ChaosKind;

/// Looks at the selector of a spec, and of its target where it has one.
pub(super) fn selectors(kind: &ChaosKind, spec: &Map<String, Value>, at: &str, found: &mut Found<'_>) {
    if !kind.has_selector {
        return;
    }
    selector(spec, at, found);
    if let Some(target) = spec.get("target").and_then(Value::as_object) {
        selector(target, &format!("{at}/target"), found);
    }
}

fn selector(holder: &Map<String, Value>, at: &str, found: &mut Found<'_>) {
    let selector = holder.get("selector").and_then(Value::as_object);
    // Namespaces say where to look, and nothing of what to take there.
    let narrows = |map: &Map<String, Value>| map.iter().any(|(key, value)| key != "namespaces" && !is_empty(value));
    if selector.is_some_and(narrows) {
        return;
    }
    let at = if selector.is_some() { format!("{at}/selector") } else { at.to_owned() };
    let message = if selector.is_some() { "this selector is empty" } else { "there is no selector" };
    found.add(
        Code::EmptySelector,
        &at,
        format!("{message}: every pod of its namespaces is selected"),
        "narrow it, such as by `labelSelectors: {app: NAME}`",
    );
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Looks at a `duration`.
fn duration(value: &Value, at: &str, found: &mut Found<'_>) {
    let Some(text) = value.as_str() else {
        found.add(Code::WrongType, at, "`duration` must be text", "such as `duration: 30s`");
        return;
    };
    if !is_open(text)
        && let Err(error) = deadline(text)
    {
        found.add(Code::InvalidDeadline, at, "invalid `duration`", error.to_string());
    }
}

/// Chaos that no template ends.
pub(super) fn object(kind: &ChaosKind, spec: &Map<String, Value>, at: &str, lasts: String, found: &mut Found<'_>) {
    selectors(kind, spec, at, found);
    match spec.get("duration").filter(|duration| !duration.is_null()) {
        Some(time) => duration(time, &format!("{at}/duration"), found),
        None if kind.is_one_shot(spec) => {}
        None => found.add(Code::WithoutEnd, at, lasts, "add `duration`, such as `duration: 3m`"),
    }
}

/// A Schedule, standing on its own or in a template.
pub(super) fn schedule(spec: &Map<String, Value>, at: &str, found: &mut Found<'_>) {
    let kind = spec.get("type").and_then(Value::as_str).and_then(ChaosKind::named);
    let Some(kind) = kind else { return };
    let Some(embedded) = spec.get(kind.field).and_then(Value::as_object) else {
        let message = format!("a Schedule of `{}` needs `{}`", kind.kind, kind.field);
        found.add(Code::MissingKey, at, message, format!("add `{}` with what the chaos is to do", kind.field));
        return;
    };
    let lasts = format!("each `{}` of this Schedule lasts until it is deleted", kind.kind);
    object(kind, embedded, &format!("{at}/{}", kind.field), lasts, found);
}
