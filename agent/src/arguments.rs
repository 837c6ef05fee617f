//! From what a model wrote as arguments to an object that a tool can parse.

mod by_schema;

use chaos_core::{MAX_DEPTH, value_depth};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::tool::ToolReply;

/// The longest arguments that are read, in bytes: far more than any tool needs, and little enough to send back and keep.
const MOST_BYTES: usize = 64 * 1024;

/// How often arguments are encoded as text: once by the protocol, once more by some models and servers.
const MOST_ENCODINGS: usize = 3;

/// Parses a tool's arguments into its own type.
///
/// # Errors
/// A reply that names the offending member and what was expected there, ready to be returned to the model.
pub fn parse_arguments<T: DeserializeOwned>(args: &Value) -> Result<T, ToolReply> {
    chaos_core::parse(args).map_err(|error| ToolReply::failed(format!("invalid arguments: {error}")))
}

/// Why raw arguments are no use to a tool. The text is for the model.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadArguments {
    #[error("arguments are not valid JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    #[error("arguments must be a JSON object, not {0}")]
    NotObject(&'static str),
    #[error("arguments of {0} bytes; write at most {MOST_BYTES}")]
    TooLong(usize),
    #[error("arguments are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("missing argument {0}")]
    Missing(String),
}

/// Reads raw arguments, in whichever of the usual shapes they came, and checks them against the schema's `required`.
///
/// Absent, empty and null arguments count as `{}`.
pub(crate) fn decode(raw: &Value, schema: &Value) -> Result<Value, BadArguments> {
    let length = length(raw);
    if length > MOST_BYTES {
        return Err(BadArguments::TooLong(length));
    }
    let mut object = Value::Object(object_of(raw)?);
    by_schema::follow(&mut object, schema);
    let Value::Object(mut object) = object else { unreachable!("an object's schema changes its members only") };
    if object.values().any(|value| value_depth(value) >= MAX_DEPTH) {
        return Err(BadArguments::TooDeep);
    }
    strip_nulls(&mut object);
    check_required(&object, schema)?;
    Ok(Value::Object(object))
}

/// Gives raw arguments as the text of an object for a conversation's history; `None` when they hold none.
///
/// Text that is an object's stays as it is, byte for byte.
pub(crate) fn as_text(raw: &Value) -> Option<String> {
    match raw {
        _ if length(raw) > MOST_BYTES => None,
        Value::String(text) if matches!(serde_json::from_str(text), Ok(Value::Object(_))) => Some(text.clone()),
        Value::String(text) if text.trim().is_empty() => None,
        Value::Null => None,
        other => object_of(other).ok().map(|object| Value::Object(object).to_string()),
    }
}

/// Bytes of raw arguments as they came, or as they would be sent back.
fn length(raw: &Value) -> usize {
    match raw {
        Value::String(text) => text.len(),
        other => other.to_string().len(),
    }
}

fn object_of(raw: &Value) -> Result<Map<String, Value>, BadArguments> {
    let mut parsed = raw.clone();
    for _ in 0..MOST_ENCODINGS {
        parsed = match &parsed {
            Value::String(text) if text.trim().is_empty() => Value::Null,
            Value::String(text) => match serde_json::from_str(text) {
                Ok(inner) => inner,
                // A text inside the JSON, not JSON itself.
                Err(_) if parsed != *raw => break,
                Err(error) => return Err(error.into()),
            },
            _ => break,
        };
    }
    match parsed {
        Value::Null => Ok(Map::new()),
        Value::Object(object) => Ok(object),
        other => Err(BadArguments::NotObject(kind(&other))),
    }
}

/// Removes null members, so that an optional argument which a strict model filled with null takes its default.
/// Elements of arrays stay: removing one would shift the others.
fn strip_nulls(object: &mut Map<String, Value>) {
    object.retain(|_, value| !value.is_null());
    for value in object.values_mut() {
        strip_nested(value);
    }
}

fn strip_nested(value: &mut Value) {
    match value {
        Value::Object(object) => strip_nulls(object),
        Value::Array(items) => items.iter_mut().for_each(strip_nested),
        _ => {}
    }
}

fn check_required(object: &Map<String, Value>, schema: &Value) -> Result<(), BadArguments> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    // A strict schema requires every member, and lets the optional ones be null.
    let optional = |name: &str| admits_null(&schema["properties"][name]);
    let missing = required.iter().filter(|name| !object.contains_key(**name) && !optional(name));
    let missing: Vec<String> = missing.map(|name| format!("`{name}`")).collect();
    if missing.is_empty() { Ok(()) } else { Err(BadArguments::Missing(missing.join(" and "))) }
}

