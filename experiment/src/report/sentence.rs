//! What a finding says, in one sentence; every number in it was measured.

use chaos_schema::Slo;

use crate::figure::{figure, number, slo_text};
use crate::finding::{CapacityLimit, Finding, Point};
use crate::measure::unit;

/// The sentence of a finding.
pub(crate) fn sentence(finding: &Finding, slo: &[Slo]) -> String {
    let slo = slo_text(slo, " and ");
    match finding {
        Finding::Capacity { capacity_qps, broken_qps, limit, confirmed, points } => {
            let at = |point: &&Point| !point.held && broken_qps.is_some_and(|bad| (point.target_qps - bad).abs() < 0.5);
            let text = capacity(*capacity_qps, *broken_qps, *limit, *confirmed, &slo);
            // A rate at which nothing holds needs its reason more than any other.
            let reason = matches!(limit, CapacityLimit::BelowFloor | CapacityLimit::Target);
            because(&text, points.iter().rfind(at).filter(|_| reason))
        }
        Finding::Ramp { knee_qps: Some(knee), points } => {
            let last = points.last().map_or(0.0, |point| point.target_qps);
            if *knee >= last {
                format!("{slo} held at every rate up to {} qps", number(*knee))
            } else {
                format!("{slo} held up to {} qps, and no longer at the next rate", number(*knee))
            }
        }
        Finding::Ramp { points, .. } => {
            because(&format!("{slo} did not hold at the lowest rate"), points.iter().find(|point| !point.held))
        }
        Finding::Compare { fault, measure, difference, without, with, held_with, .. } => {
            let held = if *held_with { "held" } else { "did not hold" };
            let Some(estimate) = difference else {
                return format!("`{fault}`: too few blocks in which {measure} is known; with it {slo} {held}");
            };
            let unit = unit(measure);
            let (low, high) = (figure(estimate.low, unit), figure(estimate.high, unit));
            let claim = if estimate.excludes_zero() { "makes a difference" } else { "makes no difference that shows" };
            format!(
                "`{fault}` {claim}: {measure} {} without it and {} with it, difference {} (95 % interval {low} to {high}, {} \
                 pairs of blocks); with it {slo} {held}",
                figure(*without, unit),
                figure(*with, unit),
                figure(estimate.mean, unit),
                estimate.count
            )
        }
        Finding::Repeat { spread, points } => {
            let held = points.iter().filter(|point| point.held).count();
            let rate = points.first().map_or(0.0, |point| point.target_qps);
            let p99 = spread.iter().find(|(name, _)| name == "response_p99_ms").map(|(_, estimate)| {
                let (low, high) = (figure(estimate.low, "ms"), figure(estimate.high, "ms"));
                format!("; p99 {} on average (95 % interval {low} to {high})", figure(estimate.mean, "ms"))
            });
            let p99 = p99.unwrap_or_default();
            let text = format!("at {} qps {slo} held in {held} of {} runs{p99}", number(rate), points.len());
            because(&text, points.iter().find(|point| !point.held))
        }
    }
}

/// The text with the reason for which a point did not hold.
fn because(text: &str, broken: Option<&Point>) -> String {
    broken.map_or_else(|| text.to_owned(), |point| format!("{text} ({})", point.why))
}

fn capacity(good: Option<f64>, bad: Option<f64>, limit: CapacityLimit, confirmed: bool, slo: &str) -> String {
    let good = good.map(number);
    let twice = if confirmed { ", in two runs" } else { "" };
    match (limit, good, bad.map(number)) {
        (CapacityLimit::Target, Some(good), Some(bad)) => {
            format!("{slo} held up to {good} qps{twice}; at {bad} qps no longer")
        }
        (CapacityLimit::Generator, Some(good), _) => {
            format!("generator saturated at {good} qps: {slo} held up to there, and the target may do more")
        }
        (CapacityLimit::Ceiling, Some(good), _) => {
            format!("{slo} held at {good} qps, the greatest rate that was allowed{twice}; the target may do more")
        }
        (CapacityLimit::CutOff, Some(good), _) => format!("the search was cut off; {slo} held at {good} qps"),
        (CapacityLimit::CutOff, None, _) => "the search was cut off before a rate was found that holds".to_owned(),
        (_, _, Some(bad)) => format!("{slo} did not hold even at {bad} qps"),
        _ => "no rate was found that holds".to_owned(),
    }
}
