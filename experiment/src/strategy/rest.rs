//! The rest between two points: until the target answers as it does when nothing is asked of it.

use std::time::Duration;

use chaos_core::{Answer, PROBES, ProbeNode};
use serde_json::json;

use super::Course;
use super::point::Base;
use crate::lab::Stop;

/// The least rest; connections are closed and counters settle.
const LEAST: Duration = Duration::from_millis(300);
/// The longest rest; a target that is not back by then is measured as it is.
const LONGEST: Duration = Duration::from_secs(10);
/// Looks in a row that must be fast.
const FAST: u32 = 2;
/// A new connection and a busy machine may cost so much, in milliseconds.
const CONNECT_MS: f64 = 30.0;

impl Course<'_> {
    /// Waits until the queue is drained: seen by single requests where the probe `http` is linked, by time elsewhere.
    pub(super) async fn rest(&self, base: Option<Base>) -> Result<(), Stop> {
        let lab = self.lab;
        let sleep = async |time: Duration| {
            if lab.cx().sleep(time).await { Ok(()) } else { Err(lab.stop(Stop::Cancelled)) }
        };
        sleep(LEAST).await?;
        let Some(probe) = self.probe() else { return sleep(LEAST).await };
        let fast = Duration::from_secs_f64((3.0 * base.map_or(0.0, |base| base.service_ms) + CONNECT_MS) / 1e3);
        let end = lab.cx().clock().now() + LONGEST.min(lab.time_left());
        let mut row = 0;
        while row < FAST && lab.cx().clock().now() < end && lab.may_look() {
            let (seen, took) = lab.look(&probe).await;
            row = if seen.answer != Answer::Unknown && took <= fast { row + 1 } else { 0 };
            if row < FAST {
                sleep(Duration::from_millis(50)).await?;
            }
        }
        Ok(())
    }

    fn probe(&self) -> Option<ProbeNode> {
        PROBES.get("http").ok()?;
        let any = json!({"type": "http", "url": self.lab.setup.target.as_str(), "expect_status": "100-599"});
        chaos_core::parse(&any).ok()
    }
}
