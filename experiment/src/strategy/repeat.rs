//! `repeat`: the same load several times, to see how far its figures spread and whether the SLOs hold each time.

use super::context::StrategyContext;
use super::points::Points;
use crate::finding::Finding;
use crate::measure::bounds;
use crate::statistics::estimate_within;
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
    let mut points = Points::new(context);
    let mut steps: Vec<StepRecord> = Vec::new();
    let mut cut_off = None;
    for run in 1..=runs {
        match points.measure(qps, RUN, &format!("repeat: run {run} of {runs}, {qps} qps")).await {
            Ok(step) => steps.push(step),
            Err(why) => {
                cut_off = Some(why);
                break;
            }
        }
    }
    let mut rng = context.runner.cx().child("statistics", None).rng();
    let spread = TOLD.iter().filter_map(|name| {
        let values: Vec<f64> = steps.iter().filter_map(|step| step.measures.get(*name).copied()).collect();
        Some(((*name).to_owned(), estimate_within(&values, bounds(name), &mut rng)?))
    });
    let spread = spread.collect();
    ((!steps.is_empty()).then_some(Finding::Repeat { spread, points: points.all }), cut_off)
}
