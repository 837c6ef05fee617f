//! The tools that a model is offered: one for each allowed fault, the strategies, `observe`, `results` and `conclude`.

use chaos_core::{FAULTS, PROBES, Span, schemars};
use chaos_schema::StrategyName;
use serde_json::{Value, json};

use crate::conclusion::Conclusion;
use crate::strategy::StrategyRequest;

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

/// One tool as a model sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Offer {
    pub(super) kind: Kind,
    pub(super) description: String,
    pub(super) parameters: Value,
}

/// All tools of an experiment that allows these faults.
pub(super) fn offers(allow: &[String]) -> Vec<Offer> {
    let faults = allow.iter().filter_map(|name| FAULTS.get(name).ok()).map(|fault| {
        let described = chaos_schema::tool(fault);
        let text = described["function"]["description"].as_str().unwrap_or_default().to_owned();
        (Kind::Fault(fault.name), text, fault_parameters(fault.schema_value(), fault.span))
    });
    let probes = format!("Asks one probe once. Types: {}.", PROBES.names().join(", "));
    let probe = json!({"type": "object", "description": "A probe: its `type` and parameters.",
        "properties": {"type": {"type": "string"}}, "required": ["type"]});
    let fixed = [
        (Kind::Observe, probes, object(&json!({ "probe": probe }), &["probe"])),
        (Kind::Results, "Gives the table of what was measured so far.".to_owned(), object(&json!({}), &[])),
        (Kind::Conclude, CONCLUDE.to_owned(), schema_of::<Conclusion>()),
    ];
    let strategy = |(name, text): (_, &str)| (Kind::Strategy(name), text.to_owned(), schema_of::<StrategyRequest>());
    let all = faults.chain(STRATEGIES.map(strategy)).chain(fixed);
    all.map(|(kind, description, parameters)| Offer { kind, description, parameters }).collect()
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn schema_of<T: schemars::JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft07().with(|s| s.inline_subschemas = true);
    let mut value = settings.into_generator().into_root_schema_for::<T>().to_value();
    tidy(&mut value);
    value
}

/// A fault's own schema; a sustained one takes `duration_seconds` beside it.
fn fault_parameters(mut schema: Value, span: Option<Span>) -> Value {
    tidy(&mut schema);
    if span == Some(Span::Sustained) {
        let text = "Seconds for which the fault is held; default 10.";
        schema["properties"]["duration_seconds"] = json!({"type": "number", "minimum": 0.001, "description": text});
    }
    schema
}

/// Takes off what a model need not read.
fn tidy(schema: &mut Value) {
    if let Value::Object(map) = schema {
        for key in ["$schema", "title", "description"] {
            map.remove(key);
        }
        map.insert("type".into(), "object".into());
        map.entry("properties").or_insert_with(|| json!({}));
    }
}
