//! What a model reads of steps, findings and claims: bounded, with the target's words marked.

use std::fmt::Write;

use chaos_agent::ToolReply;

use super::cut;
use crate::claim::{Checked, figure, known_measures};
use crate::finding::Finding;
use crate::lab::Lab;
use crate::measure::unit;
use crate::record::Step;
use crate::report::sentence;

/// Columns of the table; all measures of a step stand in the answer of its own call.
const COLUMNS: [&str; 6] =
    ["asked_qps", "achieved_qps", "response_p50_ms", "response_p99_ms", "error_ratio", "answer_yes"];
/// Rows of the table: the last ones.
const ROWS: usize = 40;

/// What one step measured.
pub(super) fn step(step: &Step) -> ToolReply {
    let measures: Vec<String> = step.measures.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    let text = format!("step {}: {}\n{}", step.asked.id, state(step), measures.join("\n"));
    let said = match (&step.result, &step.observation) {
        (Some(result), _) => {
            let witness = result.witness.as_ref().map(|seen| seen.evidence.summary.as_str()).unwrap_or_default();
            format!("{witness}\n{}", result.error.as_deref().unwrap_or_default())
        }
        (None, Some(seen)) => format!("{}\n{}", seen.detail, seen.value),
        (None, None) => String::new(),
    };
    ToolReply::done(text).with_target_data("the target", &cut(&said, 2000))
}

fn state(step: &Step) -> &'static str {
    match (&step.result, &step.observation) {
        (Some(result), _) => result.verdict.word(),
        (None, Some(seen)) => match seen.answer {
            chaos_core::Answer::Yes => "yes",
            chaos_core::Answer::No => "no",
            chaos_core::Answer::Unknown => "unknown",
        },
        (None, None) => "nothing",
    }
}

/// The table of what was measured so far.
pub(super) fn results(lab: &Lab) -> String {
    let steps = lab.steps();
    let mut text = format!("step label {}\n", COLUMNS.join(" "));
    let left_out = steps.len().saturating_sub(ROWS);
    for step in &steps[left_out..] {
        let _ = write!(text, "{} \"{}\"", step.asked.id, cut(&step.asked.label, 60));
        for column in COLUMNS {
            let value = step.measures.get(column).map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
            let _ = write!(text, " {value}");
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{}", spent(lab));
    let _ = write!(text, "measures: {}", known_measures(&steps).join(" "));
    text
}

/// What was spent, of what.
pub(super) fn spent(lab: &Lab) -> String {
    let (spent, budget) = (lab.spent(), &lab.setup.budget);
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
pub(super) fn finding(finding: &Finding, lab: &Lab) -> String {
    let mut text = sentence(finding, &lab.setup.slo);
    for point in finding.points() {
        let state = if point.held { "held" } else { point.why.as_str() };
        let _ = write!(text, "\nstep {}: {} qps: {state}", point.step, point.asked_qps);
    }
    if let Finding::Compare { pairs, .. } = finding {
        let _ = write!(text, "\npairs of steps (without, with): {pairs:?}");
    }
    text
}

/// A claim that is not borne, with the right figure.
pub(super) fn claim(checked: &Checked) -> String {
    let claim = &checked.claim;
    let right = checked.measured.map(|value| format!("; measured: {}", figure(value, unit(&claim.measure))));
    format!("- {} = {} {}: {}{}", claim.measure, claim.value, claim.unit, checked.why, right.unwrap_or_default())
}
