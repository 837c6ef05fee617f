//! The tools of a model: one for each allowed fault, `observe`, `results`, the strategies, and `conclude`.

mod table;

use std::sync::{Mutex, PoisonError};

use chaos_agent::{BoxFuture, Tool, ToolReply, parse_arguments};
use chaos_core::{FAULTS, PROBES, Seconds, Span, schemars};
use chaos_schema::StrategyName;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::claim::{self, Conclusion};
use crate::lab::{Lab, Stop};
use crate::record::Line;
use crate::strategy::{self, Ask};

/// Characters of the texts of a conclusion, and how many parts it may have.
const MOST_ANSWER: usize = 4000;
const MOST_PARTS: usize = 40;

/// What the tools share.
pub(crate) struct Bench<'l> {
    lab: &'l Lab,
    /// Ends the conversation.
    end: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sent_back: bool,
    concluded: bool,
}

/// What a tool does.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Fault(&'static str),
    Observe,
    Results,
    Strategy(StrategyName),
    Conclude,
}

/// One tool.
pub(crate) struct BenchTool<'l> {
    bench: &'l Bench<'l>,
    kind: Kind,
    description: String,
    parameters: Value,
}

impl<'l> Bench<'l> {
    pub(crate) fn new(lab: &'l Lab, end: CancellationToken) -> Self {
        Self { lab, end, state: Mutex::default() }
    }

