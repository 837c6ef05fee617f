//! A pattern that an answer's body must have somewhere.

use regex_lite::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A regular expression, in the syntax of the `regex-lite` crate; it matches in time linear in the body.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline, with = "String")]
pub struct BodyPattern(Regex);

/// Text that is not a regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid pattern `{text}`: {why}; expected a regular expression, such as `\"status\": *\"ok\"`")]
pub struct BodyPatternError {
    text: String,
    why: String,
}

impl BodyPattern {
    /// Whether a text has it somewhere.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for BodyPattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl TryFrom<String> for BodyPattern {
    type Error = BodyPatternError;

    fn try_from(text: String) -> Result<Self, BodyPatternError> {
        Regex::new(&text).map(Self).map_err(|error| BodyPatternError { why: error.to_string(), text })
    }
}

impl From<BodyPattern> for String {
    fn from(pattern: BodyPattern) -> Self {
        pattern.0.as_str().to_owned()
    }
}
