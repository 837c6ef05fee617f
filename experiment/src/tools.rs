//! What a model's tools do: faults, strategies, `observe`, `results`, and `conclude`.

mod offer;
mod reply;

use std::sync::{Mutex, PoisonError};

use chaos_agent::{BoxFuture, Tool, ToolReply, parse_arguments};
use chaos_core::{FAULTS, FaultNode, ProbeNode, Seconds, parse, shortened};
use chaos_schema::{StrategyName, author_only};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use self::offer::{Kind, Offer, offers};
use crate::claim;
use crate::conclusion::Conclusion;
use crate::guardrails;
use crate::step_runner::StepRunner;
use crate::stop::Stop;
use crate::strategy::{self, StrategyRequest};
use crate::transcript::{Line, StepRecord};

pub use self::offer::offered_tools;

/// Characters of the texts of a conclusion, and how many parts it may have.
const MOST_ANSWER: usize = 4000;
const MOST_PARTS: usize = 40;

/// What the tools of one conversation share.
pub(crate) struct ToolContext<'l> {
    runner: &'l StepRunner,
    /// Ends the conversation.
    end: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sent_back: bool,
    concluded: bool,
}

/// One tool.
pub(crate) struct ExperimentTool<'l> {
    shared: &'l ToolContext<'l>,
    offer: Offer,
}

impl<'l> ToolContext<'l> {
    pub(crate) fn new(runner: &'l StepRunner, end: CancellationToken) -> Self {
        Self { runner, end, state: Mutex::default() }
    }

    /// Whether the model has concluded.
    pub(crate) fn concluded(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).concluded
    }

    /// All tools that this experiment allows.
    pub(crate) fn tools(&'l self) -> Vec<ExperimentTool<'l>> {
        let tool = |offer| ExperimentTool { shared: self, offer };
        offers(&self.runner.setup.allow, self.runner.setup.fault.as_ref()).into_iter().map(tool).collect()
    }
}

impl Tool for ExperimentTool<'_> {
    fn name(&self) -> &str {
        &self.offer.tool.name
    }

    fn description(&self) -> &str {
        &self.offer.tool.description
    }

    fn parameters(&self) -> Value {
        self.offer.tool.parameters.clone()
    }

    fn strict(&self) -> Option<bool> {
        Some(self.offer.tool.strict)
    }

    fn call(&self, args: Value) -> BoxFuture<'_, ToolReply> {
        Box::pin(async move {
            if self.shared.concluded() {
                return ToolReply::failed("the experiment is concluded");
            }
            let done = match self.offer.kind {
                Kind::Fault(name) => self.fault(name, args).await,
                Kind::Observe => self.observe(&args).await,
                Kind::Results => Ok(ToolReply::done(reply::results(self.shared.runner))),
                Kind::Strategy(name) => self.strategy(name, args).await,
                Kind::Conclude => self.conclude(&args),
            };
            done.unwrap_or_else(|refused| refused)
        })
    }
}

/// What a tool answers; `Err` where nothing was done.
type Replied = Result<ToolReply, ToolReply>;

