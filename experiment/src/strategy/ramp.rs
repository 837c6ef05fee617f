//! `ramp`: evenly spaced rates from low to high, to see where the curve bends.

use super::context::StrategyContext;
use super::points::Points;
use crate::finding::Finding;
use crate::stop::Stop;

/// Points by default.
const POINTS: u8 = 8;
/// Seconds of a point, at the least and at the most.
const POINT: (u64, u64) = (4, 10);

pub(super) async fn run(context: &StrategyContext<'_>) -> (Option<Finding>, Option<Stop>) {
    let (count, most) = (u32::from(context.runs(POINTS)), context.ceiling());
    let first = context.rate((most / count).max(1)).min(most);
    let mut points = Points::new(context);
    let mut stop = None;
    for index in 0..count {
        let qps = first + u32::try_from(u64::from(most - first) * u64::from(index) / u64::from(count - 1)).unwrap_or(0);
        stop = points.measure(qps, POINT, &format!("ramp: {qps} qps")).await.err();
        if stop.is_some() {
            break;
        }
    }
    let points = points.all;
    let knee_qps = points.iter().take_while(|point| point.held).last().map(|point| point.target_qps);
    ((!points.is_empty()).then_some(Finding::Ramp { knee_qps, points }), stop)
}