fn admits_null(schema: &Value) -> bool {
    let names_null = match &schema["type"] {
        Value::Array(types) => types.iter().any(|name| name == "null"),
        name => name == "null",
    };
    names_null || schema["anyOf"].as_array().is_some_and(|branches| branches.iter().any(admits_null))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[test]
    fn long_arguments_are_refused_and_kept_out_of_the_history() {
        for raw in [json!({"a": "x".repeat(MOST_BYTES)}), json!(format!("{{\"a\":\"{}\"}}", "x".repeat(MOST_BYTES)))] {
            let error = decode(&raw, &json!({})).expect_err("too long").to_string();
            assert!(error.starts_with("arguments of 655") && error.ends_with("bytes; write at most 65536"), "{error}");
            assert!(as_text(&raw).is_none());
        }
        assert!(decode(&json!({"a": "x".repeat(MOST_BYTES - 8)}), &json!({})).is_ok());
    }

    #[test]
    fn every_usual_shape_of_arguments_is_read() {
        let cases = [
            (json!("{\"qps\": 5}"), json!({"qps": 5})),
            (json!({"qps": 5}), json!({"qps": 5})),
            (json!(""), json!({})),
            (json!("  \n"), json!({})),
            (json!("{}"), json!({})),
            (json!("null"), json!({})),
            (Value::Null, json!({})),
            (json!("\"{\\\"qps\\\": 5}\""), json!({"qps": 5})),
        ];
        for (raw, expected) in cases {
            let decoded = decode(&raw, &json!({"type": "object"})).expect("readable");
            assert_eq!(decoded, expected, "{raw}");
        }
    }

    #[test]
    fn wrong_shapes_say_what_is_wrong() {
        let cases = [
            (json!("{\"qps\": "), "arguments are not valid JSON: EOF while parsing a value at line 1 column 8"),
            (json!("[1]"), "arguments must be a JSON object, not an array"),
            (json!("5"), "arguments must be a JSON object, not a number"),
            (json!("\"x\""), "arguments must be a JSON object, not a string"),
            (json!(true), "arguments must be a JSON object, not a boolean"),
        ];
        for (raw, message) in cases {
            let error = decode(&raw, &json!({"type": "object"})).expect_err(message);
            assert_eq!(error.to_string(), message, "{raw}");
        }
    }

    #[test]
    fn missing_required_arguments_are_named() {
        let schema = json!({"type": "object", "required": ["url", "qps"]});
        let cases = [
            (json!("{}"), "missing argument `url` and `qps`"),
            (json!(""), "missing argument `url` and `qps`"),
            (json!("{\"url\": \"http://x\", \"qps\": null}"), "missing argument `qps`"),
        ];
        for (raw, message) in cases {
            let error = decode(&raw, &schema).expect_err(message);
            assert_eq!(error.to_string(), message, "{raw}");
        }
    }

    #[test]
    fn a_required_member_that_may_be_null_may_be_left_out() {
        let schema = json!({"type": "object", "required": ["url", "qps", "tls"], "properties": {
            "url": {"type": "string"}, "qps": {"type": ["integer", "null"]},
            "tls": {"anyOf": [{"$ref": "#/$defs/Tls"}, {"type": "null"}]}}});
        assert!(decode(&json!({"url": "http://x", "qps": null}), &schema).is_ok());
        let error = decode(&json!({"qps": 1, "tls": null}), &schema).expect_err("no URL");
        assert_eq!(error.to_string(), "missing argument `url`");
    }

    #[test]
    fn nulls_go_from_objects_and_stay_in_arrays() {
        let raw = json!({"a": null, "b": {"c": null, "d": [null, {"e": null}]}});
        let decoded = decode(&raw, &json!({"type": "object"})).expect("readable");
        assert_eq!(decoded, json!({"b": {"d": [null, {}]}}));
    }

    #[test]
    fn deep_nesting_is_refused() {
        for (levels, refused) in [(MAX_DEPTH - 1, false), (MAX_DEPTH, true)] {
            let mut value = json!(1);
            for _ in 0..levels {
                value = json!([value]);
            }
            let decoded = decode(&json!({"a": value}), &json!({"type": "object"}));
            let too_deep = matches!(decoded, Err(BadArguments::TooDeep));
            assert_eq!(too_deep, refused, "{levels} levels");
        }
        let text = format!("{{\"a\": {}1{}}}", "[".repeat(5000), "]".repeat(5000));
        let error = decode(&json!(text), &json!({})).expect_err("too deep for the parser too");
        assert!(matches!(error, BadArguments::NotJson(_)), "{error}");
    }

    #[test]
    fn a_typed_parse_names_the_member() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Args {
            #[expect(dead_code, reason = "only its type matters")]
            qps: u32,
        }
        let reply = parse_arguments::<Args>(&json!({"qps": "many"})).expect_err("a string");
        assert_eq!(reply, ToolReply::failed("invalid arguments: /qps: invalid type: string \"many\", expected u32"));
        let reply = parse_arguments::<Args>(&json!({"qps": 1, "host": "x"})).expect_err("unknown");
        assert!(matches!(&reply, ToolReply::Failed(text) if text.contains("unknown field `host`")), "{reply:?}");
    }
}
