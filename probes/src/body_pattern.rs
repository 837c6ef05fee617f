//! A pattern that an answer's body, or a text in it, must have somewhere.

use std::borrow::Cow;

use regex_lite::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A regular expression, in the syntax of the `regex-lite` crate; it matches in time linear in the text.
///
/// The published schema takes every text for one: no validator knows this syntax.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BodyPattern(Regex);

/// Text that is not a regular expression.
#[derive(Debug, Clone, thiserror::Error)]
#[error("invalid regular expression `{pattern}`: {problem}")]
pub struct BodyPatternError {
    pattern: String,
    problem: regex_lite::Error,
}

impl BodyPattern {
    /// Whether a text has it somewhere.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for BodyPattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl TryFrom<String> for BodyPattern {
    type Error = BodyPatternError;

    fn try_from(pattern: String) -> Result<Self, BodyPatternError> {
        Regex::new(&pattern).map(Self).map_err(|problem| BodyPatternError { pattern, problem })
    }
}

impl From<BodyPattern> for String {
    fn from(pattern: BodyPattern) -> Self {
        pattern.as_str().to_owned()
    }
}

impl JsonSchema for BodyPattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "BodyPattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}
