//! How far and how fast a clock is shifted, as authors write it.

use std::borrow::Cow;
use std::fmt;

use chaos_core::schemars::{Schema, SchemaGenerator, json_schema};
use chaos_core::{DurationText, DurationTextError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The least offset that a check tells from the noise of reading a clock.
const LEAST_NANOS: u128 = 200_000_000;
/// The greatest: beyond ten years certificates and file formats fail for other reasons than a clock that is wrong.
const MOST_NANOS: u128 = 10 * 366 * 86_400 * 1_000_000_000;

/// A length of time with a sign: `30s` is ahead, `-60s` is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockOffset(i64);

/// Text that is not an offset of a clock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockOffsetError {
    /// No length of time.
    #[error("{0}, or with a minus for a clock that is behind")]
    Duration(#[from] DurationTextError),
    /// A length that can't be used.
    #[error("offset `{0}` is out of bounds; write one from `200ms` to `3660d`, or with a minus")]
    Bounds(String),
}

impl ClockOffset {
    /// Nanoseconds that the clock is ahead.
    pub fn nanos(self) -> i64 {
        self.0
    }
}

impl TryFrom<String> for ClockOffset {
    type Error = ClockOffsetError;

    fn try_from(text: String) -> Result<Self, ClockOffsetError> {
        let (sign, length) = match text.strip_prefix('-') {
            Some(length) => (-1, length),
            None => (1, text.strip_prefix('+').unwrap_or(&text)),
        };
        let nanos = length.parse::<DurationText>()?.get().as_nanos();
        match i64::try_from(nanos) {
            Ok(signless) if (LEAST_NANOS..=MOST_NANOS).contains(&nanos) => Ok(Self(sign * signless)),
            _ => Err(ClockOffsetError::Bounds(text)),
        }
    }
}

impl From<ClockOffset> for String {
    fn from(offset: ClockOffset) -> Self {
        offset.to_string()
    }
}

impl fmt::Display for ClockOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", DurationText::from(std::time::Duration::from_nanos(self.0.unsigned_abs())))
    }
}

impl JsonSchema for ClockOffset {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ClockOffset".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let length = DurationText::json_schema(generator);
        let length = length.get("pattern").and_then(|pattern| pattern.as_str()).unwrap_or_default();
        json_schema!({
            "type": "string",
            "pattern": format!("^[+-]?{}", length.trim_start_matches('^')),
            "patternErrorMessage": "write a number and a unit, such as 30s, or -60s for a clock that is behind",
            "examples": ["30s", "-60s"]
        })
    }
}

/// By how many percent a clock is faster, or slower with a minus: from -90 to 400, and 1 at the least either way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct RatePercent(f64);

/// A number that is not a rate of a clock.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} % is out of bounds; write a rate from -90 to -1, or from 1 to 400")]
pub struct RatePercentError(f64);

impl RatePercent {
    /// Billionths by which the clock is faster.
    pub fn ppb(self) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "at most 4e9")]
        let ppb = (self.0 * 1e7).round() as i64;
        ppb
    }
}

impl TryFrom<f64> for RatePercent {
    type Error = RatePercentError;

    fn try_from(percent: f64) -> Result<Self, RatePercentError> {
        let fits = (-90.0..=-1.0).contains(&percent) || (1.0..=400.0).contains(&percent);
        if fits { Ok(Self(percent)) } else { Err(RatePercentError(percent)) }
    }
}

impl From<RatePercent> for f64 {
    fn from(rate: RatePercent) -> Self {
        rate.0
    }
}

impl fmt::Display for RatePercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+} %", self.0)
    }
}

impl JsonSchema for RatePercent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RatePercent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": -90, "maximum": 400 })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn offset(text: &str) -> Result<ClockOffset, ClockOffsetError> {
        ClockOffset::try_from(text.to_owned())
    }

    #[test]
    fn an_offset_has_a_sign_and_bounds() {
        for (text, nanos, written) in [
            ("30s", 30_000_000_000, "30s"),
            ("+1m30s", 90_000_000_000, "1m30s"),
            ("-60s", -60_000_000_000, "-1m"),
            ("200ms", 200_000_000, "200ms"),
        ] {
            let read = offset(text).unwrap();
            assert_eq!((read.nanos(), read.to_string().as_str()), (nanos, written), "{text}");
            assert_eq!(offset(written).unwrap(), read);
        }
        for text in ["0s", "199ms", "-1ms", "4000d"] {
            assert!(matches!(offset(text), Err(ClockOffsetError::Bounds(_))), "{text}");
        }
        for text in ["", "-", "--1s", "1", "s"] {
            assert!(matches!(offset(text), Err(ClockOffsetError::Duration(_))), "{text}");
        }
    }

    #[test]
    fn the_schema_accepts_what_the_parser_does() {
        let schema = ClockOffset::json_schema(&mut SchemaGenerator::default());
        let validator = jsonschema::draft7::new(&serde_json::to_value(&schema).unwrap()).unwrap();
        for (text, fine) in [("30s", true), ("-60s", true), ("+1h", true), ("- 1s", false), ("1", false)] {
            assert_eq!((validator.is_valid(&json!(text)), offset(text).is_ok()), (fine, fine), "{text}");
        }
    }

    #[test]
    fn a_rate_is_neither_nothing_nor_backwards() {
        assert_eq!(RatePercent::try_from(10.0).unwrap().ppb(), 100_000_000);
        for wrong in [0.0, 0.5, -0.9, -100.0, 401.0, f64::NAN] {
            assert!(RatePercent::try_from(wrong).is_err(), "{wrong}");
        }
    }
}
