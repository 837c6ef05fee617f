//! Steps of a workflow: the closed set of control steps, and the leaf steps that plug-ins add.

mod context;
mod host;
mod late;
mod leaf;
mod node;
mod outcome;
mod tree;

pub use context::{LEDGER_FILE, StepContext};
pub use host::{StepHost, StepHosts};
pub use late::{Late, LateError, StepOutputs, step_references};
pub use leaf::{DynStep, ErasedStep, Step};
pub use node::{StepKeys, StepNode};
pub use outcome::{StepEnd, StepOutcome};
pub use tree::{ParallelSuccess, StepBody, WorkflowStep};
