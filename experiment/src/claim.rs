//! Claims, and their check against what the engine recorded.

use chaos_core::{shortened, suggestion};
use serde::Serialize;

use crate::conclusion::Claim;
use crate::figure::{close, scale};
use crate::finding::Finding;
use crate::measure::unit;
use crate::statistics::mean;
use crate::transcript::StepRecord;

/// A claim of the greatest rate that held, over steps of a strategy.
const CAPACITY: &str = "capacity_qps";

/// A claim of a measure's difference between two arms, or two steps.
const DIFFERENCE: &str = "difference_";

/// Characters of a claimed measure's name that a message shows.
const SHOWN: usize = 60;

/// A claim beside what was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckedClaim {
    /// The claim.
    pub claim: Claim,
    /// Whether the evidence supports it.
    pub supported: bool,
    /// What the engine measured, in the measure's own unit; `None` where no cited step has the measure.
    pub measured: Option<f64>,
    /// The measure's own unit.
    pub unit: String,
    /// Why it is not supported; empty where it is.
    pub why: String,
}

/// Why a claim is not supported.
#[derive(Debug, PartialEq, thiserror::Error)]
enum Unsupported {
    #[error("it cites no step")]
    NoStep,
    #[error("there is no step {0}")]
    UnknownStep(u32),
    #[error("at none of the cited steps did a strategy find that the SLOs held")]
    NothingHeld,
    #[error("it cites no whole pair")]
    NoPair,
    #[error("a difference needs the pairs of a comparison, or two steps")]
    NoDifference,
    #[error("step {step} has no measure `{name}`{}", .near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownMeasure { step: u32, name: String, near: Option<String> },
    #[error("the unit of `{measure}` is `{own}`, not `{claimed}`")]
    Unit { measure: String, own: &'static str, claimed: String },
    #[error("the evidence gives another figure")]
    AnotherFigure,
}

/// Checks a claim against the recorded steps and findings.
pub(crate) fn check(claim: &Claim, steps: &[StepRecord], findings: &[Finding]) -> CheckedClaim {
    let own = unit(&claim.measure);
    let recomputed = recompute(claim, steps, findings);
    let measured = recomputed.as_ref().ok().copied();
    let why = recomputed.and_then(|measured| compare(claim, own, measured)).err();
    let why = why.map(|why| why.to_string()).unwrap_or_default();
    CheckedClaim { claim: claim.clone(), supported: why.is_empty(), measured, unit: own.to_owned(), why }
}

fn compare(claim: &Claim, own: &'static str, measured: f64) -> Result<(), Unsupported> {
    let scale = scale(&claim.unit, own).ok_or_else(|| Unsupported::Unit {
        measure: claim.measure.clone(),
        own,
        claimed: claim.unit.clone(),
    })?;
    if close(claim.value * scale, measured) { Ok(()) } else { Err(Unsupported::AnotherFigure) }
}

/// The figure that the cited steps give.
fn recompute(claim: &Claim, steps: &[StepRecord], findings: &[Finding]) -> Result<f64, Unsupported> {
    if claim.steps.is_empty() {
        return Err(Unsupported::NoStep);
    }
    let find = |id: &u32| steps.iter().find(|step| step.id() == *id).ok_or(Unsupported::UnknownStep(*id));
    let cited: Vec<&StepRecord> = claim.steps.iter().map(find).collect::<Result<_, _>>()?;
    if claim.measure == CAPACITY {
        let held = findings.iter().flat_map(Finding::points).filter(|p| p.held && claim.steps.contains(&p.step));
        let best = held.map(|point| point.target_qps).max_by(f64::total_cmp);
        return best.ok_or(Unsupported::NothingHeld);
    }
    if let Some(name) = claim.measure.strip_prefix(DIFFERENCE) {
        return difference(name, &cited, findings);
    }
    let values = cited.iter().map(|step| value(step, &claim.measure)).collect::<Result<Vec<f64>, _>>()?;
    Ok(mean(&values))
}

/// With minus without over the pairs of a comparison; of two steps that are no pair, the second minus the first.
fn difference(name: &str, cited: &[&StepRecord], findings: &[Finding]) -> Result<f64, Unsupported> {
    let pairs = findings.iter().find_map(|finding| match finding {
        Finding::Compare { pairs, .. } => {
            let in_it = |step: &&StepRecord| pairs.iter().any(|(a, b)| [*a, *b].contains(&step.id()));
            cited.iter().all(in_it).then_some(pairs)
        }
        _ => None,
    });
    let find = |id: u32| cited.iter().find(|step| step.id() == id);
    match (pairs, cited) {
        (Some(pairs), _) => {
            let whole = pairs.iter().filter_map(|(without, with)| Some((find(*without)?, find(*with)?)));
            let values = whole.map(|(without, with)| Ok(value(with, name)? - value(without, name)?));
            let values = values.collect::<Result<Vec<f64>, _>>()?;
            if values.is_empty() { Err(Unsupported::NoPair) } else { Ok(mean(&values)) }
        }
        (None, [first, second]) => Ok(value(second, name)? - value(first, name)?),
        _ => Err(Unsupported::NoDifference),
    }
}

fn value(step: &StepRecord, name: &str) -> Result<f64, Unsupported> {
    let measures = step.recomputed();
    measures.get(name).copied().ok_or_else(|| Unsupported::UnknownMeasure {
        step: step.id(),
        name: shortened(name, SHOWN),
        near: suggestion(name, measures.keys().map(String::as_str)).map(str::to_owned),
    })
}
