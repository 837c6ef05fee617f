//! What a model reads of steps, findings and claims: bounded, with the target's words marked.

use std::fmt::Write;

use chaos_agent::ToolReply;
use chaos_core::shortened;

use crate::claim::CheckedClaim;
use crate::figure::figure;
use crate::finding::Finding;
use crate::measure::unit;
use crate::report::sentence;
use crate::step_runner::StepRunner;
use crate::transcript::StepRecord;

/// Columns of the table; the answer of a step's own call has all its measures.
const COLUMNS: [&str; 6] =
    ["target_qps", "achieved_qps", "response_p50_ms", "response_p99_ms", "error_ratio", "answer_yes"];
/// Rows of the table: the last ones.
const ROWS: usize = 40;

/// What one step measured.
pub(super) fn step(step: &StepRecord) -> ToolReply {
    let measures: Vec<String> = step.measures.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    let text = format!("step {}: {}\n{}", step.id(), step.state(), measures.join("\n"));
    let said = match (&step.result, &step.observation) {
        (Some(result), _) => {
            let witness = result.witness.as_ref().map(|seen| seen.evidence.summary.as_str()).unwrap_or_default();
            format!("{witness}\n{}", result.error.as_deref().unwrap_or_default())
        }
        (None, Some(seen)) => format!("{}\n{}", seen.detail, seen.value),
        (None, None) => String::new(),
    };
    ToolReply::done(text).with_target_data("the target", &shortened(&said, 2000))
}

/// The table of what was measured so far.
pub(super) fn results(runner: &StepRunner) -> String {
    let steps = runner.steps();
    let mut text = format!("step label {}\n", COLUMNS.join(" "));
    let left_out = steps.len().saturating_sub(ROWS);
    for step in &steps[left_out..] {
        let _ = write!(text, "{} \"{}\"", step.id(), shortened(&step.start.label, 60));
        for column in COLUMNS {
            let value = step.measures.get(column).map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
            let _ = write!(text, " {value}");
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{}", spent(runner));
    let _ = write!(text, "measures: {}", known_measures(&steps).join(" "));
    text
}

/// What was spent, of what.
pub(super) fn spent(runner: &StepRunner) -> String {
    let (spent, budget) = (runner.spent(), &runner.setup.budget);
    format!(
        "spent: {} of {} steps, {} of {} requests, {:.0} of {:.0} s under faults, {:.0} of {:.0} s",
        spent.steps,
        budget.steps,
        spent.requests,
        budget.requests,
        spent.fault_seconds,
        budget.fault_seconds.get().as_secs_f64(),
        spent.wall_seconds,
        budget.wall_seconds.get().as_secs_f64()
    )
}

/// What a strategy found.
pub(super) fn finding(finding: &Finding, runner: &StepRunner) -> String {
    let mut text = sentence(finding, &runner.setup.slo);
    for point in finding.points() {
        let state = if point.held { "held" } else { point.why.as_str() };
        let _ = write!(text, "\nstep {}: {} qps: {state}", point.step, point.target_qps);
    }
    if let Finding::Compare { pairs, .. } = finding {
        let _ = write!(text, "\npairs of steps (without, with): {pairs:?}");
    }
    text
}

/// A claim that is not supported, with the right figure.
pub(super) fn claim(checked: &CheckedClaim) -> String {
    let claim = &checked.claim;
    let right = checked.measured.map(|value| format!("; measured: {}", figure(value, unit(&claim.measure))));
    format!("- {} = {} {}: {}{}", claim.measure, claim.value, claim.unit, checked.why, right.unwrap_or_default())
}

/// The names that a claim may use.
fn known_measures(steps: &[StepRecord]) -> Vec<String> {
    let mut names: Vec<String> = steps.iter().flat_map(|step| step.measures.keys().cloned()).collect();
    names.sort();
    names.dedup();
    names
}
