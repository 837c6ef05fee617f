//! The figures of a load before, while and after each fault, in words.

use chaos_core::{LoadReport, PhaseReport};

/// Percentiles that are told.
const PERCENTILES: [f64; 3] = [50.0, 90.0, 99.0];

/// Each phase with its figures, both as texts have them.
pub(super) fn phase_rows(load: &LoadReport) -> Vec<(String, String)> {
    load.phases.iter().map(|phase| (name(phase), figures(phase))).collect()
}

fn name(phase: &PhaseReport) -> String {
    match &phase.fault {
        Some(fault) => format!("{} `{fault}`", phase.phase.word()),
        None => format!("{} any fault", phase.phase.word()),
    }
}

fn figures(phase: &PhaseReport) -> String {
    let Some(error_ratio) = phase.error_ratio else { return "no request ended".to_owned() };
    let times = PERCENTILES
        .iter()
        .filter_map(|percentile| Some(format!("p{percentile} {:.1} ms", phase.response.percentile(*percentile)?)));
    let errors = format!("errors {:.2} %", error_ratio * 100.0);
    let count = phase.ok + phase.errors;
    let requests = if count == 1 { "1 request".to_owned() } else { format!("{count} requests") };
    times.chain([errors, requests]).collect::<Vec<_>>().join(", ")
}
