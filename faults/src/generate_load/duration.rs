//! How long a spike lasts, as authors and fortio write it.

use std::time::Duration;

use chaos_core::DurationText;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A length of time above zero, as text: `250ms`, `30s`, `1m30s`.
///
/// fortio reads zero as "until interrupted"; a spike without an end is no spike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpikeDuration(Duration);

/// Text that is no length of a spike.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no length of a spike; write a duration above zero, such as `250ms`, `30s` or `1m30s`")]
pub struct SpikeDurationError(String);

/// The pattern of a duration with a digit above zero somewhere; every accepted text has it, and no other.
const PATTERN: &str = r"^(?=.*[1-9])([0-9]{1,9}(\.[0-9]{1,9})?(ms|us|ns|s|m|h|d))+$";

impl SpikeDuration {
    /// The length.
    pub fn get(self) -> Duration {
        self.0
    }
}

impl TryFrom<String> for SpikeDuration {
    type Error = SpikeDurationError;

    fn try_from(text: String) -> Result<Self, SpikeDurationError> {
        match text.parse::<DurationText>() {
            Ok(time) if text.contains(|c: char| ('1'..='9').contains(&c)) => {
                // Fractions of a nanosecond are above zero too.
                Ok(Self(time.get().max(Duration::from_nanos(1))))
            }
            _ => Err(SpikeDurationError(text)),
        }
    }
}

impl From<SpikeDuration> for String {
    fn from(length: SpikeDuration) -> Self {
        DurationText::from(length.0).to_string()
    }
}

impl JsonSchema for SpikeDuration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SpikeDuration".into()
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
            let length = SpikeDuration::try_from(text.to_owned()).unwrap();
            assert_eq!(length.get(), Duration::from_nanos(nanos), "{text}");
            assert_eq!(SpikeDuration::try_from(String::from(length)), Ok(length), "{text}");
        }
    }

    #[test]
    fn zero_and_nonsense_are_refused() {
        for text in ["0s", "0.0ms", "0s0m", "", "30", "-1s", "1e9s", "99999999999s"] {
            let error = SpikeDuration::try_from(text.to_owned()).unwrap_err();
            assert!(error.to_string().contains("above zero"), "{text}");
        }
    }
}
