//! Claims, and their check against what the engine recorded.

use chaos_core::suggestion;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::measure::{self, unit};
use crate::record::Step;
use crate::statistics::mean;

/// How far a claimed value may be from the measured one: rounding, not error.
const TOLERANCE: f64 = 0.02;

/// A claim of the greatest rate that held, over steps of a strategy.
const CAPACITY: &str = "capacity_qps";

/// A claim of a measure's difference between two arms, or two steps.
const DIFFERENCE: &str = "difference_";

/// One claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// A measure as `results` names it, `capacity_qps`, or `difference_` and a measure.
    pub measure: String,
    /// Its value.
    pub value: f64,
    /// Its unit: `ms`, `s`, `qps`, `ratio`, `%` or `1`.
    pub unit: String,
    /// Numbers of the steps that bear it; over several, a plain measure is their mean.
    pub steps: Vec<u32>,
}

/// What was concluded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conclusion {
    /// The answer, in a few sentences.
    pub answer: String,
    /// What the answer rests on.
    pub claims: Vec<Claim>,
    /// How sure: `low`, `medium` or `high`.
    #[serde(default)]
    pub confidence: Confidence,
    /// What was not tested, and so is not known.
    #[serde(default)]
    pub not_tested: Vec<String>,
}

/// How sure somebody is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Confidence {
    /// Not very.
    #[default]
    Low,
    /// Rather.
    Medium,
    /// Very.
    High,
}

/// A claim beside what was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    /// The claim.
    pub claim: Claim,
    /// Whether the evidence bears it.
    pub supported: bool,
    /// What the engine measured, in the measure's own unit; `None` where the claim cites nothing that has it.
    pub measured: Option<f64>,
    /// The measure's own unit.
    pub unit: String,
    /// Why it is not supported; empty where it is.
    pub why: String,
}

/// Checks a claim against the recorded steps and findings.
pub(crate) fn check(claim: &Claim, steps: &[Step], findings: &[Finding]) -> Checked {
    let recomputed = recompute(claim, steps, findings);
    let own = unit(&claim.measure);
    let (measured, verdict) = match recomputed {
        Err(why) => (None, Err(why)),
        Ok(measured) => (Some(measured), compare(claim, own, measured)),
    };
    let why = verdict.err().unwrap_or_default();
    Checked { claim: claim.clone(), supported: why.is_empty(), measured, unit: own.to_owned(), why }
}

fn compare(claim: &Claim, own: &str, measured: f64) -> Result<(), String> {
    let scale = scale(&claim.unit, own)
        .ok_or_else(|| format!("the unit of `{}` is `{own}`, not `{}`", claim.measure, claim.unit))?;
    let claimed = claim.value * scale;
    if close(claimed, measured) { Ok(()) } else { Err("the evidence gives another figure".to_owned()) }
}

/// Whether two figures are the same but for rounding.
pub(crate) fn close(claimed: f64, measured: f64) -> bool {
    (claimed - measured).abs() <= TOLERANCE * measured.abs() + 1e-9
}

/// The factor from a claimed unit to a measure's own.
pub(crate) fn scale(claimed: &str, own: &str) -> Option<f64> {
    match (claimed, own) {
        (claimed, own) if claimed == own => Some(1.0),
        ("s", "ms") => Some(1e3),
        ("us", "ms") | ("ms", "s") => Some(1e-3),
        ("%", "ratio") => Some(0.01),
        ("1", "ratio") | ("rps", "qps") | ("", "1") => Some(1.0),
        _ => None,
    }
}

/// The figure that the cited steps give.
fn recompute(claim: &Claim, steps: &[Step], findings: &[Finding]) -> Result<f64, String> {
    if claim.steps.is_empty() {
        return Err("it cites no step".to_owned());
    }
    let cited: Vec<&Step> = claim
        .steps
        .iter()
        .map(|id| steps.iter().find(|step| step.asked.id == *id).ok_or_else(|| format!("there is no step {id}")))
        .collect::<Result<_, _>>()?;
    if claim.measure == CAPACITY {
        let held = findings.iter().flat_map(Finding::points).filter(|p| p.held && claim.steps.contains(&p.step));
        let best = held.map(|point| point.asked_qps).max_by(f64::total_cmp);
        return best.ok_or_else(|| "at none of the cited steps did a strategy find that the promises held".to_owned());
    }
    if let Some(name) = claim.measure.strip_prefix(DIFFERENCE) {
        return difference(name, &cited, findings);
    }
    let values = cited.iter().map(|step| value(step, &claim.measure)).collect::<Result<Vec<f64>, _>>()?;
    Ok(mean(&values))
}

/// With minus without over the pairs of a comparison; of two steps that are no pair, the second minus the first.
fn difference(name: &str, cited: &[&Step], findings: &[Finding]) -> Result<f64, String> {
    let pairs = findings.iter().find_map(|finding| match finding {
        Finding::Compare { pairs, .. } => {
            let in_it = |step: &&Step| pairs.iter().any(|(a, b)| [*a, *b].contains(&step.asked.id));
            cited.iter().all(in_it).then_some(pairs)
        }
        _ => None,
    });
    let find = |id: u32| cited.iter().find(|step| step.asked.id == id);
    match (pairs, cited) {
        (Some(pairs), _) => {
            let whole = pairs.iter().filter_map(|(without, with)| Some((find(*without)?, find(*with)?)));
            let values = whole.map(|(without, with)| Ok(value(with, name)? - value(without, name)?));
            let values = values.collect::<Result<Vec<f64>, String>>()?;
            if values.is_empty() { Err("it cites no whole pair".to_owned()) } else { Ok(mean(&values)) }
        }
        (None, [first, second]) => Ok(value(second, name)? - value(first, name)?),
        _ => Err("a difference needs the pairs of a comparison, or two steps".to_owned()),
    }
}

fn value(step: &Step, name: &str) -> Result<f64, String> {
    let measures = step.recomputed();
    measures.get(name).copied().ok_or_else(|| {
        let near = suggestion(name, measures.keys().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        format!("step {} has no measure `{}`{near}", step.asked.id, name.chars().take(60).collect::<String>())
    })
}

/// The right figure beside a claim, for people and models: three significant digits are enough for both.
pub(crate) fn figure(value: f64, unit: &str) -> String {
    let text = number(value);
    match unit {
        "ratio" => format!("{} %", number(value * 100.0)),
        "1" | "" => text,
        unit => format!("{text} {unit}"),
    }
}

/// A number with about three digits that count.
pub(crate) fn number(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 || size == 0.0 => format!("{value:.2}"),
        size if size >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The names that a claim may use, for the tool's description.
pub(crate) fn known_measures(steps: &[Step]) -> Vec<String> {
    let mut names: Vec<String> = steps.iter().flat_map(|step| step.recomputed().into_keys()).collect();
    names.sort();
    names.dedup();
    debug_assert!(names.iter().all(|name| !measure::unit(name).is_empty()));
    names
}
