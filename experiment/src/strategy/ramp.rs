//! `ramp`: evenly spaced rates from low to high, to see where the curve bends.

use super::context::StrategyContext;
use super::point::{Base, judge};
use crate::finding::Finding;
use crate::stop::Stop;

/// Points by default.
const POINTS: u8 = 8;
/// Seconds of a point, at the least and at the most.
const POINT: (u64, u64) = (4, 10);

pub(super) async fn run(context: &StrategyContext<'_>) -> (Option<Finding>, Option<Stop>) {
    let (count, most) = (u32::from(context.runs(POINTS)), context.ceiling());
    let first = context.rate((most / count).max(1)).min(most);
    let mut points = Vec::new();
    let mut base = None;
    let mut cut_off = None;
    for index in 0..count {
        let qps = first + u32::try_from(u64::from(most - first) * u64::from(index) / u64::from(count - 1)).unwrap_or(0);
        if index > 0
            && let Err(why) = context.rest(base).await
        {
            cut_off = Some(why);
            break;
        }
        match context.measure(qps, context.seconds(qps, POINT), &format!("ramp: {qps} qps")).await {
            Ok(step) => {
                let point = judge(&context.runner.setup, &step, base);
                base = Base::or(base, &point, &step);
                points.push(point);
            }
            Err(why) => {
                cut_off = Some(why);
                break;
            }
        }
    }
    let knee = points.iter().take_while(|point| point.held).last().map(|point| point.target_qps);
    ((!points.is_empty()).then_some(Finding::Ramp { knee_qps: knee, points }), cut_off)
}
