//! The words of messages.

use chaos_core::suggestion;
use serde_json::Value;

/// A JSON type as authors call it, with its article.
pub(crate) fn expected(name: &str) -> &'static str {
    match name {
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "string" => "a string",
        "array" => "a list",
        "object" => "a mapping",
        _ => "empty",
    }
}

/// What a value is.
pub(crate) fn actual(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "a boolean",
        Value::Number(n) if n.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// "did you mean `x`? known: x, y"; the list alone where nothing is near.
pub(crate) fn choices(typed: Option<&str>, known: &[&str]) -> String {
    let near = typed.and_then(|typed| suggestion(typed, known.iter().copied()));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    match known {
        [] => format!("{near}none is known here"),
        _ => format!("{near}known: {}", known.join(", ")),
    }
}

/// What an author most likely meant by a value of the wrong type.
pub(crate) fn type_hint(value: &Value, wanted: &[&str]) -> Option<&'static str> {
    let wants = |name: &str| wanted.contains(&name);
    match value {
        Value::Null => Some("leave the key out, or give it a value"),
        Value::String(text) if wants("boolean") => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" => Some("write `true`"),
            "no" | "off" | "n" => Some("write `false`"),
            "true" | "false" => Some("remove the quotes"),
            _ => None,
        },
        Value::String(text) if wants("integer") || wants("number") => {
            let plain = text.replace('_', "");
            let number = plain.parse::<f64>().is_ok_and(f64::is_finite);
            match (number, plain == *text) {
                (true, true) => Some("remove the quotes"),
                (true, false) => Some("write it without `_`"),
                _ => None,
            }
        }
        Value::Number(_) | Value::Bool(_) if wants("string") => Some("put quotes around it"),
        _ => None,
    }
}
