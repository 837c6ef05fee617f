//! What is known of one plug-in, and of names that no plug-in has any more.

use std::any::TypeId;
use std::fmt;

use schemars::{Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use super::fault::Span;
use super::requirement::Requirement;
use crate::{HttpUrl, LoadRequest};

/// The schema attribute of a parameter that only a document's author may set, never a model: files, programs, TLS,
/// another engine. Written as `#[schemars(extend("x-author-only" = true))]` on the field.
pub const AUTHOR_ONLY: &str = "x-author-only";

/// The kinds of plug-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something that is broken on purpose.
    Fault,
    /// Something that a fault waits for.
    Trigger,
    /// A read-only question.
    Probe,
    /// A member of the system under test.
    Node,
    /// A source of evidence.
    Source,
    /// A leaf step of a workflow.
    Step,
    /// A journalled step that undoes one effect.
    UndoStep,
}

impl Kind {
    /// The word for it in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Trigger => "trigger",
            Self::Probe => "probe",
            Self::Node => "node",
            Self::Source => "source",
            Self::Step => "step",
            Self::UndoStep => "undo step",
        }
    }
}

/// Whether a name should still be written in documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// It should.
    Stable,
    /// It works, and a later version removes it.
    Deprecated(Successor),
    /// It does not work any more.
    Removed(Successor),
}

/// What stands in for a name, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Successor {
    /// The name to write instead; `None` when nothing does the same.
    pub replacement: Option<&'static str>,
    /// Why, in one clause.
    pub reason: &'static str,
}

impl fmt::Display for Successor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)?;
        self.replacement.map_or(Ok(()), |name| write!(f, "; use `{name}`"))
    }
}

/// Reads the parameters of a plug-in: the one way from a document to a value.
pub type DeserializeFn<T> = fn(&mut dyn erased_serde::Deserializer<'_>) -> Result<Box<T>, erased_serde::Error>;

/// Everything that is known of one plug-in; written by a `register_…!` macro, read by every surface.
#[derive(Debug)]
pub struct Descriptor<T: ?Sized + 'static> {
    /// The `type` in documents.
    pub name: &'static str,
    /// Other names that documents may use; loaders replace them by `name`.
    pub aliases: &'static [&'static str],
    /// Whether `name` should still be written.
    pub status: Status,
    /// Whether a fault is sustained or finite; `None` for the other kinds.
    pub span: Option<Span>,
    /// What a fault or a node kind needs of the machine; empty for the other kinds.
    pub needs: &'static [Requirement],
    /// The JSON Schema of its parameters, without `type` and `name`; absent for undo steps.
    pub schema: Option<fn(&mut SchemaGenerator) -> Schema>,
    /// The Rust type that registered it.
    pub type_id: fn() -> TypeId,
    /// Reads its parameters (a mapping without `type` and `name`).
    pub deserialize: DeserializeFn<T>,
    /// Builds it from a load's request; set for the fault that makes loads for other programs, such as experiments.
    pub load_from: Option<fn(LoadRequest) -> Box<T>>,
    /// Builds it from a URL; set for the probe that says yes to any answer from there.
    pub any_answer: Option<fn(HttpUrl) -> Box<T>>,
    /// The crate that registered it.
    pub krate: &'static str,
    /// Source file of the registration.
    pub file: &'static str,
    /// Line of the registration.
    pub line: u32,
}

impl<T: ?Sized> Descriptor<T> {
    /// The schema of the parameters as a value that stands alone.
    pub fn schema_value(&self) -> Value {
        let mut generator =
            schemars::generate::SchemaSettings::draft07().with(|s| s.inline_subschemas = false).into_generator();
        match self.schema {
            Some(schema) => schema(&mut generator).to_value(),
            None => Value::Null,
        }
    }

    /// The doc comment of its struct, in Markdown.
    pub fn docs(&self) -> String {
        self.schema_value().get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The first sentence of the doc comment.
    pub fn summary(&self) -> String {
        let docs = self.docs();
        docs.split("\n\n").next().unwrap_or_default().replace('\n', " ").trim().to_owned()
    }

    /// The YAML of the doc comment's first YAML block: one plug-in with its `type`.
    pub fn example(&self) -> Option<String> {
        let docs = self.docs();
        let start = docs.find("```yaml\n")? + "```yaml\n".len();
        let end = docs[start..].find("```")? + start;
        Some(docs[start..end].to_owned())
    }
}

/// A name that a plug-in had in an earlier version; written by [`crate::removed_name!`].
#[derive(Debug)]
pub struct RemovedName {
    /// The kind of the plug-in.
    pub kind: Kind,
    /// The name.
    pub name: &'static str,
    /// What stands in for it, and why.
    pub successor: Successor,
    /// The crate that says so.
    pub krate: &'static str,
    /// Source file of the entry.
    pub file: &'static str,
    /// Line of the entry.
    pub line: u32,
}

impl fmt::Display for RemovedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} type `{}` was removed: {}", self.kind.word(), self.name, self.successor)
    }
}
