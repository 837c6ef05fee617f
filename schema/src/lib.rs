//! From an author's text to a checked task, and from the registry to a JSON Schema.
//!
//! ```
//! # #[cfg(feature = "validate")] {
//! use chaos_schema::{LoadOptions, load, render};
//!
//! let loaded = load("chaos_spec: 5\n", "task.yaml", &LoadOptions::default());
//! assert!(loaded.document.is_none());
//! assert!(render(&loaded.diagnostics).starts_with("error[wrong-type]: `chaos_spec` must be a"));
//! # }
//! ```
//!
//! | Module | Holds |
//! |---|---|
//! | `load` | [`load`], [`load_bytes`], [`check_value`], [`read_value`], [`read_documents`]: the entrances; `options` and `loaded` go in and come out |
//! | `document` | [`Document`] and [`TaskDocument`]: what a value is read into; [`Deferred`] parts of it |
//! | `experiment`, `slo` | [`ExperimentSpec`] and its [`Slo`] |
//! | `text` | text to a value, with the place of every key and value: strict JSON, or YAML 1.2 with its core schema |
//! | `other_tool` | whose file it is, where it is another tool's |
//! | `placeholder` | `{{NAME}}` in string values, and which names are reserved |
//! | `check` | a value to a document, with every problem of it in one pass |
//! | `diagnostic`, `render` | one problem, and its text form |
//! | `generate` | [`schema`]: types and registries as JSON Schema, for editors and for the check itself |
//! | `tools` | [`tools`], [`FunctionTool`]: faults as tools of a language model |
//! | `workflow` | the control steps of workflows, and the tree of a workflow |
//! | `value` | [`FromValue`], for harnesses that have parsed their file already |
//!
//! Text, values and schemas meet in one place: the check validates against the schema that is published, so that an
//! editor and the loader agree on every value. The feature `validate` (on by default) carries texts and that check;
//! without it there are the typed documents, their schemas and the tools.

#[cfg(feature = "validate")]
mod check;
mod depth;
mod diagnostic;
mod document;
mod experiment;
mod generate;
#[cfg(feature = "validate")]
mod load;
#[cfg(feature = "validate")]
mod loaded;
mod marker;
#[cfg(feature = "validate")]
mod options;
#[cfg(feature = "validate")]
mod other_tool;
mod placeholder;
mod pointer;
#[cfg(feature = "validate")]
mod render;
mod slo;
#[cfg(feature = "validate")]
mod text;
mod tools;
mod value;
mod walk;
mod workflow;

pub use diagnostic::{Code, Diagnostic, Severity, Snippet, TextSpan};
pub use document::{AnyCheck, Deferred, Document, DocumentKind, Entries, NamedCheck, Positions, TaskDocument};
pub use experiment::{Budget, ExperimentSpec, FaultName, Goal, GoalError, LoadShape, Runs, RunsError, StrategyName};
pub use generate::{Profile, schema};
#[cfg(feature = "validate")]
pub use load::{TextDocument, check_value, filled_entry, load, load_bytes, read_documents, read_value};
#[cfg(feature = "validate")]
pub use loaded::Loaded;
#[cfg(feature = "validate")]
pub use options::{KindHint, LoadOptions, NodePool, Placeholders};
pub use placeholder::is_reserved;
#[cfg(feature = "validate")]
pub use render::{Colour, render, render_with};
pub use slo::{Slo, SloError, SloPercentile};
pub use tools::{FunctionTool, author_only, authors_target, strip_nulls, tools};
pub use value::{FromValue, SchemaError};
pub use workflow::AnyStep;
