//! Rate against the SLO's percentile and the median, with errors below, and the knee marked.

use std::fmt::Write;

use chaos_schema::Slo;

use super::super::build::{ExperimentReport, StepRow};
use super::super::sentence::sentence;
use super::canvas::{Axis, LEFT, RIGHT, WIDTH, grid, hover, label, line, picture};
use crate::figure::number;
use crate::finding::Finding;
use crate::measure;

/// Top and bottom of the curves.
const CURVES: (f64, f64) = (46.0, 296.0);
/// Top and bottom of the error bars.
const ERRORS: (f64, f64) = (318.0, 358.0);

/// One picture for each capacity and each ramp.
pub(crate) fn rates(report: &ExperimentReport) -> String {
    let curves = |finding: &Finding| matches!(finding, Finding::Capacity { .. } | Finding::Ramp { .. });
    let found = report.findings.iter().enumerate().filter(|(_, finding)| curves(finding));
    found.map(|(index, finding)| Rates::of(report, finding).picture(index, &sentence(finding, &report.slo))).collect()
}

/// What one picture shows.
struct Rates<'a> {
    /// By rate.
    steps: Vec<&'a StepRow>,
    /// The SLO's percentile, in words, and its bound.
    percentile: &'static str,
    bound: Option<f64>,
    /// The measure of that percentile.
    high: String,
    knee: Option<f64>,
    x: Axis,
    y: Axis,
}

fn rate(step: &StepRow) -> f64 {
    step.measure("target_qps").unwrap_or(0.0)
}

impl<'a> Rates<'a> {
    fn of(report: &'a ExperimentReport, finding: &Finding) -> Self {
        let slo = report.slo.iter().find_map(|slo| match slo {
            Slo::Response { percentile, most_ms } => Some((percentile.word(), *most_ms)),
            Slo::Errors { .. } => None,
        });
        let (percentile, bound) = slo.map_or(("99", None), |(word, bound)| (word, Some(bound)));
        let high = measure::response(percentile);
        let of = |id: u32| report.steps.iter().find(|step| step.id == id);
        let mut steps: Vec<&StepRow> = finding.points().iter().filter_map(|point| of(point.step)).collect();
        steps.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
        let most = steps.iter().map(|step| rate(step)).fold(0.0, f64::max);
        let times = steps.iter().flat_map(|step| [step.measure("response_p50_ms"), step.measure(&high)]);
        let times: Vec<f64> = times.flatten().chain(bound).collect();
        let knee = match finding {
            Finding::Capacity { capacity_qps, .. } => *capacity_qps,
            Finding::Ramp { knee_qps, .. } => *knee_qps,
            _ => None,
        };
        let x = Axis::linear(most * 1.04, LEFT, WIDTH - RIGHT);
        let y = Axis::log(times.iter().copied(), CURVES.1, CURVES.0);
        Self { steps, percentile, bound, high, knee, x, y }
    }

    fn picture(&self, index: usize, description: &str) -> String {
        let mut body = String::new();
        grid(&mut body, &self.x, Some(&self.y), CURVES.0, ERRORS.1, "target rate, requests per second");
        self.bound(&mut body);
        self.curve(&mut body, "response_p50_ms", "low");
        self.curve(&mut body, &self.high, "high");
        self.errors(&mut body);
        self.knee(&mut body);
        self.legend(&mut body);
        let title = format!("Rate against response time (p50 and p{}) and errors", self.percentile);
        picture(&format!("rate{index}"), &title, description, 396.0, &body)
    }

    fn bound(&self, body: &mut String) {
        let Some(bound) = self.bound else { return };
        let y = self.y.at(bound);
        line(body, "bound", (LEFT, y), (WIDTH - RIGHT, y));
        let text = format!("SLO: p{} {} ms", self.percentile, number(bound));
        label(body, "note bound-text", (LEFT + 6.0, y - 6.0), &text);
    }

    fn curve(&self, body: &mut String, name: &str, class: &str) {
        let at = |step: &StepRow| Some((self.x.at(rate(step)), self.y.at(step.measure(name)?)));
        let path: Vec<String> =
            self.steps.iter().filter_map(|step| at(step)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = write!(body, "<polyline class=\"curve {class}\" points=\"{}\"/>", path.join(" "));
        for step in &self.steps {
            let Some((cx, cy)) = at(step) else { continue };
            let state = if step.held == Some(true) { "held" } else { "broken" };
            let (qps, time) = (number(rate(step)), number(step.measure(name).unwrap_or(0.0)));
            let told = hover(&format!("step {}: {qps} qps, {name} {time} ms, {state}", step.id));
            let _ = write!(
                body,
                "<circle class=\"dot {class} {state}\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"4.5\">{told}</circle>"
            );
        }
    }

    fn errors(&self, body: &mut String) {
        let (top, bottom) = ERRORS;
        label(body, "tick end", (LEFT - 8.0, bottom), "0");
        label(body, "tick end", (LEFT - 8.0, top + 8.0), "100 %");
        line(body, "axis", (LEFT, bottom), (WIDTH - RIGHT, bottom));
        for step in &self.steps {
            let share = step.measure("error_ratio").unwrap_or(0.0);
            let (x, tall) = (self.x.at(rate(step)) - 3.0, share * (bottom - top));
            let told = hover(&format!("step {}: {} % errors", step.id, number(share * 100.0)));
            let _ = write!(
                body,
                "<rect class=\"errors\" x=\"{x:.1}\" y=\"{:.1}\" width=\"6\" height=\"{tall:.1}\">{told}</rect>",
                bottom - tall,
            );
        }
    }

    fn knee(&self, body: &mut String) {
        let Some(knee) = self.knee else { return };
        let (x, top) = (self.x.at(knee), CURVES.0);
        line(body, "knee", (x, top - 12.0), (x, ERRORS.1));
        let (side, shift) = if x > WIDTH / 2.0 { ("end", -6.0) } else { ("", 6.0) };
        label(body, &format!("note strong {side}"), (x + shift, top - 4.0), &format!("{} qps", number(knee)));
    }

    fn legend(&self, body: &mut String) {
        let curves = [("low", "p50".to_owned()), ("high", format!("p{}", self.percentile))];
        for (n, (class, text)) in (0_u8..).zip(curves) {
            let at = LEFT + 4.0 + f64::from(n) * 74.0;
            line(body, &format!("curve {class}"), (at, 12.0), (at + 18.0, 12.0));
            label(body, "note", (at + 24.0, 16.0), &text);
        }
        label(body, "note", (LEFT + 156.0, 16.0), "filled: held, hollow: broken, bars: errors");
        label(body, "tick", (4.0, 16.0), "ms");
    }
}
