//! `compare`: the same load with and without a fault, in pairs of blocks whose order alternates (ABBA).
//!
//! The unit of the statistics is the pair, not the request: requests of one block depend on each other, and a drift of the
//! machine affects both halves of a pair alike.

use std::time::Duration;

use chaos_core::{DEFAULT_HOLD_SECONDS, FaultNode, Seconds};
use rand::Rng;

use super::context::{StrategyContext, landed};
use super::point::{Base, judge};
use crate::finding::Finding;
use crate::measure;
use crate::statistics::{estimate_within, mean};
use crate::stop::Stop;
use crate::transcript::StepRecord;

/// Pairs by default.
const PAIRS: u8 = 6;
/// Requests per second by default.
const RATE: u32 = 100;
/// Seconds of a block, at the least and at the most.
const BLOCK: (u64, u64) = (3, 8);
/// The fault is held so much longer than its block: requests that it delays end within it, or time out.
const OUTLASTS: Duration = Duration::from_secs(1);
/// What is told beside the measure that is claimed.
const TOLD: [&str; 4] = ["response_p50_ms", "response_p99_ms", "response_mean_ms", "error_ratio"];

/// The blocks of one pair.
struct Pair {
    without: StepRecord,
    with: StepRecord,
}

pub(super) async fn run(context: &StrategyContext<'_>) -> (Option<Finding>, Option<Stop>) {
    let Some(fault) = context.request.fault.as_ref().or(context.runner.setup.fault.as_ref()) else {
        let why = "`compare` needs a fault; give it one (`fault` in the file, `--fault`, or the tool's `fault`)";
        return (None, Some(Stop::Refused(why.to_owned())));
    };
    let mut rng = context.runner.cx().child("statistics", None).rng();
    // The seed says which half comes first; from then on the order alternates.
    let first_with = rng.next_u64() & 1 == 1;
    let mut pairs: Vec<Pair> = Vec::new();
    let mut stop = None;
    for index in 0..usize::from(context.runs(PAIRS)) {
        match pair(context, fault, index, first_with ^ (index % 2 == 1), pairs.first()).await {
            Ok(pair) => pairs.push(pair),
            Err(why) => {
                stop = Some(why);
                break;
            }
        }
    }
    let claimed = measure::response(context.runner.setup.percentile().word());
    let mut differences = |name: &str| {
        let of = |step: &StepRecord| step.measures.get(name).copied();
        let values: Vec<f64> = pairs.iter().filter_map(|pair| Some(of(&pair.with)? - of(&pair.without)?)).collect();
        estimate_within(&values, measure::difference_bounds(name), &mut rng)
    };
    let difference = differences(&claimed);
    let others = TOLD.iter().filter(|name| **name != claimed);
    let others = others.filter_map(|name| Some(((*name).to_owned(), differences(name)?))).collect();
    let arm = |half: fn(&Pair) -> &StepRecord| -> f64 {
        let values: Vec<f64> = pairs.iter().filter_map(|pair| half(pair).measures.get(&claimed).copied()).collect();
        mean(&values)
    };
    let base = pairs.first().map(|pair| Base::of(&pair.without));
    let finding = Finding::Compare {
        fault: fault.type_name().to_owned(),
        difference,
        others,
        without: arm(|pair| &pair.without),
        with: arm(|pair| &pair.with),
        pairs: pairs.iter().map(|pair| (pair.without.id(), pair.with.id())).collect(),
        held_with: pairs.iter().all(|pair| judge(&context.runner.setup, &pair.with, base).held),
        measure: claimed,
    };
    ((!pairs.is_empty()).then_some(finding), stop)
}

async fn pair(
    context: &StrategyContext<'_>,
    fault: &FaultNode,
    index: usize,
    with_first: bool,
    before: Option<&Pair>,
) -> Result<Pair, Stop> {
    let qps = context.rate(RATE);
    let seconds = context.seconds(qps, BLOCK);
    let base = before.map(|pair| Base::of(&pair.without));
    let number = index + 1;
    let alone = async || {
        if index > 0 || with_first {
            context.rest(base).await?;
        }
        context.measure(qps, seconds, &format!("compare: pair {number}, without, {qps} qps")).await
    };
    let faulty = async || {
        if index > 0 || !with_first {
            context.rest(base).await?;
        }
        let load = context.load(qps, seconds)?;
        let hold = (context.runner.setup.warmup() + seconds + OUTLASTS).as_secs_f64();
        let hold = Seconds::try_from(hold).unwrap_or_else(|_| Seconds::from(DEFAULT_HOLD_SECONDS));
        let label = format!("compare: pair {number}, with, {qps} qps");
        landed(context.runner.load_under(fault, hold, &load, &label).await?)
    };
    if with_first {
        let with = faulty().await?;
        Ok(Pair { with, without: alone().await? })
    } else {
        let without = alone().await?;
        Ok(Pair { without, with: faulty().await? })
    }
}
