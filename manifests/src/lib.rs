//! What Kubernetes and Chaos Mesh manifests say.
//!
//! | Module | Holds |
//! |---|---|
//! | `names` | labels and annotations that Chaos Mesh gives meaning to |
//! | `workflow`, `node` | the Workflow, its templates, its nodes, and how they stand |
//! | `manifest`, `kinds` | manifests of a text, with the place of every part; the kinds of chaos |
//! | `embedded` | the chaos that a Workflow embeds, and what it reaches |
//! | `deadline` | lengths of time in Go's notation |
//! | `render` | the placeholders of a scenario, filled from a list and nothing else |
//! | `lint` | what in manifests would not do what it seems to say |
//! | `compile` | a strict `Serial` as nested `conditionalBranches` |
//! | `survey` | what several scenarios have in common, and what differs |
//! | `contract` | the names that a run derives, and whether a scenario uses them |
//!
//! Nothing here reads a file or talks to a cluster.

mod compile;
mod contract;
mod deadline;
mod embedded;
mod kinds;
mod lint;
mod manifest;
mod names;
mod node;
mod render;
mod survey;
mod workflow;

pub use compile::{CompileError, compile};
pub use contract::Contract;
pub use deadline::{DeadlineError, deadline, deadline_text, go_duration};
pub use embedded::EmbeddedChaos;
pub use kinds::{ChaosKind, SCHEDULE, chaos_plural};
pub use lint::lint;
pub use manifest::{Manifest, ManifestBody, has_chaos_mesh, manifests, read_manifests};
pub use names::{
    ABORT_ANNOTATION, API_VERSION, CONTROLLED_BY_LABEL, MANAGED_BY_LABEL, PAUSE_ANNOTATION, PLACEHOLDERS_ANNOTATION,
    WORKFLOW_LABEL, is_object_name, variables_name,
};
pub use node::{BranchStatus, BranchesStatus, NodeReference, NodeSpec, NodeStatus};
pub use render::{RenderError, RenderErrorKind, Rendered, declared_placeholders, render};
pub use survey::{Survey, SurveyError, UniversalKnob, VaryingKnob, survey};
pub use workflow::{Condition, ConditionalBranch, TaskTemplate, Template, WorkflowSpec, WorkflowStatus};
