//! One point: whether the SLOs held at a rate, and whose limit it was where they did not.

use chaos_schema::Slo;

use crate::finding::Point;
use crate::measure;
use crate::setup::Setup;
use crate::transcript::StepRecord;

/// Share of the planned time by which a load may end late: at more, the target does not keep up with the rate.
const LATE: f64 = 0.01;
/// What the scheduling of two loaded processes alone may cost, in milliseconds.
const JITTER_MS: f64 = 30.0;
/// Share of the requests that must be made.
const MADE: f64 = 0.99;
/// From here on the generator's busiest thread has no time left to be on time.
const BUSY: f64 = 0.9;
/// Share of the connections in use, from which on requests wait for one.
const IN_USE: f64 = 0.8;
/// A target whose service time has not grown by this factor is not at its limit.
const GROWN: f64 = 1.5;

/// The target without much load: the median of its service time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Base {
    pub(super) service_ms: f64,
}

impl Base {
    pub(super) fn of(step: &StepRecord) -> Self {
        Self { service_ms: get(step, "service_p50_ms") }
    }

    /// The first held step is the base of those behind it.
    pub(super) fn or(known: Option<Self>, point: &Point, step: &StepRecord) -> Option<Self> {
        known.or_else(|| point.held.then(|| Self::of(step)))
    }
}

fn get(step: &StepRecord, name: &str) -> f64 {
    step.measures.get(name).copied().unwrap_or(0.0)
}

/// Judges a step; `base` is a step at which the target had little to do.
pub(super) fn judge(setup: &Setup, step: &StepRecord, base: Option<Base>) -> Point {
    let target_qps = get(step, "target_qps");
    let mut broken: Vec<String> = setup.slo.iter().filter_map(|slo| broken_slo(slo, step)).collect();
    broken.extend(behind(step, base));
    let generator = if broken.is_empty() { None } else { generator(step, base) };
    let why = [broken, generator.iter().cloned().collect()].concat().join("; ");
    Point { step: step.id(), target_qps, held: why.is_empty(), why, generator: generator.is_some() }
}

/// Why an SLO does not hold, if it does not.
fn broken_slo(slo: &Slo, step: &StepRecord) -> Option<String> {
    match slo {
        Slo::Response { percentile, most_ms } => {
            let found = get(step, &measure::response(percentile.word()));
            let word = percentile.word();
            (found > *most_ms).then(|| format!("p{word} was {found:.1} ms"))
        }
        Slo::Errors { most_ratio } => {
            let found = get(step, "error_ratio");
            (found > *most_ratio).then(|| format!("{:.2} % of the requests failed", found * 100.0))
        }
    }
}

/// Why the requests were not made in time, if they were not: a backlog that grows is a rate that can't be kept, however
/// short the run and however patient the SLO.
pub(super) fn behind(step: &StepRecord, base: Option<Base>) -> Option<String> {
    let service = base.map_or_else(|| get(step, "service_p50_ms"), |base| base.service_ms);
    let backlog = get(step, "backlog_ms");
    let planned = get(step, "elapsed_seconds") * 1e3 - backlog;
    let made = get(step, "started") / (get(step, "started") + get(step, "missed")).max(1.0);
    if made < MADE {
        return Some(format!("{:.1} % of the requests were never made", (1.0 - made) * 100.0));
    }
    (backlog > LATE * planned + 2.0 * service + JITTER_MS)
        .then(|| format!("the backlog was still {backlog:.0} ms at the end"))
}

/// Why the limit is the generator's own, if it is.
fn generator(step: &StepRecord, base: Option<Base>) -> Option<String> {
    let busy = get(step, "generator_busy_ratio");
    if busy >= BUSY {
        return Some(format!("the generator's busiest thread was busy {:.0} % of the time", busy * 100.0));
    }
    let connections = get(step, "connections");
    let in_use = get(step, "achieved_qps") * get(step, "service_mean_ms") / 1e3 / connections.max(1.0);
    // Without a base nothing shows that the target is not at its limit.
    let grown = base.is_none_or(|base| get(step, "service_p50_ms") > GROWN * base.service_ms);
    if in_use >= IN_USE && !grown {
        return Some(format!(
            "all {connections:.0} connections were in use while the target answered as fast as before"
        ));
    }
    let lag = get(step, "start_lag_p99_ms");
    (in_use < IN_USE && !grown && lag > JITTER_MS)
        .then(|| format!("the generator started requests {lag:.0} ms late with connections to spare"))
}
