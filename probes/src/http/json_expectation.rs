//! What a JSON document must have at a place.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use super::json_length::LengthExpectation;
use super::json_pointer::JsonPointer;
use crate::body_pattern::BodyPattern;

/// How many characters of a value are shown.
const SHOWN: usize = 60;

/// Comparisons with the value at one place, which must all hold; a value that is missing meets none but `exists: false`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schemars(rename = "JsonExpectation", inline)]
pub struct JsonExpectation {
    /// The place, as a JSON pointer (RFC 6901), such as `/items/0/name`; empty for the whole body.
    pub pointer: JsonPointer,
    /// It is this value, of any type; numbers are compared by value (`1` is `1.0`).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub equals: Option<Value>,
    /// It is there, and another value than this.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub not_equals: Option<Value>,
    /// It is a number above this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// It is a number below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// It is a number of this or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// It is a number of this or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// What the number of its items must be: of a list, the keys of a mapping, or the characters of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<LengthExpectation>,
    /// It has this regular expression somewhere; what is not a string is read as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<BodyPattern>,
    /// Whether there is a value, be it `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
}

/// What a number must be beside a limit.
type Meets = fn(Ordering) -> bool;

/// Comparisons that can't be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonExpectationError {
    /// Nothing is compared.
    #[error(
        "no comparison: expected `equals`, `not_equals`, `above`, `below`, `at_least`, `at_most`, `length`, `matches` or `exists`"
    )]
    Nothing,
    /// A value that must be missing is compared.
    #[error("`exists: false` leaves nothing to compare; remove it, or the other comparisons")]
    Missing,
}

/// A key that is there is given, `null` too.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for JsonExpectation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = Self::deserialize(deserializer)?;
        expected.check().map_err(D::Error::custom)?;
        Ok(expected)
    }
}

impl Serialize for JsonExpectation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl JsonExpectation {
    fn check(&self) -> Result<(), JsonExpectationError> {
        let is_compared = self.equals.is_some()
            || self.not_equals.is_some()
            || self.limits().next().is_some()
            || self.length.is_some()
            || self.matches.is_some();
        match (is_compared, self.exists) {
            (false, None) => Err(JsonExpectationError::Nothing),
            (true, Some(false)) => Err(JsonExpectationError::Missing),
            _ => Ok(()),
        }
    }

    /// What is otherwise in a document, as a clause; `None` when all is as expected.
    pub(super) fn contradicted_by(&self, document: &Value) -> Option<String> {
        let place = &self.pointer;
        let Some(found) = self.pointer.find(document) else {
            return (self.exists != Some(false)).then(|| format!("{place} is missing"));
        };
        let is = format!("{place} is {}", shown(found));
        if self.exists == Some(false) {
            return Some(format!("{is} and should be missing"));
        }
        if let Some(wanted) = self.equals.as_ref().filter(|wanted| !is_same(found, wanted)) {
            return Some(format!("{is} instead of {}", shown(wanted)));
        }
        if self.not_equals.as_ref().is_some_and(|unwanted| is_same(found, unwanted)) {
            return Some(format!("{is}, which `not_equals` excludes"));
        }
        for (word, limit, meets) in self.limits() {
            let Some(number) = found.as_f64() else { return Some(format!("{is}, which is not a number")) };
            if !number.partial_cmp(&limit).is_some_and(meets) {
                return Some(format!("{is}, which is not {word} {limit}"));
            }
        }
        if let Some(wrong) = self.length.as_ref().and_then(|length| length.contradicted_by(found)) {
            return Some(format!("{is}, {wrong}"));
        }
        self.unmatched(found).map(|pattern| format!("{is}, which does not match `{pattern}`"))
    }

    /// Its limits of a number: the words for it, and what a number must be beside it.
    fn limits(&self) -> impl Iterator<Item = (&'static str, f64, Meets)> {
        let all: [(&'static str, Option<f64>, Meets); 4] = [
            ("above", self.above, Ordering::is_gt),
            ("below", self.below, Ordering::is_lt),
            ("at least", self.at_least, Ordering::is_ge),
            ("at most", self.at_most, Ordering::is_le),
        ];
        all.into_iter().filter_map(|(word, limit, meets)| Some((word, limit?, meets)))
    }

    /// The pattern that a value does not have.
    fn unmatched(&self, found: &Value) -> Option<&str> {
        let is_matched = |pattern: &&BodyPattern| match found {
            Value::String(text) => pattern.is_in(text),
            other => pattern.is_in(&other.to_string()),
        };
        self.matches.as_ref().filter(|pattern| !is_matched(pattern)).map(BodyPattern::as_str)
    }
}

/// Whether two values are equal, numbers by value.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        // Whole numbers beyond 2^53 are told apart; a fraction is compared as what it was read as.
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            a.as_f64().zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b)) == Some(Ordering::Equal)
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        _ => one == other,
    }
}

