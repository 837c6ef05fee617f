//! Whether a load landed, and what shows it.

use std::fmt::Write;

use chaos_core::{EarlyStop, Evidence, FailureCauses, LoadReport, Outcome};
use serde_json::{Map, Value, json};

use super::engine::StartError;

/// More that the evidence holds.
pub(super) type Data = Map<String, Value>;

/// Why a load did not succeed, if it did not.
pub(super) fn shortfall(report: &LoadReport) -> Option<String> {
    if report.counts.answered == 0 {
        let why = report.main_failure().unwrap_or(match report.stopped_early {
            Some(_) => "it was interrupted",
            None => "no request was due",
        });
        return Some(format!("load did not reach the workload: {why}"));
    }
    match report.stopped_early {
        Some(EarlyStop::Cancelled | EarlyStop::Failed) => {
            Some(format!("the load was interrupted after {:.1} s", report.elapsed_seconds))
        }
        // A load that is released has done what was wanted of it.
        Some(EarlyStop::Released) | None => None,
    }
}

/// The outcome: landed exactly when requests were answered.
pub(super) fn of(report: LoadReport, mut data: Data) -> Outcome {
    let error = shortfall(&report);
    data.extend(figures(&report));
    let evidence = Evidence::new(summary(&report)).with_data(Value::Object(data));
    let mut outcome = match &error {
        Some(why) if report.counts.answered == 0 => Outcome::missed(why, evidence),
        _ => Outcome::landed(evidence),
    };
    outcome.error = error;
    outcome.with_load(report)
}

/// The outcome of a load that could not be started.
pub(super) fn not_started(error: &StartError) -> Outcome {
    let why = format!("load did not reach the workload: {error}");
    Outcome::missed(&why, Evidence::new(&why))
}

fn figures(report: &LoadReport) -> Data {
    let counts = &report.counts;
    let figures = [
        ("scheduled", json!(counts.scheduled)),
        ("completed", json!(counts.completed)),
        ("answered", json!(counts.answered)),
        ("ok", json!(counts.ok)),
        ("errors", json!(counts.errors)),
        ("error_ratio", json!(report.error_ratio())),
        ("target_qps", json!(report.request.qps)),
        ("achieved_qps", json!(report.achieved_qps)),
        ("saturated", json!(report.saturated)),
    ];
    figures.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

/// Writing into a string cannot fail.
fn summary(report: &LoadReport) -> String {
    let counts = &report.counts;
    let mut text = format!(
        "{} of {} requests answered in {:.1} s ({:.1} qps), {:.1} % errors",
        counts.answered,
        counts.scheduled,
        report.elapsed_seconds,
        report.achieved_qps,
        report.error_ratio() * 100.0
    );
    if let Some(why) = &report.failure {
        let _ = write!(text, ", {why}");
    } else if !report.failures.is_empty() {
        let _ = write!(text, ": {}", FailureCauses(&report.failures));
    }
    if report.saturated {
        text.push_str("; requests waited for a free connection");
    }
    if let Some(unserved) = report.unserved_connections() {
        let _ = write!(text, "; {unserved}");
    }
    text
}