    /// Whether the model has concluded.
    pub(crate) fn concluded(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).concluded
    }

    /// All tools that this experiment allows.
    pub(crate) fn tools(&'l self) -> Vec<BenchTool<'l>> {
        let faults = self.lab.setup.allow.iter().filter_map(|name| FAULTS.get(name).ok()).map(|fault| {
            let text = chaos_schema::FunctionTool::of_fault(fault).description;
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
        let strategies = STRATEGIES.map(|(name, text)| (Kind::Strategy(name), text.to_owned(), schema_of::<Ask>()));
        let all = faults.chain(strategies).chain(fixed);
        all.map(|(kind, description, parameters)| BenchTool { bench: self, kind, description, parameters }).collect()
    }
}

const CONCLUDE: &str = "Ends the experiment with an answer. `claims` is a list; each has `measure` (as `results` names \
    it, or `capacity_qps`, or `difference_` and a measure), `value`, `unit` (ms, s, qps, ratio, % or 1) and `steps`.";

const STRATEGIES: [(StrategyName, &str); 4] = [
    (StrategyName::Capacity, "Finds the greatest rate at which the promises hold: up to 12 steps of load."),
    (StrategyName::Ramp, "Measures evenly spaced rates up to `max_qps`, to see where the curve bends."),
    (
        StrategyName::Compare,
        "Measures the same load with and without `fault` in alternating blocks, and gives the difference with an interval.",
    ),
    (StrategyName::Repeat, "Measures the same load several times: how far figures spread, and whether promises hold."),
];

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

impl Tool for BenchTool<'_> {
    fn name(&self) -> &str {
        match &self.kind {
            Kind::Fault(name) => name,
            Kind::Observe => "observe",
            Kind::Results => "results",
            Kind::Strategy(name) => name.word(),
            Kind::Conclude => "conclude",
        }
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn parameters(&self) -> Value {
        self.parameters.clone()
    }

    fn call(&self, args: Value) -> BoxFuture<'_, ToolReply> {
        Box::pin(async move {
            if self.bench.concluded() {
                return ToolReply::failed("the experiment is concluded");
            }
            match &self.kind {
                Kind::Fault(name) => self.fault(name, args).await,
                Kind::Observe => self.observe(&args).await,
                Kind::Results => ToolReply::done(table::results(self.bench.lab)),
                Kind::Strategy(name) => self.strategy(*name, &args).await,
                Kind::Conclude => self.conclude(&args),
            }
        })
    }
}

impl BenchTool<'_> {
    async fn fault(&self, name: &str, args: Value) -> ToolReply {
        let Value::Object(mut action) = args else { return ToolReply::failed("arguments must be an object") };
        let hold = match action.remove("duration_seconds").map(|seconds| chaos_core::parse::<Seconds>(&seconds)) {
            None => None,
            Some(Ok(hold)) => Some(hold),
            Some(Err(error)) => return ToolReply::failed(format!("`duration_seconds`: {error}")),
        };
        let action = Map::from_iter([("type".to_owned(), json!(name))]).into_iter().chain(action).collect();
        let done = self.bench.lab.fault(&Value::Object(action), hold, name).await;
        done.map_or_else(|stop| self.stopped(&stop), |step| table::step(&step))
    }

    async fn observe(&self, args: &Value) -> ToolReply {
        let probe = &args["probe"];
        let label =
            format!("observe {}", probe["type"].as_str().unwrap_or_default().chars().take(40).collect::<String>());
        let done = self.bench.lab.observe(probe, &label).await;
        done.map_or_else(|stop| self.stopped(&stop), |step| table::step(&step))
    }

    async fn strategy(&self, name: StrategyName, args: &Value) -> ToolReply {
        let ask = match parse_arguments::<Ask>(args) {
            Ok(ask) => ask,
            Err(refusal) => return refusal,
        };
        let done = strategy::run(self.bench.lab, name, ask).await;
        done.map_or_else(
            |stop| self.stopped(&stop),
            |finding| ToolReply::done(table::finding(&finding, self.bench.lab)),
        )
    }

    /// Tells why nothing was done; what ends the experiment ends the conversation.
    fn stopped(&self, stop: &Stop) -> ToolReply {
        if self.bench.lab.stopped().is_some() {
            self.bench.end.cancel();
            return ToolReply::failed(format!("{stop}; the experiment is over"));
        }
        match stop {
            Stop::Budget(budget) => {
                let spent = table::spent(self.bench.lab);
                ToolReply::failed(format!(
                    "this step would pass the budget `{budget}`; ask for less, or conclude ({spent})"
                ))
            }
            // What the engine or a target says may hold the target's own words.
            Stop::Refused(why) => {
                ToolReply::failed("refused").with_target_data("the engine and the target", &cut(why, 2000))
            }
            other => ToolReply::failed(other.to_string()),
        }
    }

    fn conclude(&self, args: &Value) -> ToolReply {
        let mut conclusion = match parse_arguments::<Conclusion>(args) {
            Ok(conclusion) => conclusion,
            Err(refusal) => return refusal,
        };
        conclusion.answer = cut(&conclusion.answer, MOST_ANSWER);
        conclusion.claims.truncate(MOST_PARTS);
        conclusion.not_tested.truncate(MOST_PARTS);
        conclusion.not_tested.iter_mut().for_each(|text| *text = cut(text, MOST_ANSWER / 10));
        for claim in &mut conclusion.claims {
            (claim.measure, claim.unit) = (cut(&claim.measure, 80), cut(&claim.unit, 20));
            claim.steps.truncate(200);
        }
        let (steps, findings) = (self.bench.lab.steps(), self.bench.lab.findings());
        let checked = conclusion.claims.iter().map(|claim| claim::check(claim, &steps, &findings));
        let wrong: Vec<String> = checked.filter(|one| !one.supported).map(|one| table::claim(&one)).collect();
        let mut state = self.bench.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.sent_back && !wrong.is_empty() {
            state.sent_back = true;
            let text = "the records do not bear these claims; correct or drop them, and conclude once more";
            return ToolReply::failed(format!("{text}:\n{}", wrong.join("\n")));
        }
        if let Err(stop) = self.bench.lab.write(&Line::Conclusion(conclusion)) {
            return ToolReply::failed(stop.to_string());
        }
        state.concluded = true;
        self.bench.end.cancel();
        ToolReply::done("concluded")
    }
}

/// The first characters of a text.
pub(crate) fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