impl ExperimentTool<'_> {
    async fn fault(&self, name: &str, args: Value) -> Replied {
        let Value::Object(mut parameters) = args else { return Err(ToolReply::failed("arguments must be an object")) };
        let hold = parameters.remove("duration_seconds").map(|seconds| parse::<Seconds>(&seconds)).transpose();
        let hold = hold.map_err(|error| ToolReply::failed(format!("`duration_seconds`: {error}")))?;
        let named = Map::from_iter([("type".to_owned(), json!(name))]);
        let fault = self.fault_of(&Value::Object(named.into_iter().chain(parameters).collect()))?;
        self.step(self.shared.runner.fault(&fault, hold, name).await)
    }

    /// The fault that a model wrote; only the author of the experiment may set what touches this machine.
    fn fault_of(&self, written: &Value) -> Result<FaultNode, ToolReply> {
        let refuse = |why: String| self.stopped(&self.shared.runner.refuse(written, &why));
        let filled = guardrails::filled(written, self.shared.runner.setup.fault.as_ref());
        let fault: FaultNode = parse(&filled).map_err(|error| refuse(error.to_string()))?;
        let pinned = self.shared.runner.setup.fault.as_ref().is_some_and(|pinned| guardrails::same(pinned, &fault));
        let descriptor = FAULTS.get(fault.type_name()).map_err(|error| refuse(error.to_string()))?;
        match author_only(descriptor, written) {
            Some(own) if !pinned => Err(refuse(format!("only the experiment's author may set `{own}`; leave it out"))),
            _ => Ok(fault),
        }
    }

    async fn observe(&self, args: &Value) -> Replied {
        let runner = self.shared.runner;
        let written = &args["probe"];
        let probe: ProbeNode = parse(written).map_err(|error| self.stopped(&runner.refuse(written, &error)))?;
        let label = format!("observe {}", probe.type_name());
        self.step(runner.observe(&probe, &label).await)
    }

    fn step(&self, done: Result<StepRecord, Stop>) -> Replied {
        done.map(|step| reply::step(&step)).map_err(|stop| self.stopped(&stop))
    }

    async fn strategy(&self, name: StrategyName, mut args: Value) -> Replied {
        let fault = args.as_object_mut().and_then(|args| args.remove("fault"));
        let mut request = parse_arguments::<StrategyRequest>(&args)?;
        request.fault = fault.map(|fault| self.fault_of(&fault)).transpose()?;
        let done = strategy::run(self.shared.runner, name, request).await;
        let finding = done.map_err(|stop| self.stopped(&stop))?;
        Ok(ToolReply::done(reply::finding(&finding, self.shared.runner)))
    }

    /// Tells why nothing was done; what ends the experiment ends the conversation.
    fn stopped(&self, stop: &Stop) -> ToolReply {
        if self.shared.runner.stopped().is_some() {
            self.shared.end.cancel();
            return ToolReply::failed(format!("{stop}; the experiment is over"));
        }
        match stop {
            Stop::Budget(budget) => {
                let spent = reply::spent(self.shared.runner);
                ToolReply::failed(format!(
                    "this step would exceed the budget `{budget}`; ask for less, or conclude ({spent})"
                ))
            }
            Stop::Refused(why) => ToolReply::failed(format!("refused: {}", shortened(why, 2000))),
            // What the engine or a target says may hold the target's own words.
            Stop::Failed(why) => ToolReply::failed("it did not work; the reason is below")
                .with_target_data("the engine and the target", &shortened(why, 2000)),
            other => ToolReply::failed(other.to_string()),
        }
    }

    fn conclude(&self, args: &Value) -> Replied {
        let conclusion = bounded(parse_arguments::<Conclusion>(args)?);
        let (steps, findings) = (self.shared.runner.steps(), self.shared.runner.findings());
        let checked = conclusion.claims.iter().map(|claim| claim::check(claim, &steps, &findings));
        let wrong: Vec<String> = checked.filter(|one| !one.supported).map(|one| reply::claim(&one)).collect();
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.sent_back && !wrong.is_empty() {
            state.sent_back = true;
            let text = "the records do not support these claims; correct or drop them, and conclude once more";
            return Err(ToolReply::failed(format!("{text}:\n{}", wrong.join("\n"))));
        }
        let written = self.shared.runner.write(&Line::Conclusion(conclusion));
        written.map_err(|stop| ToolReply::failed(stop.to_string()))?;
        state.concluded = true;
        self.shared.end.cancel();
        Ok(ToolReply::done("concluded"))
    }
}

/// A conclusion with texts and lists cut to what a report takes.
fn bounded(mut conclusion: Conclusion) -> Conclusion {
    conclusion.answer = shortened(&conclusion.answer, MOST_ANSWER);
    conclusion.claims.truncate(MOST_PARTS);
    conclusion.not_tested.truncate(MOST_PARTS);
    conclusion.not_tested.iter_mut().for_each(|text| *text = shortened(text, MOST_ANSWER / 10));
    for claim in &mut conclusion.claims {
        (claim.measure, claim.unit) = (shortened(&claim.measure, 80), shortened(&claim.unit, 20));
        claim.steps.truncate(200);
    }
    conclusion
}
