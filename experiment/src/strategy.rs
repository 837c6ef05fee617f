//! The strategies: each a fixed procedure, deterministic for a seed and for what the target answers.

mod capacity;
mod compare;
mod point;
mod ramp;
mod repeat;
mod rest;

use std::num::NonZeroU32;
use std::time::Duration;

use chaos_core::{Presence, Seconds};
use chaos_schema::{Runs, StrategyName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::finding::Finding;
use crate::lab::{Lab, Stop};
use crate::record::Step;
use crate::setup::load_node;
use crate::statistics::calls_needed;

/// What may be asked of a strategy; what is left out is taken from the experiment, or chosen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ask {
    /// Requests per second: the rate of `compare` and `repeat`, the first one of `capacity` and `ramp`.
    pub(crate) qps: Option<NonZeroU32>,
    /// The greatest rate of `capacity` and `ramp`.
    pub(crate) max_qps: Option<NonZeroU32>,
    /// Seconds that are measured at each point.
    pub(crate) seconds: Option<Seconds>,
    /// Runs of `repeat`, points of `ramp`, pairs of blocks of `compare`: 2 to 50.
    pub(crate) runs: Option<Runs>,
    /// The fault of `compare`, with its `type` and parameters.
    pub(crate) fault: Option<Value>,
}

/// A strategy's view of the laboratory.
pub(crate) struct Course<'a> {
    lab: &'a Lab,
    ask: Ask,
}

/// Runs a strategy to its end and writes down what it found. A budget that is too small for the next step ends the
/// experiment; what was found by then is written down all the same.
pub(crate) async fn run(lab: &Lab, name: StrategyName, ask: Ask) -> Result<Finding, Stop> {
    let course = Course { lab, ask };
    let (finding, stop) = match name {
        StrategyName::Capacity => capacity::run(&course).await,
        StrategyName::Ramp => ramp::run(&course).await,
        StrategyName::Compare => compare::run(&course).await,
        StrategyName::Repeat => repeat::run(&course).await,
    };
    let stop = stop.map(|stop| match stop {
        // A strategy asks for what it needs, so a step that does not fit means that the budget is used up.
        Stop::Budget(_) => lab.stop(stop),
        other => other,
    });
    let found = finding.map(|finding| lab.found(finding)).transpose()?;
    match (stop, found) {
        (Some(stop), _) => Err(stop),
        (None, Some(found)) => Ok(found),
        (None, None) => Err(Stop::Refused("nothing was measured".to_owned())),
    }
}

impl Course<'_> {
    /// Seconds to measure at a rate: what the percentile needs, between two bounds, unless somebody says otherwise.
    fn seconds(&self, qps: u32, least: u64, most: u64) -> Duration {
        if let Some(asked) = self.ask.seconds.or(self.lab.setup.load.seconds) {
            return asked.get();
        }
        let needed = calls_needed(self.lab.setup.percentile().number());
        Duration::from_secs(needed.div_ceil(u64::from(qps.max(1))).clamp(least, most))
    }

    fn ceiling(&self) -> u32 {
        let allowed = self.lab.setup.ceiling(self.lab.cx().policy());
        self.ask.max_qps.map_or(allowed, |most| most.get().min(allowed))
    }

    /// The rate of a strategy that needs one; `fallback` where nobody names it.
    fn rate(&self, fallback: u32) -> u32 {
        let rate = self.ask.qps.or(self.lab.setup.load.qps).map_or(fallback, NonZeroU32::get);
        rate.min(self.ceiling()).max(1)
    }

    fn runs(&self, fallback: u8) -> u8 {
        self.ask.runs.map(Runs::get).or(self.lab.setup.runs).unwrap_or(fallback)
    }

    /// One load at a rate, to its end.
    async fn load(&self, qps: u32, measured: Duration, label: &str) -> Result<Step, Stop> {
        let node = load_node(&self.lab.setup, self.lab.cx().policy(), qps, measured);
        let step = self.lab.fault(&node, None, label).await?;
        landed(step)
    }
}

/// A load that nobody answered shows nothing but that.
fn landed(step: Step) -> Result<Step, Stop> {
    let seen = step.result.as_ref().and_then(|result| result.witness.as_ref());
    let answered = seen.is_some_and(|seen| seen.presence == Presence::Present);
    if answered && step.measures.get("calls").is_some_and(|calls| *calls > 0.0) {
        return Ok(step);
    }
    let why = step.result.and_then(|result| result.error).unwrap_or_else(|| "no call was measured".to_owned());
    Err(Stop::Refused(format!("step {} measured nothing: {why}", step.asked.id)))
}