/// A value as JSON text, shortened.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::parse;
    use serde_json::json;

    use super::*;

    #[test]
    fn comparisons_hold_or_say_what_is_there() {
        let document = json!({
            "status": "degraded", "n": 17, "f": 2.0, "none": null, "list": [1, 2.0], "text": "42", "long": "x".repeat(99)
        });
        let rows = [
            (json!({"pointer": "/status", "equals": "degraded"}), None),
            (json!({"pointer": "/status", "equals": "ok"}), Some("`/status` is `\"degraded\"` instead of `\"ok\"`")),
            (json!({"pointer": "/status", "not_equals": "ok"}), None),
            (json!({"pointer": "/n", "not_equals": 17.0}), Some("`/n` is `17`, which `not_equals` excludes")),
            (json!({"pointer": "/n", "equals": 17.0}), None),
            (json!({"pointer": "/f", "equals": 2}), None),
            (json!({"pointer": "/list", "equals": [1.0, 2]}), None),
            (json!({"pointer": "/list", "equals": [2, 1]}), Some("`/list` is `[1,2.0]` instead of `[2,1]`")),
            (json!({"pointer": "/n", "above": 16, "below": 18}), None),
            (json!({"pointer": "/n", "above": 17}), Some("`/n` is `17`, which is not above 17")),
            (json!({"pointer": "/n", "below": 17.0}), Some("`/n` is `17`, which is not below 17")),
            (json!({"pointer": "/n", "at_least": 17, "at_most": 17}), None),
            (json!({"pointer": "/n", "at_least": 17.5}), Some("`/n` is `17`, which is not at least 17.5")),
            (json!({"pointer": "/n", "at_most": 16}), Some("`/n` is `17`, which is not at most 16")),
            (json!({"pointer": "/n", "above": 1, "at_most": 16}), Some("`/n` is `17`, which is not at most 16")),
            (json!({"pointer": "/status", "at_least": 1}), Some("`/status` is `\"degraded\"`, which is not a number")),
            (json!({"pointer": "/list", "length": {"equals": 2}}), None),
            (json!({"pointer": "/list", "length": {"at_least": 1, "at_most": 2}}), None),
            (
                json!({"pointer": "/list", "length": {"at_least": 3}}),
                Some("`/list` is `[1,2.0]`, whose length 2 is not"),
            ),
            (
                json!({"pointer": "/list", "length": {"at_most": 1}}),
                Some("`/list` is `[1,2.0]`, whose length 2 is not"),
            ),
            (json!({"pointer": "/text", "length": {"equals": 2}}), None),
            (json!({"pointer": "", "length": {"equals": 7}}), None),
            (json!({"pointer": "/n", "length": {"equals": 2}}), Some("`/n` is `17`, which has no length")),
            (json!({"pointer": "/gone", "length": {"equals": 0}}), Some("`/gone` is missing")),
            (json!({"pointer": "/text", "above": 1}), Some("`/text` is `\"42\"`, which is not a number")),
            (json!({"pointer": "/status", "matches": "^deg"}), None),
            (json!({"pointer": "/n", "matches": "^1.$"}), None),
            (json!({"pointer": "/n", "above": 1, "matches": "8"}), Some("`/n` is `17`, which does not match `8`")),
            (json!({"pointer": "/none", "exists": true}), None),
            (json!({"pointer": "/none", "equals": null}), None),
            (json!({"pointer": "/none", "exists": false}), Some("`/none` is `null` and should be missing")),
            (json!({"pointer": "/gone", "exists": false}), None),
            (json!({"pointer": "/gone", "exists": true}), Some("`/gone` is missing")),
            (json!({"pointer": "/gone", "equals": null}), Some("`/gone` is missing")),
            (json!({"pointer": "/gone", "not_equals": 1}), Some("`/gone` is missing")),
            (json!({"pointer": "", "equals": 1}), Some("the body is `{\"f\":2.0,\"list\":[1,2.0],")),
        ];
        for (expected, wrong) in rows {
            let read: JsonExpectation = parse(&expected).unwrap();
            let found = read.contradicted_by(&document);
            match (&found, wrong) {
                (Some(found), Some(wrong)) => assert!(found.starts_with(wrong), "{expected}: {found}"),
                _ => assert_eq!(found.as_deref(), wrong, "{expected}"),
            }
            let written = serde_json::to_value(&read).unwrap();
            assert_eq!(parse::<JsonExpectation>(&written).unwrap(), read, "{expected}");
        }
        let long: JsonExpectation = parse(&json!({"pointer": "/long", "equals": 1})).unwrap();
        assert!(long.contradicted_by(&document).unwrap().chars().count() < 100);
    }

    #[test]
    fn whole_numbers_are_not_rounded() {
        let close: JsonExpectation = parse(&json!({"pointer": "", "equals": 9_007_199_254_740_993_u64})).unwrap();
        assert!(close.contradicted_by(&json!(9_007_199_254_740_992_u64)).is_some());
    }

    #[test]
    fn what_compares_nothing_is_refused() {
        let rows = [
            (json!({"pointer": "/a"}), "", "no comparison: expected `equals`"),
            (json!({"pointer": "/a", "exists": false, "equals": 1}), "", "leaves nothing to compare"),
            (json!({"pointer": "a", "exists": true}), "/pointer", "invalid JSON pointer `a`"),
            (json!({"equals": 1}), "", "missing field `pointer`"),
            (json!({"pointer": "/a", "equal": 1}), "", "unknown field `equal`"),
            (
                json!({"pointer": "/a", "length": {}}),
                "/length",
                "no comparison: expected `equals`, `at_least` or `at_most`",
            ),
            (json!({"pointer": "/a", "length": {"equals": -1}}), "/length/equals", "-1"),
            (json!({"pointer": "/a", "matches": "("}), "/matches", "invalid regular expression `(`"),
        ];
        for (value, pointer, message) in rows {
            let error = parse::<JsonExpectation>(&value).unwrap_err();
            assert!(error.pointer.starts_with(pointer) && error.message.contains(message), "{value}: {error}");
        }
    }
}
