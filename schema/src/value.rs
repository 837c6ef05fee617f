//! Typed documents from values that a harness has parsed already.

use chaos_core::{ChaosSpec, Task};
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::load::{Document, KindHint, LoadOptions, check_value};

/// Why a value is no document.
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

/// Reads a task from a value; warnings are dropped ([`check_value`] keeps them).
pub fn task_from_value(value: &Value) -> Result<Task, SchemaError> {
    let loaded = check_value(value, "", &LoadOptions::of(KindHint::Task));
    loaded.document.map(Document::into_task).ok_or(SchemaError::Invalid(loaded.diagnostics))
}

/// Reads an entry from a value; warnings are dropped ([`check_value`] keeps them).
pub fn entry_from_value(value: &Value) -> Result<ChaosSpec, SchemaError> {
    let loaded = check_value(value, "", &LoadOptions::of(KindHint::Entry));
    match loaded.document {
        Some(Document::Entry(entry)) => Ok(entry),
        _ => Err(SchemaError::Invalid(loaded.diagnostics)),
    }
}

/// `Task::from_value(&value)` and `ChaosSpec::from_value(&value)`.
pub trait FromValue: Sized {
    /// Reads it with the same checks and messages as from text; the paths are JSON pointers.
    fn from_value(value: &Value) -> Result<Self, SchemaError>;
}

impl FromValue for Task {
    fn from_value(value: &Value) -> Result<Self, SchemaError> {
        task_from_value(value)
    }
}

impl FromValue for ChaosSpec {
    fn from_value(value: &Value) -> Result<Self, SchemaError> {
        entry_from_value(value)
    }
}
