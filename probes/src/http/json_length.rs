//! How many items there must be at a place of a JSON document.

use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

/// What a number of items must be: exactly so many, or within limits that both belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schemars(rename = "LengthExpectation", inline)]
pub struct LengthExpectation {
    /// Exactly so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<u64>,
    /// So many or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
    /// So many or fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
}

/// Limits that can't be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LengthExpectationError {
    /// Nothing is compared.
    #[error("no comparison: expected `equals`, `at_least` or `at_most`")]
    Nothing,
}

impl<'de> Deserialize<'de> for LengthExpectation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = Self::deserialize(deserializer)?;
        expected.check().map_err(D::Error::custom)?;
        Ok(expected)
    }
}

impl Serialize for LengthExpectation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl LengthExpectation {
    fn check(&self) -> Result<(), LengthExpectationError> {
        match (self.equals, self.at_least, self.at_most) {
            (None, None, None) => Err(LengthExpectationError::Nothing),
            _ => Ok(()),
        }
    }

    /// What is otherwise with the length of a value, as a clause.
    pub(super) fn contradicted_by(&self, found: &Value) -> Option<String> {
        let length = match found {
            Value::Array(items) => items.len(),
            Value::Object(keys) => keys.len(),
            Value::String(text) => text.chars().count(),
            _ => return Some("which has no length".to_owned()),
        };
        let length = length as u64;
        let wrong = |what: String| Some(format!("whose length {length} is not {what}"));
        match (self.equals, self.at_least, self.at_most) {
            (Some(wanted), ..) if length != wanted => wrong(wanted.to_string()),
            (_, Some(least), _) if length < least => wrong(format!("{least} or more")),
            (_, _, Some(most)) if length > most => wrong(format!("{most} or less")),
            _ => None,
        }
    }
}
