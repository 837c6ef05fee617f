//! What every strategy works with: the step runner, and what was asked.

use std::num::NonZeroU32;
use std::time::Duration;

use chaos_core::{FaultNode, Presence};
use chaos_schema::Runs;

use super::request::StrategyRequest;
use crate::load::load;
use crate::statistics::requests_needed;
use crate::step_runner::StepRunner;
use crate::stop::Stop;
use crate::transcript::StepRecord;

/// What every strategy works with.
pub(super) struct StrategyContext<'a> {
    pub(super) runner: &'a StepRunner,
    pub(super) request: StrategyRequest,
}

impl<'a> StrategyContext<'a> {
    pub(super) fn new(runner: &'a StepRunner, request: StrategyRequest) -> Self {
        Self { runner, request }
    }

    /// Seconds to measure at a rate: those of the request or the experiment, else what the percentile needs, between two
    /// bounds.
    pub(super) fn seconds(&self, qps: u32, (least, most): (u64, u64)) -> Duration {
        if let Some(seconds) = self.request.seconds.or(self.runner.setup.load.seconds) {
            return seconds.get();
        }
        let needed = requests_needed(self.runner.setup.percentile().number());
        Duration::from_secs(needed.div_ceil(u64::from(qps.max(1))).clamp(least, most))
    }

    /// The greatest rate that is allowed.
    pub(super) fn ceiling(&self) -> u32 {
        let allowed = self.runner.setup.ceiling(self.runner.cx().policy());
        self.request.max_qps.map_or(allowed, |most| most.get().min(allowed))
    }

    /// The rate of the request or the experiment, else `fallback`.
    pub(super) fn rate(&self, fallback: u32) -> u32 {
        let rate = self.request.qps.or(self.runner.setup.load.qps).map_or(fallback, NonZeroU32::get);
        rate.min(self.ceiling()).max(1)
    }

    /// The runs of the request or the experiment, else `fallback`.
    pub(super) fn runs(&self, fallback: u8) -> u8 {
        self.request.runs.map(Runs::get).or(self.runner.setup.runs).unwrap_or(fallback)
    }

    /// A load of the target at a rate.
    pub(super) fn load(&self, qps: u32, measured: Duration) -> Result<FaultNode, Stop> {
        load(&self.runner.setup, self.runner.cx().policy(), qps, measured)
    }

    /// One load at a rate, to its end.
    pub(super) async fn measure(&self, qps: u32, measured: Duration, label: &str) -> Result<StepRecord, Stop> {
        landed(self.runner.load(&self.load(qps, measured)?, label).await?)
    }
}

/// A load that was not answered shows nothing but that.
pub(super) fn landed(step: StepRecord) -> Result<StepRecord, Stop> {
    let seen = step.result.as_ref().and_then(|result| result.witness.as_ref());
    let answered = seen.is_some_and(|seen| seen.presence == Presence::Present);
    if answered && step.measures.get("requests").is_some_and(|requests| *requests > 0.0) {
        return Ok(step);
    }
    let id = step.id();
    let why = step.result.and_then(|result| result.error).unwrap_or_else(|| "no request was measured".to_owned());
    Err(Stop::Failed(format!("step {id} measured nothing: {why}")))
}
