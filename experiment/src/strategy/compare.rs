//! `compare`: the same load with and without a fault, in pairs of blocks whose order alternates (ABBA).
//!
//! The unit of the statistics is the pair, not the call: calls of one block depend on each other, and a drift of the
//! machine meets both halves of a pair alike.

use std::time::Duration;

use chaos_core::{DEFAULT_HOLD_SECONDS, Seconds};
use rand::Rng;

use super::point::{Base, judge};
use super::{Course, landed};
use crate::finding::Finding;
use crate::lab::Stop;
use crate::measure;
use crate::record::Step;
use crate::setup::load_node;
use crate::statistics::{estimate, mean};

/// Pairs where nobody says how many.
const PAIRS: u8 = 6;
/// Requests per second where nobody says how many.
const RATE: u32 = 100;
/// Seconds of a block, at the least and at the most.
const BLOCK: (u64, u64) = (3, 8);
/// The fault is held so much longer than its block: calls that it holds up end within it, or time out.
const OUTLASTS: Duration = Duration::from_secs(1);
/// What is told beside the measure that is claimed.
const TOLD: [&str; 4] = ["response_p50_ms", "response_p99_ms", "response_mean_ms", "error_ratio"];

/// The blocks of one pair.
struct Pair {
    without: Step,
    with: Step,
}

pub(super) async fn run(course: &Course<'_>) -> (Option<Finding>, Option<Stop>) {
    let Some(fault) = course.ask.fault.clone().or_else(|| course.lab.setup.fault.clone()) else {
        let why = "`compare` needs a fault; give it one (`fault` in the file, `--fault`, or the tool's `fault`)";
        return (None, Some(Stop::Refused(why.to_owned())));
    };
    let mut rng = course.lab.cx().child("statistics", None).rng();
    // The seed says which half comes first; from then on the order alternates.
    let first_with = rng.next_u64() & 1 == 1;
    let mut pairs: Vec<Pair> = Vec::new();
    let mut stop = None;
    for index in 0..usize::from(course.runs(PAIRS)) {
        match pair(course, &fault, index, first_with ^ (index % 2 == 1), pairs.first()).await {
            Ok(pair) => pairs.push(pair),
            Err(why) => {
                stop = Some(why);
                break;
            }
        }
    }
    let claimed = measure::response(course.lab.setup.percentile().word());
    let mut differences = |name: &str| {
        let of = |step: &Step| step.measures.get(name).copied();
        let values: Vec<f64> = pairs.iter().filter_map(|pair| Some(of(&pair.with)? - of(&pair.without)?)).collect();
        estimate(&values, &mut rng)
    };
    let difference = differences(&claimed);
    let others = TOLD.iter().filter(|name| **name != claimed);
    let others = others.filter_map(|name| Some(((*name).to_owned(), differences(name)?))).collect();
    let arm = |half: fn(&Pair) -> &Step| -> f64 {
        let values: Vec<f64> = pairs.iter().filter_map(|pair| half(pair).measures.get(&claimed).copied()).collect();
        mean(&values)
    };
    let base = pairs.first().map(|pair| Base::of(&pair.without));
    let finding = Finding::Compare {
        fault: fault["type"].as_str().unwrap_or_default().to_owned(),
        difference,
        others,
        without: arm(|pair| &pair.without),
        with: arm(|pair| &pair.with),
        pairs: pairs.iter().map(|pair| (pair.without.asked.id, pair.with.asked.id)).collect(),
        held_with: pairs.iter().all(|pair| judge(&course.lab.setup, &pair.with, base).held),
        measure: claimed,
    };
    ((!pairs.is_empty()).then_some(finding), stop)
}

async fn pair(
    course: &Course<'_>,
    fault: &serde_json::Value,
    index: usize,
    with_first: bool,
    before: Option<&Pair>,
) -> Result<Pair, Stop> {
    let qps = course.rate(RATE);
    let seconds = course.seconds(qps, BLOCK.0, BLOCK.1);
    let base = before.map(|pair| Base::of(&pair.without));
    let number = index + 1;
    let alone = async || {
        if index > 0 || with_first {
            course.rest(base).await?;
        }
        course.load(qps, seconds, &format!("compare: pair {number}, without, {qps} qps")).await
    };
    let faulty = async || {
        if index > 0 || !with_first {
            course.rest(base).await?;
        }
        let load = load_node(&course.lab.setup, course.lab.cx().policy(), qps, seconds);
        let hold = (course.lab.setup.warmup() + seconds + OUTLASTS).as_secs_f64();
        let hold = Seconds::try_from(hold).unwrap_or_else(|_| Seconds::from(DEFAULT_HOLD_SECONDS));
        let label = format!("compare: pair {number}, with, {qps} qps");
        landed(course.lab.load_under(fault, hold, &load, &label).await?)
    };
    if with_first {
        let with = faulty().await?;
        Ok(Pair { with, without: alone().await? })
    } else {
        let without = alone().await?;
        Ok(Pair { without, with: faulty().await? })
    }
}
