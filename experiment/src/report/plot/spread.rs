//! How the response times of each load spread.

use std::fmt::Write;

use super::super::build::{ExperimentReport, StepRow};
use super::canvas::{Axis, RIGHT, ROW, ROW_LEFT, WIDTH, hover, label, line, picture, rows_grid, rows_height};
use crate::figure::number;

/// The ends of a step's line.
const ENDS: [&str; 2] = ["response_p1_ms", "response_p999_ms"];

/// The response times of each load, from p1 to p99.9.
pub(crate) fn spread(report: &ExperimentReport) -> String {
    let loads: Vec<&StepRow> = report.steps.iter().filter(|step| step.measure("response_p50_ms").is_some()).collect();
    if loads.is_empty() {
        return String::new();
    }
    let mut body = String::new();
    let height = rows_height(loads.len());
    let all: Vec<f64> = loads.iter().flat_map(|step| ENDS.map(|name| step.measure(name))).flatten().collect();
    let x = Axis::log(all.iter().copied(), ROW_LEFT, WIDTH - RIGHT);
    rows_grid(&mut body, &x, ROW_LEFT, height, "response time in ms");
    let mut y = 19.0;
    for step in &loads {
        row(&mut body, &x, y, step);
        y += ROW;
    }
    let title = "Response times of each step: line p1 to p99.9, box p10 to p90, blue mark p50, orange mark p99";
    picture("spread", title, &format!("{} loads", loads.len()), height + 44.0, &body)
}

fn row(body: &mut String, x: &Axis, y: f64, step: &StepRow) {
    let at = |name: &str| x.at(step.measure(name).unwrap_or(0.0));
    let rate = number(step.measure("target_qps").unwrap_or(0.0));
    let arm = step.label.split(", ").nth(1).filter(|arm| *arm == "with" || *arm == "without").unwrap_or_default();
    label(body, "tick end", (ROW_LEFT - 8.0, y + 4.0), &format!("step {}: {rate} qps {arm}", step.id));
    line(body, "whisker", (at(ENDS[0]), y), (at(ENDS[1]), y));
    let (from, to) = (at("response_p10_ms"), at("response_p90_ms"));
    let _ = write!(
        body,
        "<rect class=\"box\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"10\" rx=\"2\"/>",
        y - 5.0,
        (to - from).max(1.5)
    );
    for (name, class) in [("response_p50_ms", "median"), ("response_p99_ms", "nines")] {
        let told = hover(&format!("step {}: {name} {}", step.id, number(step.measure(name).unwrap_or(0.0))));
        let _ = write!(
            body,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"3\" height=\"14\">{told}</rect>",
            at(name) - 1.5,
            y - 7.0,
        );
    }
}
