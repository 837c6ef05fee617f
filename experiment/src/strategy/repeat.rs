//! `repeat`: the same load several times, to see how far its figures spread and whether the SLOs hold each time.

use super::context::StrategyContext;
use super::point::{Base, judge};
use crate::finding::Finding;
use crate::statistics::estimate;
use crate::stop::Stop;
use crate::transcript::StepRecord;

/// Runs by default.
const RUNS: u8 = 5;
/// Requests per second by default: that of the load itself.
const RATE: u32 = 100;
/// Seconds of a run, at the least and at the most.
const RUN: (u64, u64) = (4, 15);
/// What is told of all runs together.
const TOLD: [&str; 5] = ["response_p50_ms", "response_p90_ms", "response_p99_ms", "error_ratio", "achieved_qps"];

pub(super) async fn run(context: &StrategyContext<'_>) -> (Option<Finding>, Option<Stop>) {
    let (runs, qps) = (context.runs(RUNS), context.rate(RATE));
    let (mut steps, mut points, mut cut_off): (Vec<StepRecord>, Vec<_>, _) = (Vec::new(), Vec::new(), None);
    let mut base = None;
    for run in 1..=runs {
        if run > 1
            && let Err(why) = context.rest(base).await
        {
            cut_off = Some(why);
            break;
        }
        let label = format!("repeat: run {run} of {runs}, {qps} qps");
        match context.measure(qps, context.seconds(qps, RUN), &label).await {
            Ok(step) => {
                let point = judge(&context.runner.setup, &step, base);
                base = Base::or(base, &point, &step);
                points.push(point);
                steps.push(step);
            }
            Err(why) => {
                cut_off = Some(why);
                break;
            }
        }
    }
    let mut rng = context.runner.cx().child("statistics", None).rng();
    let spread = TOLD.iter().filter_map(|name| {
        let values: Vec<f64> = steps.iter().filter_map(|step| step.measures.get(*name).copied()).collect();
        Some(((*name).to_owned(), estimate(&values, &mut rng)?))
    });
    let spread = spread.collect();
    ((!points.is_empty()).then_some(Finding::Repeat { spread, points }), cut_off)
}
