//! Typed documents from values that a harness has parsed already.

use chaos_core::{ChaosSpec, Task};
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::document::{Document, DocumentKind};
use crate::experiment::ExperimentSpec;

/// Why a value is not a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The value has errors; warnings may stand among them.
    #[error("{}", list(.0))]
    Invalid(Vec<Diagnostic>),
}

impl SchemaError {
    /// Every problem that was found.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Invalid(diagnostics) => diagnostics,
        }
    }
}

fn list(diagnostics: &[Diagnostic]) -> String {
    let line = |d: &Diagnostic| {
        let at = if d.pointer.is_empty() { String::new() } else { format!("{}: ", d.pointer) };
        let help = d.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        format!("{at}{}{help}", d.message)
    };
    diagnostics.iter().filter(|d| d.is_error()).map(line).collect::<Vec<_>>().join("\n")
}

fn read(value: &Value, kind: DocumentKind) -> Result<Document, SchemaError> {
    #[cfg(feature = "validate")]
    {
        use crate::options::{KindHint, LoadOptions};
        let hint = match kind {
            DocumentKind::Task => KindHint::Task,
            DocumentKind::Entry => KindHint::Entry,
            DocumentKind::Experiment => KindHint::Experiment,
            DocumentKind::Policy => KindHint::Policy,
        };
        let loaded = crate::load::check_value(value, "", &LoadOptions::of(hint));
        loaded.document.ok_or(SchemaError::Invalid(loaded.diagnostics))
    }
    #[cfg(not(feature = "validate"))]
    Document::read(value.clone(), kind, &crate::document::Positions::default()).map_err(SchemaError::Invalid)
}

/// `Task::from_value(&value)`, `ChaosSpec::from_value(&value)` and `ExperimentSpec::from_value(&value)`.
pub trait FromValue: Sized {
    /// Reads it with the same checks and messages as from text; the paths are JSON pointers, and warnings are dropped.
    ///
    /// Without the feature `validate` only the parse checks it, and stops at the first mistake of each part.
    fn from_value(value: &Value) -> Result<Self, SchemaError>;
}

impl FromValue for Task {
    fn from_value(value: &Value) -> Result<Self, SchemaError> {
        let document = read(value, DocumentKind::Task)?;
        Ok(document.into_task().expect("a task was asked for"))
    }
}

impl FromValue for ChaosSpec {
    fn from_value(value: &Value) -> Result<Self, SchemaError> {
        match read(value, DocumentKind::Entry)? {
            Document::Entry(entry) => Ok(*entry),
            Document::Task(_) | Document::Experiment(_) | Document::Policy(_) => unreachable!("an entry was asked for"),
        }
    }
}

impl FromValue for ExperimentSpec {
    fn from_value(value: &Value) -> Result<Self, SchemaError> {
        let document = read(value, DocumentKind::Experiment)?;
        Ok(document.into_experiment().expect("an experiment was asked for"))
    }
}
