//! What a value of a JSON answer must be.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};

use super::body_pattern::BodyPattern;

/// A value of a JSON answer, and what it must be. Without a comparison it must be there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct JsonExpectation {
    /// Where it is, as a JSON pointer (RFC 6901): `/checks/0/status`; empty for the whole answer.
    pub path: JsonPointer,
    /// What it must be equal to; numbers are compared by value, so 1 is 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "even_null")]
    pub equals: Option<Value>,
    /// It must be a number above this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Number>,
    /// It must be a number below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Number>,
    /// It must be a text that has this regular expression somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<BodyPattern>,
}

/// `equals: null` is a comparison with null.
fn even_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JsonPointer(String);

/// Text that is not a JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid JSON pointer `{0}`: expected one such as `/checks/0/status` (`~1` for `/`, `~0` for `~` in a key)")]
pub struct JsonPointerError(String);

impl TryFrom<String> for JsonPointer {
    type Error = JsonPointerError;

    fn try_from(text: String) -> Result<Self, JsonPointerError> {
        let escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        let rooted = text.is_empty() || text.starts_with('/');
        if escaped && rooted { Ok(Self(text)) } else { Err(JsonPointerError(text)) }
    }
}

impl From<JsonPointer> for String {
    fn from(pointer: JsonPointer) -> Self {
        pointer.0
    }
}

impl JsonSchema for JsonPointer {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "JsonPointer".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(/([^~]|~[01])*)?$",
            "patternErrorMessage": "write a JSON pointer such as /checks/0/status",
            "examples": ["/status"]
        })
    }
}

impl JsonExpectation {
    /// Why a body does not meet it, if it does not. The values themselves are not told: they may be secret.
    pub(super) fn unmet(&self, body: &str) -> Option<String> {
        let path = &self.path.0;
        let Ok(whole) = serde_json::from_str::<Value>(body) else { return Some("is not JSON".to_owned()) };
        let Some(found) = whole.pointer(path) else { return Some(format!("has nothing at `{path}`")) };
        let number = |bound: &Number, holds: fn(f64, f64) -> bool| {
            found.as_f64().zip(bound.as_f64()).is_some_and(|(found, bound)| holds(found, bound))
        };
        let rows = [
            self.equals.as_ref().map(|want| (same(found, want), format!("equal to {}", shown(want)))),
            self.above.as_ref().map(|bound| (number(bound, |found, bound| found > bound), format!("above {bound}"))),
            self.below.as_ref().map(|bound| (number(bound, |found, bound| found < bound), format!("below {bound}"))),
            self.matches.as_ref().map(|pattern| {
                (found.as_str().is_some_and(|text| pattern.is_in(text)), "what `matches` asks for".to_owned())
            }),
        ];
        let wrong = rows.into_iter().flatten().find(|(holds, _)| !holds)?;
        Some(format!("has {} at `{path}`, which is not {}", kind(found), wrong.1))
    }
}

/// Equal, with numbers compared by value.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let equal = |(key, value): (&String, &Value)| other.get(key).is_some_and(|other| same(value, other));
            one.len() == other.len() && one.iter().all(equal)
        }
        (one, other) => one == other,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => "the value of `equals`".to_owned(),
        plain => plain.to_string(),
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(_) => "another text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::parse;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_found_by_pointer_and_compared() {
        let body = r#"{"status": "ok", "lag": 3, "a/b": {"m~n": [1, null]}, "up": true}"#;
        let rows = [
            (json!({"path": "/status", "equals": "ok"}), None),
            (
                json!({"path": "/status", "equals": "down"}),
                Some("has another text at `/status`, which is not equal to \"down\""),
            ),
            (json!({"path": "/lag", "equals": 3.0}), None),
            (json!({"path": "/lag", "above": 2, "below": 5}), None),
            (json!({"path": "/lag", "above": 3}), Some("has 3 at `/lag`, which is not above 3")),
            (json!({"path": "/status", "below": 3}), Some("has another text at `/status`, which is not below 3")),
            (json!({"path": "/status", "matches": "^o"}), None),
            (json!({"path": "/lag", "matches": "3"}), Some("has 3 at `/lag`, which is not what `matches` asks for")),
            (json!({"path": "/a~1b/m~0n/1", "equals": null}), None),
            (json!({"path": "/a~1b/m~0n/2"}), Some("has nothing at `/a~1b/m~0n/2`")),
            (json!({"path": "/a~1b", "equals": {"m~n": [1.0, null]}}), None),
            (json!({"path": "/up", "equals": "true"}), Some("has true at `/up`, which is not equal to \"true\"")),
            (json!({"path": ""}), None),
        ];
        for (expect, unmet) in rows {
            let expectation: JsonExpectation = parse(&expect).unwrap();
            assert_eq!(expectation.unmet(body).as_deref(), unmet, "{expect}");
        }
        let whole: JsonExpectation = parse(&json!({"path": ""})).unwrap();
        assert_eq!(whole.unmet("<html>").as_deref(), Some("is not JSON"));
    }

    #[test]
    fn mistakes_are_refused_before_anything_is_asked() {
        let rows = [
            (json!({"path": "status"}), "invalid JSON pointer `status`"),
            (json!({"path": "/a~2"}), "invalid JSON pointer"),
            (json!({"path": "$.status"}), "expected one such as `/checks/0/status`"),
            (json!({"path": "/a", "matches": "("}), "invalid pattern `(`"),
            (json!({"path": "/a", "equal": 1}), "unknown field `equal`"),
            (json!({"equals": 1}), "missing field `path`"),
        ];
        for (expect, why) in rows {
            let error = parse::<JsonExpectation>(&expect).unwrap_err().to_string();
            assert!(error.contains(why), "{expect}: {error}");
        }
    }
}
