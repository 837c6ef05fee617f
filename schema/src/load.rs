//! The entrances: text, bytes or a value in; a typed document and every problem of it out.

use std::collections::BTreeMap;

use crate::ExperimentSpec;
use chaos_core::{ChaosSpec, Task};
use serde_json::Value;

use crate::check::{Input, check};
use crate::diagnostic::Diagnostic;
use crate::text::{Lowered, Places, Source, decode, read};

/// What a document is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KindHint {
    /// A mapping with `chaos_spec` is a task, one with `trigger` or `action` an entry, one with `goal` and `target` an
    /// experiment.
    #[default]
    Auto,
    /// A task.
    Task,
    /// An entry.
    Entry,
    /// An experiment.
    Experiment,
}

/// How a document is loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// What it is taken for.
    pub kind: KindHint,
    /// Values of placeholders, by name.
    pub vars: BTreeMap<String, String>,
}

impl LoadOptions {
    /// Options for a document of that kind.
    pub fn of(kind: KindHint) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Adds the value of a placeholder.
    #[must_use]
    pub fn var(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.vars.insert(name.into(), value.into());
        self
    }
}

/// A checked document.
#[derive(Debug)]
pub enum Document {
    /// A task and its entries.
    Task(Task),
    /// One entry.
    Entry(ChaosSpec),
}

impl Document {
    /// The document as a task; an entry becomes a task of one entry.
    pub fn into_task(self) -> Task {
        match self {
            Self::Task(task) => task,
            Self::Entry(entry) => Task::of(entry),
        }
    }
}

/// What loading a document gave.
#[derive(Debug)]
pub struct Loaded {
    /// The document; absent when a diagnostic is an error, or when it is an experiment.
    pub document: Option<Document>,
    /// The experiment; absent when a diagnostic is an error, or when it is a task or an entry.
    pub experiment: Option<Box<ExperimentSpec>>,
    /// Every problem, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether the document is refused.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    fn refused(diagnostic: Diagnostic) -> Self {
        Self { document: None, experiment: None, diagnostics: vec![diagnostic] }
    }
}

/// Loads YAML or JSON text; `name` is what messages call it.
pub fn load(text: &str, name: &str, options: &LoadOptions) -> Loaded {
    let source = Source::new(name, text);
    match read(&source) {
        Ok(lowered) => {
            let Lowered { value, places, diagnostics: found, not_finite } = lowered;
            check(Input { name, source: Some(&source), value: &value, places, found, not_finite }, options)
        }
        Err(diagnostic) => Loaded::refused(*diagnostic),
    }
}

/// Loads YAML or JSON from bytes, which may be no text at all.
pub fn load_bytes(bytes: &[u8], name: &str, options: &LoadOptions) -> Loaded {
    match decode(bytes, name) {
        Ok(text) => load(text, name, options),
        Err(diagnostic) => Loaded::refused(*diagnostic),
    }
}

/// Checks a value that somebody else has parsed; problems carry pointers instead of lines.
pub fn check_value(value: &Value, name: &str, options: &LoadOptions) -> Loaded {
    let nowhere = Places::default();
    check(Input { name, source: None, value, places: nowhere, found: Vec::new(), not_finite: Vec::new() }, options)
}
