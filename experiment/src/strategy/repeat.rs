//! `repeat`: the same load several times, to see how far its figures spread and whether the promises hold each time.

use super::Course;
use super::point::{Base, judge};
use crate::finding::Finding;
use crate::lab::Stop;
use crate::record::Step;
use crate::statistics::estimate;

/// Runs where nobody says how many.
const RUNS: u8 = 5;
/// Requests per second where nobody says how many: the default of the load itself.
const RATE: u32 = 100;
/// Seconds of a run, at the least and at the most.
const RUN: (u64, u64) = (4, 15);
/// What is told of all runs together.
const TOLD: [&str; 5] = ["response_p50_ms", "response_p90_ms", "response_p99_ms", "error_ratio", "achieved_qps"];

pub(super) async fn run(course: &Course<'_>) -> (Option<Finding>, Option<Stop>) {
    let (runs, qps) = (course.runs(RUNS), course.rate(RATE));
    let (mut steps, mut points, mut stop): (Vec<Step>, Vec<_>, _) = (Vec::new(), Vec::new(), None);
    for run in 1..=runs {
        let base = steps.first().map(Base::of);
        if run > 1
            && let Err(why) = course.rest(base).await
        {
            stop = Some(why);
            break;
        }
        let label = format!("repeat: run {run} of {runs}, {qps} qps");
        match course.load(qps, course.seconds(qps, RUN.0, RUN.1), &label).await {
            Ok(step) => {
                points.push(judge(&course.lab.setup, &step, base));
                steps.push(step);
            }
            Err(why) => {
                stop = Some(why);
                break;
            }
        }
    }
    let mut rng = course.lab.cx().child("statistics", None).rng();
    let spread = TOLD.iter().filter_map(|name| {
        let values: Vec<f64> = steps.iter().filter_map(|step| step.measures.get(*name).copied()).collect();
        Some(((*name).to_owned(), estimate(&values, &mut rng)?))
    });
    let spread = spread.collect();
    ((!points.is_empty()).then_some(Finding::Repeat { spread, points }), stop)
}
