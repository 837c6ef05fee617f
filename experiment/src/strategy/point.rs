//! One point: whether the SLOs held at a rate, and whose limit it was where they did not.

use chaos_core::{FailureCauses, UnservedConnections};
use chaos_schema::{Slo, SloPercentile};

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
    let held = broken.is_empty();
    let unserved = if held { None } else { unserved(step) };
    let generator = if held || unserved.is_some() { None } else { generator(step, base) };
    let generator_limit = generator.is_some();
    broken.extend(generator);
    let unserved_connections = unserved.is_some();
    broken.extend(unserved.map(|seen| seen.to_string()));
    let why = broken.join("; ");
    Point { step: step.id(), target_qps, held, why, generator: generator_limit, unserved_connections }
}

/// Why an SLO does not hold, if it does not.
fn broken_slo(slo: &Slo, step: &StepRecord) -> Option<String> {
    match slo {
        Slo::Response { percentile, most_ms } => broken_response(*percentile, *most_ms, step),
        Slo::Errors { most_ratio } => {
            let found = get(step, "error_ratio");
            (found > *most_ratio).then(|| format!("{:.2} % of the requests failed{}", found * 100.0, causes(step)))
        }
    }
}

fn broken_response(percentile: SloPercentile, most_ms: f64, step: &StepRecord) -> Option<String> {
    let word = percentile.word();
    let Some(found) = step.measures.get(&measure::response(word)).copied() else {
        return Some(format!("p{word} is not known: no request was answered well"));
    };
    let (late, timeout) = (get(step, "timed_out"), get(step, "timeout_ms"));
    // Requests that were given up are the slowest ones.
    let judged = get(step, "requests") - get(step, "errors") + late;
    let among_them = late > (1.0 - percentile.number() / 100.0) * judged + 1e-9;
    match (found > most_ms, among_them) {
        (true, false) => Some(format!("p{word} was {found:.1} ms")),
        (true, true) => Some(format!("p{word} was at least {found:.0} ms: {late:.0} requests were given up")),
        (false, true) => Some(format!(
            "p{word} is not known: {late:.0} requests were given up after {timeout:.0} ms, before the bound"
        )),
        (false, false) => None,
    }
}

/// How the requests failed, as a clause.
fn causes(step: &StepRecord) -> String {
    let load = step.result.as_ref().and_then(|result| result.load.as_ref());
    let failures = load.map(|load| load.judged_failures()).filter(|failures| !failures.is_empty());
    failures.map(|failures| format!(": {}", FailureCauses(failures))).unwrap_or_default()
}

fn unserved(step: &StepRecord) -> Option<UnservedConnections> {
    step.result.as_ref()?.load.as_ref()?.unserved_connections()
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
