//! The tools that a model is offered: one for each allowed fault, the strategies, `observe`, `results` and `conclude`.

use chaos_core::{FAULTS, FaultNode, PROBES};
use chaos_schema::{ExperimentSpec, FunctionTool, StrategyName, authors_target};
use schemars::JsonSchema;
use serde_json::json;

use crate::conclusion::Conclusion;
use crate::setup::allowed_faults;
use crate::strategy::StrategyRequest;

const RESULTS: &str = "Gives the table of what was measured so far.";

const CONCLUDE: &str = "Ends the experiment with an answer. `claims` is a list; each has `measure` (as `results` names \
    it, or `capacity_qps`, or `difference_` and a measure), `value`, `unit` (ms, s, qps, ratio, % or 1) and `steps`.";

const STRATEGIES: [(StrategyName, &str); 4] = [
    (StrategyName::Capacity, "Finds the greatest rate at which the SLOs hold: up to 12 steps of load."),
    (StrategyName::Ramp, "Measures evenly spaced rates up to `max_qps`, to see where the curve bends."),
    (
        StrategyName::Compare,
        "Measures the same load with and without `fault` in alternating blocks, and gives the difference with an interval.",
    ),
    (StrategyName::Repeat, "Measures the same load several times: how far figures spread, and whether the SLOs hold."),
];

/// What a tool does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Fault(&'static str),
    Observe,
    Results,
    Strategy(StrategyName),
    Conclude,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fault(name) => name,
            Self::Observe => "observe",
            Self::Results => "results",
            Self::Strategy(name) => name.word(),
            Self::Conclude => "conclude",
        }
    }
}

/// A tool, and what it does.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Offer {
    pub(super) kind: Kind,
    pub(super) tool: FunctionTool,
}

/// The tools that a model is offered in an experiment, in the order of the request.
pub fn offered_tools(spec: &ExperimentSpec) -> Vec<FunctionTool> {
    let allow = allowed_faults(&spec.allow, spec.fault.as_ref());
    offers(&allow, spec.fault.as_ref()).into_iter().map(|offer| offer.tool).collect()
}

/// All tools of an experiment that allows these faults; one with a target on this machine only as the author pinned it.
pub(super) fn offers(allow: &[String], pinned: Option<&FaultNode>) -> Vec<Offer> {
    let pinned = pinned.map(FaultNode::type_name);
    let faults = allow.iter().filter_map(|name| FAULTS.get(name).ok());
    let faults = faults.filter(|fault| pinned == Some(fault.name) || authors_target(fault).is_none());
    let faults = faults.map(|fault| Offer { kind: Kind::Fault(fault.name), tool: FunctionTool::of_fault(fault) });
    let strategies = STRATEGIES.map(|(name, text)| of::<StrategyRequest>(Kind::Strategy(name), text));
    let fixed = [observe(), of::<NoArguments>(Kind::Results, RESULTS), of::<Conclusion>(Kind::Conclude, CONCLUDE)];
    faults.chain(strategies).chain(fixed).collect()
}

/// A tool without arguments.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct NoArguments {}

fn of<T: JsonSchema>(kind: Kind, text: &str) -> Offer {
    Offer { kind, tool: FunctionTool::of::<T>(kind.name(), text) }
}

fn observe() -> Offer {
    let text = format!("Asks one probe once. Types: {}.", PROBES.names().join(", "));
    let probe = json!({"type": "object", "description": "A probe: its `type` and parameters.",
        "properties": {"type": {"type": "string"}}, "required": ["type"]});
    let schema =
        json!({"type": "object", "properties": {"probe": probe}, "required": ["probe"], "additionalProperties": false});
    Offer { kind: Kind::Observe, tool: FunctionTool::new(Kind::Observe.name(), text, schema) }
}
