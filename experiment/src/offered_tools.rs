//! The tools that a model is offered in an experiment.

use chaos_core::FAULTS;
use chaos_schema::{ExperimentSpec, FunctionTool, tools};

/// The tools that the request of this experiment carries, in its order.
pub fn offered_tools(spec: &ExperimentSpec) -> Vec<FunctionTool> {
    tools(spec.allow.iter().filter_map(|name| FAULTS.get(name.as_str()).ok()))
}
