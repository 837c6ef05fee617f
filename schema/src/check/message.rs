//! The words of messages.

use chaos_core::suggestion;
use serde_json::Value;

use crate::text::finite;

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

/// What an author most likely meant by a value of the wrong type: the value, and how to write it.
pub(crate) fn hints(value: &Value) -> Vec<(Value, String)> {
    let hint = |value: Value, text: &str| (value, text.to_owned());
    match value {
        Value::String(text) => {
            let mut found = match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" | "1" => vec![hint(Value::Bool(true), "write `true`")],
                "no" | "off" | "n" | "0" => vec![hint(Value::Bool(false), "write `false`")],
                "true" if text != "true" => vec![hint(Value::Bool(true), "write `true`")],
                "false" if text != "false" => vec![hint(Value::Bool(false), "write `false`")],
                "true" | "false" => vec![hint(Value::Bool(text == "true"), "remove the quotes")],
                _ => Vec::new(),
            };
            let plain = text.replace('_', "");
            if let Some(number) = finite(&plain) {
                let how = if plain == *text { "remove the quotes" } else { "write it without `_`" };
                found.insert(0, hint(Value::Number(number), how));
            }
            found
        }
        Value::Number(number) => {
            let unit = format!("{number}s");
            let how = format!("write `{unit}`");
            vec![hint(Value::String(number.to_string()), "put quotes around it"), (Value::String(unit), how)]
        }
        Value::Bool(b) => vec![hint(Value::String(b.to_string()), "put quotes around it")],
        _ => Vec::new(),
    }
}

/// What is wrong with text where a mapping belongs: most often a space is missing behind a `:`.
pub(crate) fn mapping_hint(text: &str) -> &'static str {
    let colon = text.split_once(':').is_some_and(|(key, rest)| !key.contains(' ') && !rest.starts_with([' ', '/']));
    if colon { "put a space after the `:`" } else { "write keys with values, such as `{type: …}`" }
}
