//! Why a scenario was not rendered.

use std::fmt;

/// Why a scenario was not rendered, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RenderError {
    /// Line of the scenario, from 1; absent where it is about no place in it.
    pub line: Option<usize>,
    /// Column from 1, in characters.
    pub column: Option<usize>,
    /// Why.
    #[source]
    pub kind: RenderErrorKind,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "the scenario can't be rendered at line {line}, column {column}"),
            _ => f.write_str("the scenario can't be rendered"),
        }
    }
}

/// What is wrong. Values are not part of it, since they may be secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderErrorKind {
    /// A name that no placeholder can have.
    #[error("invalid name of a variable `{0}`: expected letters, digits and `_`, without a digit in front")]
    InvalidName(String),
    /// A declared placeholder without a value.
    #[error("placeholder `{0}` has no value: give it one with `--var {0}=VALUE`")]
    Unset(String),
    /// A placeholder that is written in a form which is not filled.
    #[error("placeholder `{0}` is left over: write it as `${0}` or `${{{0}}}`, without anything else in the braces")]
    LeftOver(String),
    /// A value that would change what the document is, or become something else than text.
    #[error(
        "the value of `{0}` does not fit here, where it would change the document or become something else than text: put the text around the placeholder in quotes, or use a value without line breaks and characters that YAML gives meaning to"
    )]
    DoesNotFit(String),
    /// A text that is not YAML.
    #[error("{message}{}", help.as_ref().map(|help| format!(": {help}")).unwrap_or_default())]
    NotYaml {
        /// What is wrong.
        message: String,
        /// What would be right.
        help: Option<String>,
    },
    /// More bytes than a document may have.
    #[error("the rendered scenario would be too large: expected at most {0} bytes")]
    TooLarge(usize),
}

impl RenderError {
    /// About no place in the text.
    pub(super) fn nowhere(kind: RenderErrorKind) -> Self {
        Self { line: None, column: None, kind }
    }

    /// At that byte of the text.
    pub(super) fn at(text: &str, start: usize, kind: RenderErrorKind) -> Self {
        let before = text.get(..start).unwrap_or(text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().filter(|c| *c != '\u{feff}').count() + 1;
        Self { line: Some(line), column: Some(column), kind }
    }
}
