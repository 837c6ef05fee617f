//! A pattern that an answer's body must have somewhere.

use chaos_core::PluginError;
use regex_lite::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A regular expression, in the syntax of the `regex-lite` crate; it matches in time linear in the body.
///
/// Whether it compiles is checked before anything is injected, not in the schema: no published validator knows this
/// syntax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct BodyPattern(pub String);

impl BodyPattern {
    /// The compiled expression.
    ///
    /// # Errors
    /// One clause that names the pattern and what is wrong with it.
    pub(super) fn compile(&self) -> Result<Regex, PluginError> {
        Regex::new(&self.0).map_err(|error| PluginError::refused(format!("invalid `expect_body`: {error}")))
    }
}
