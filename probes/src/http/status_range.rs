//! The status codes that mean yes: one, or a range.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// One status code (`204`) or a range with both ends (`200-299`), from 100 to 599. The ends may come in either order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange {
    first: u16,
    last: u16,
}

/// Text that is neither a status code nor a range of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid status `{0}`: expected a number from 100 to 599, or a range such as `200-299`")]
pub struct StatusRangeError(String);

impl StatusRange {
    /// Every status from 200 to 299.
    pub fn success() -> Self {
        Self { first: 200, last: 299 }
    }

    /// Every status.
    pub fn any() -> Self {
        Self { first: 100, last: 599 }
    }

    /// Whether it holds this status.
    pub fn contains(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

impl TryFrom<u64> for StatusRange {
    type Error = StatusRangeError;

    fn try_from(status: u64) -> Result<Self, StatusRangeError> {
        match u16::try_from(status) {
            Ok(status @ 100..=599) => Ok(Self { first: status, last: status }),
            _ => Err(StatusRangeError(status.to_string())),
        }
    }
}

impl TryFrom<i64> for StatusRange {
    type Error = StatusRangeError;

    fn try_from(status: i64) -> Result<Self, StatusRangeError> {
        u64::try_from(status).map_err(|_| StatusRangeError(status.to_string()))?.try_into()
    }
}

impl FromStr for StatusRange {
    type Err = StatusRangeError;

    fn from_str(text: &str) -> Result<Self, StatusRangeError> {
        let one = |digits: &str| -> Option<u16> {
            let plain = digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse().ok().filter(|status| plain && (100..=599).contains(status))
        };
        let (a, b) = text.split_once('-').unwrap_or((text, text));
        let both = one(a).zip(one(b)).ok_or_else(|| StatusRangeError(text.to_owned()))?;
        Ok(Self { first: both.0.min(both.1), last: both.0.max(both.1) })
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

impl Serialize for StatusRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.first == self.last { serializer.serialize_u16(self.first) } else { serializer.collect_str(self) }
    }
}

impl<'de> Deserialize<'de> for StatusRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrText)
    }
}

struct NumberOrText;

impl Visitor<'_> for NumberOrText {
    type Value = StatusRange;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 100 to 599, or a range such as `200-299`")
    }

    fn visit_u64<E: de::Error>(self, status: u64) -> Result<StatusRange, E> {
        status.try_into().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, status: i64) -> Result<StatusRange, E> {
        status.try_into().map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<StatusRange, E> {
        text.parse().map_err(E::custom)
    }
}

impl JsonSchema for StatusRange {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StatusRange".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["integer", "string"],
            "minimum": 100,
            "maximum": 599,
            "pattern": "^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$",
            "patternErrorMessage": "expected a number from 100 to 599, or a range such as 200-299",
            "examples": [200, "200-299"]
        })
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::parse;
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_ranges_are_read_and_written_again() {
        let rows = [
            (json!(204), json!(204), 204, 205),
            (json!(204.0), json!(204), 204, 203),
            (json!("204"), json!(204), 204, 200),
            (json!("200-299"), json!("200-299"), 250, 300),
            (json!("299-200"), json!("200-299"), 200, 199),
        ];
        for (from, to, inside, outside) in rows {
            let range: StatusRange = parse(&from).unwrap();
            assert_eq!(serde_json::to_value(range).unwrap(), to, "{from}");
            assert!(range.contains(inside) && !range.contains(outside), "{from}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_would_be_right() {
        let rows = [
            json!(99),
            json!(600),
            json!(-200),
            json!(200.5),
            json!("2xx"),
            json!("200-"),
            json!("0200"),
            json!("+20"),
            json!(true),
        ];
        for from in rows {
            let error = parse::<StatusRange>(&from).unwrap_err();
            assert!(error.message.contains("from 100 to 599, or a range such as `200-299`"), "{from}: {error}");
        }
    }
}
