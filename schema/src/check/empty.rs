//! Keys of ours that are null, and so count as absent: a note, and a warning where a policy could vanish that way.

use serde_json::Value;

use super::report::Report;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{DocumentKind, foreign};
use crate::pointer;

/// Notes each key that is null.
pub(super) fn report(ours: &Value, kind: DocumentKind, report: &mut Report) {
    walk(ours, "", kind, report);
}

fn walk(value: &Value, at: &str, kind: DocumentKind, report: &mut Report) {
    match value {
        Value::Object(map) => {
            for (key, item) in map {
                let at = pointer::join(at, key);
                // Said once, as what it means.
                if item.is_null() && !matches!(at.as_str(), "/chaos_spec" | "/$schema") {
                    note(&at, key, kind, report);
                } else if !is_foreign(&at, key, item) {
                    walk(item, &at, kind, report);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &pointer::join(at, &index.to_string()), kind, report);
            }
        }
        _ => {}
    }
}

fn note(at: &str, key: &str, kind: DocumentKind, report: &mut Report) {
    let policy = kind == DocumentKind::Policy || pointer::is_within(at, "/policy");
    let (code, help) = if policy {
        (Code::EmptyPolicyKey, "give it a value, or remove the key")
    } else {
        (Code::EmptyKey, "it counts as absent")
    };
    if !report.has_error_at(at) {
        let message = if policy { format!("`{key}` is empty and limits nothing") } else { format!("`{key}` is empty") };
        report.add(Diagnostic::new(code, at, message).help(help));
    }
}

/// What in an item of `verification_spec` is the harness's own.
fn is_foreign(at: &str, key: &str, value: &Value) -> bool {
    let mut segments = at.split('/').skip(1);
    if segments.next() != Some("verification_spec") || segments.count() != 2 {
        return false;
    }
    match key {
        "check" | "spec" => !foreign(value).is_empty(),
        "name" | "mode" | "timeout_seconds" => false,
        _ => true,
    }
}
