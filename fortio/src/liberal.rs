//! Reads numbers the way other producers of fortio's format write them.
//!
//! Nighthawk prints counts as strings, the target rate as a number, and the
//! duration as a double.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

/// A whole number, also as a double or in a string.
pub(crate) fn count<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(input)?;
    whole(&value).and_then(|number| u64::try_from(number).ok()).ok_or_else(|| not(&value, "a count"))
}

/// A whole number of nanoseconds, also as a double or in a string.
pub(crate) fn nanos<'de, D: Deserializer<'de>>(input: D) -> Result<i64, D::Error> {
    let value = Value::deserialize(input)?;
    whole(&value).ok_or_else(|| not(&value, "a number of nanoseconds"))
}

/// A text, also as a number.
pub(crate) fn text<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    match Value::deserialize(input)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(not(&other, "a text or a number")),
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(rounded)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small enough")]
fn rounded(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e18).then_some(number as i64)
}

fn not<E: Error>(value: &Value, expected: &str) -> E {
    E::custom(format!("`{value}` is not {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_as_numbers_doubles_and_strings() {
        for (text, number) in [
            ("5", Some(5)),
            ("5.0", Some(5)),
            ("\"5\"", Some(5)),
            ("5.5", None),
            ("-1", None),
            ("\"x\"", None),
            ("null", None),
        ] {
            let got = count(&mut serde_json::Deserializer::from_str(text));
            assert_eq!(got.ok(), number, "{text}");
        }
    }

    #[test]
    fn a_bad_count_is_named_in_the_error() {
        let error = count(&mut serde_json::Deserializer::from_str("\"many\"")).unwrap_err();
        assert!(error.to_string().starts_with("`\"many\"` is not a count"), "{error}");
    }
}
