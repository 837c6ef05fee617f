//! Lengths of time as authors write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A length of time as text: `250ms`, `30s`, `1m30s`, `1d4h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DurationText(Duration);

/// Text that is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid duration `{0}`: expected a number with a unit, such as `250ms`, `30s` or `1m30s`")]
pub struct DurationTextError(String);

/// The pattern that every accepted text has; the number's digits are bounded so that no sum overflows.
const PATTERN: &str = r"^([0-9]{1,9}(\.[0-9]{1,9})?(ms|us|ns|s|m|h|d))+$";

/// Units in nanoseconds; two-letter ones first, so that `ms` is not read as `m`.
const UNITS: [(&str, f64); 7] =
    [("ms", 1e6), ("us", 1e3), ("ns", 1.0), ("s", 1e9), ("m", 6e10), ("h", 3.6e12), ("d", 8.64e13)];

impl DurationText {
    /// The length.
    pub fn get(self) -> Duration {
        self.0
    }
}

impl From<Duration> for DurationText {
    fn from(time: Duration) -> Self {
        Self(time)
    }
}

impl FromStr for DurationText {
    type Err = DurationTextError;

    fn from_str(text: &str) -> Result<Self, DurationTextError> {
        let wrong = || DurationTextError(text.to_owned());
        let mut rest = text;
        let mut nanos = 0.0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
            let (number, after) = rest.split_at(digits);
            let (unit, scale) = UNITS.iter().find(|(unit, _)| after.starts_with(unit)).ok_or_else(wrong)?;
            nanos += checked_number(number).ok_or_else(wrong)? * scale;
            rest = &after[unit.len()..];
        }
        if text.is_empty() {
            return Err(wrong());
        }
        Duration::try_from_secs_f64(nanos / 1e9).map(Self).map_err(|_| wrong())
    }
}

fn checked_number(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let fits = |part: &str| (1..=9).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if fits(whole) && fits(fraction) { text.parse().ok() } else { None }
}

impl TryFrom<String> for DurationText {
    type Error = DurationTextError;

    fn try_from(text: String) -> Result<Self, DurationTextError> {
        text.parse()
    }
}

impl From<DurationText> for String {
    fn from(text: DurationText) -> Self {
        text.to_string()
    }
}

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.subsec_nanos();
        let seconds = self.0.as_secs();
        if seconds > 0 || nanos == 0 {
            let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            if h > 0 {
                write!(f, "{h}h")?;
            }
            if m > 0 {
                write!(f, "{m}m")?;
            }
            if s > 0 || (h == 0 && m == 0 && nanos == 0) {
                write!(f, "{s}s")?;
            }
        }
        match nanos {
            0 => Ok(()),
            n if n % 1_000_000 == 0 => write!(f, "{}ms", n / 1_000_000),
            n if n % 1000 == 0 => write!(f, "{}us", n / 1000),
            n => write!(f, "{n}ns"),
        }
    }
}

impl JsonSchema for DurationText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": PATTERN,
            "patternErrorMessage": "write a number and a unit, such as 250ms, 30s or 1m30s",
            "examples": ["30s", "250ms", "1m30s"]
        })
    }
}

/// Seconds as a number, for keys that end in `_seconds`: from 0.001 to 86,400 (a day).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Seconds(f64);

/// A number that is not a length of time here.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} seconds is out of bounds; write a number from 0.001 to 86400")]
pub struct SecondsError(f64);

impl Seconds {
    /// The length.
    pub fn get(self) -> Duration {
        Duration::from_secs_f64(self.0)
    }

    /// Whole minutes; 0 becomes the least length.
    pub fn minutes(minutes: u8) -> Self {
        Self((60.0 * f64::from(minutes)).max(0.001))
    }
}

impl TryFrom<f64> for Seconds {
    type Error = SecondsError;

    fn try_from(seconds: f64) -> Result<Self, SecondsError> {
        if (0.001..=86_400.0).contains(&seconds) { Ok(Self(seconds)) } else { Err(SecondsError(seconds)) }
    }
}

impl From<Seconds> for f64 {
    fn from(seconds: Seconds) -> Self {
        seconds.0
    }
}

impl From<u8> for Seconds {
    /// Whole seconds; 0 becomes the least length.
    fn from(seconds: u8) -> Self {
        Self(f64::from(seconds).max(0.001))
    }
}

impl JsonSchema for Seconds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Seconds".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "minimum": 0.001, "maximum": 86400.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_fortio_reads_them() {
        let rows =
            [("250ms", 250), ("30s", 30_000), ("1m30s", 90_000), ("1d4h", 100_800_000), ("1.5s", 1500), ("0s", 0)];
        for (text, millis) in rows {
            assert_eq!(text.parse::<DurationText>().unwrap().get(), Duration::from_millis(millis), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_what_would_be_right() {
        for text in ["", "30", "s", "-1s", "1 s", "1.s", ".5s", "1x", "1e3s", "99999999999s", "30s ", "ſs", "1µs"] {
            let error = text.parse::<DurationText>().unwrap_err();
            assert!(error.to_string().contains("such as `250ms`"), "{text}");
        }
    }

    #[test]
    fn printing_and_reading_again_changes_nothing() {
        for millis in [0, 1, 250, 1000, 1500, 90_000, 3_600_000, 100_800_001] {
            let text = DurationText::from(Duration::from_millis(millis));
            assert_eq!(text.to_string().parse::<DurationText>().unwrap(), text);
        }
    }

    #[test]
    fn seconds_have_bounds() {
        for wrong in [0.0, -1.0, 86_401.0, f64::NAN, f64::INFINITY] {
            assert!(Seconds::try_from(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Seconds::try_from(1.5).unwrap().get(), Duration::from_millis(1500));
    }
}
