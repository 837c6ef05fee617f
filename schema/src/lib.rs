//! From an author's text to a checked task, and from the registry to a JSON Schema.
//!
//! ```
//! use chaos_schema::{LoadOptions, load, render};
//!
//! let loaded = load("chaos_spec: []\n", "task.yaml", &LoadOptions::default());
//! assert!(loaded.document.is_none());
//! assert!(render(&loaded.diagnostics).starts_with("error[out-of-bounds]: `chaos_spec` must have at least 1 item"));
//! ```
//!
//! | Module | Holds |
//! |---|---|
//! | `load` | [`load`], [`load_bytes`], [`check_value`]: the entrances, and what comes out |
//! | `text` | text to a value, with the place of every key and value |
//! | `placeholder` | `{{NAME}}` in string values |
//! | `check` | a value to a typed document, with every problem of it in one pass |
//! | `diagnostic`, `render` | one problem, and its text form |
//! | `generate` | [`schema`]: the registries as JSON Schema, for editors and for the check itself |
//! | `tools` | [`tools`], [`FunctionTool`]: faults as tools of a language model |
//! | `experiment`, `slo` | [`ExperimentSpec`] and its promises, [`Slo`] |
//! | `value` | [`FromValue`], for harnesses that have parsed their file already |
//!
//! Text, values and schemas meet in one place: the check validates against the schema that is published, so that an
//! editor and the loader agree on every value.

mod check;
mod diagnostic;
mod experiment;
mod generate;
mod load;
mod placeholder;
mod pointer;
mod render;
mod slo;
mod text;
mod tools;
mod value;

pub use diagnostic::{Code, Diagnostic, Severity, Snippet, Span};
pub use experiment::{Budget, ExperimentSpec, FaultName, Goal, GoalError, LoadShape, Runs, RunsError, StrategyName};
pub use generate::{DocumentKind, Profile, schema};
pub use load::{Document, KindHint, LoadOptions, Loaded, check_value, load, load_bytes};
pub use render::{Colour, render, render_with};
pub use slo::{Slo, SloError, SloPercentile};
pub use tools::{FunctionTool, author_only, strip_nulls, tools};
pub use value::{FromValue, SchemaError, entry_from_value, task_from_value};
