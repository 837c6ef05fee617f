//! When each step ran, and how it came out.

use std::fmt::Write;

use super::super::build::ExperimentReport;
use super::canvas::{Axis, RIGHT, ROW, ROW_LEFT, WIDTH, hover, label, picture, rows_grid, rows_height};
use crate::figure::number;

/// The steps as bars over time.
pub(crate) fn timeline(report: &ExperimentReport) -> String {
    if report.steps.is_empty() {
        return String::new();
    }
    let mut body = String::new();
    let end = report.steps.iter().map(|step| seconds(step.at_ms) + step.seconds).fold(0.0, f64::max);
    let x = Axis::linear(end, ROW_LEFT, WIDTH - RIGHT);
    let height = rows_height(report.steps.len());
    rows_grid(&mut body, &x, ROW_LEFT, height, "seconds since the beginning");
    let mut y = 12.0;
    for step in &report.steps {
        let class = match (step.held, step.is_load) {
            (Some(true), _) => "bar good",
            (Some(false), _) => "bar bad",
            (None, true) => "bar plain",
            (None, false) => "bar fault",
        };
        let short: String = step.label.chars().take(34).collect();
        label(&mut body, "tick end", (ROW_LEFT - 8.0, y + 11.0), &format!("{} {short}", step.id));
        let (from, to) = (x.at(seconds(step.at_ms)), x.at(seconds(step.at_ms) + step.seconds));
        let told = hover(&format!("step {}: {} ({}), {} s", step.id, step.label, step.kind, number(step.seconds)));
        let wide = (to - from).max(2.0);
        let _ = write!(
            body,
            "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"14\" rx=\"3\">{told}</rect>"
        );
        y += ROW;
    }
    let title = "Steps and faults over time (green held, red broken, grey load, violet another fault)";
    let told = format!("{} steps in {} s", report.steps.len(), number(end));
    picture("timeline", title, &told, height + 44.0, &body)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of one experiment")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1e3
}
