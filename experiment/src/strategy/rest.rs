//! The rest between two points: until the target answers as it does without load.

use std::time::Duration;

use chaos_core::{Answer, PROBES, ProbeNode};

use super::context::StrategyContext;
use super::point::Base;
use crate::stop::Stop;

/// The least rest; connections are closed and counters settle.
const LEAST: Duration = Duration::from_millis(300);
/// The longest rest; a target that has not recovered by then is measured as it is.
const LONGEST: Duration = Duration::from_secs(10);
/// Checks in a row that must be fast.
const FAST: u32 = 2;
/// A new connection and a busy machine may cost so much, in milliseconds.
const CONNECT_MS: f64 = 30.0;
/// The assumed service time of a target without a base, in milliseconds.
const UNKNOWN_MS: f64 = 100.0;

impl StrategyContext<'_> {
    /// Waits until the backlog is drained: seen by single requests where a probe that makes them is linked, by time elsewhere.
    pub(super) async fn rest(&self, base: Option<Base>) -> Result<(), Stop> {
        let runner = self.runner;
        let sleep = async |time: Duration| {
            if runner.cx().sleep(time).await { Ok(()) } else { Err(runner.stop(Stop::Cancelled)) }
        };
        sleep(LEAST).await?;
        let Some(probe) = self.probe() else { return sleep(LEAST).await };
        let fast = Duration::from_secs_f64((3.0 * base.map_or(UNKNOWN_MS, |base| base.service_ms) + CONNECT_MS) / 1e3);
        let end = runner.cx().clock().now() + LONGEST.min(runner.time_left());
        let mut row = 0;
        while row < FAST && runner.may_check() && runner.cx().clock().now() < end {
            let (seen, took) = runner.check(&probe).await;
            row = if seen.answer != Answer::Unknown && took <= fast { row + 1 } else { 0 };
            if row < FAST {
                sleep(Duration::from_millis(50)).await?;
            }
        }
        Ok(())
    }

    /// The linked probe that says yes to any answer of the target.
    fn probe(&self) -> Option<ProbeNode> {
        let any_answer = PROBES.all().iter().find_map(|probe| probe.any_answer)?;
        Some(ProbeNode::new(any_answer(self.runner.setup.target.clone())))
    }
}
