//! How long a load lasts, as authors and fortio write it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DurationText;

/// A length of time above zero, as text: `250ms`, `30s`, `1m30s`.
///
/// fortio reads zero as "until interrupted"; every load has an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LoadDuration(Duration);

/// Text that is not the length of a load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid duration `{0}`: expected a duration above zero, such as `250ms`, `30s` or `1m30s`")]
pub struct LoadDurationError(String);

/// The pattern of a duration with a digit above zero somewhere; every accepted text has it, and no other.
const PATTERN: &str = r"^(?=.*[1-9])([0-9]{1,9}(\.[0-9]{1,9})?(ms|us|ns|s|m|h|d))+$";

impl LoadDuration {
    /// The length.
    pub fn get(self) -> Duration {
        self.0
    }
}

impl TryFrom<String> for LoadDuration {
    type Error = LoadDurationError;

    fn try_from(text: String) -> Result<Self, LoadDurationError> {
        match text.parse::<DurationText>() {
            Ok(time) if text.contains(|c: char| ('1'..='9').contains(&c)) => {
                // Fractions of a nanosecond are above zero too.
                Ok(Self(time.get().max(Duration::from_nanos(1))))
            }
            _ => Err(LoadDurationError(text)),
        }
    }
}

impl TryFrom<Duration> for LoadDuration {
    type Error = LoadDurationError;

    fn try_from(time: Duration) -> Result<Self, LoadDurationError> {
        if time.is_zero() { Err(LoadDurationError("0s".to_owned())) } else { Ok(Self(time)) }
    }
}

impl From<LoadDuration> for String {
    fn from(length: LoadDuration) -> Self {
        DurationText::from(length.0).to_string()
    }
}

impl JsonSchema for LoadDuration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LoadDuration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": PATTERN,
            "patternErrorMessage": "write a duration above zero, such as 250ms, 30s or 1m30s",
            "examples": ["30s", "250ms", "1m30s"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_above_zero_are_read_and_written_again() {
        for (text, nanos) in [("30s", 30_000_000_000), ("1m30s", 90_000_000_000), ("0s1ms", 1_000_000), ("0.1ns", 1)] {
            let length = LoadDuration::try_from(text.to_owned()).unwrap();
            assert_eq!(length.get(), Duration::from_nanos(nanos), "{text}");
            assert_eq!(LoadDuration::try_from(String::from(length)), Ok(length), "{text}");
        }
    }

    #[test]
    fn zero_and_nonsense_are_refused() {
        for text in ["0s", "0.0ms", "0s0m", "", "30", "-1s", "1e9s", "99999999999s"] {
            let error = LoadDuration::try_from(text.to_owned()).unwrap_err();
            assert!(error.to_string().contains("above zero"), "{text}");
        }
    }
}
