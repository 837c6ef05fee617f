//! The report as text.

use std::fmt::Write;

use super::build::ExperimentReport;
use super::escape::printable;
use crate::claim::CheckedClaim;
use crate::figure::{figure, number, slo_text};

/// The report for people, as plain text.
pub fn text(report: &ExperimentReport) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = write(report, &mut out);
    out
}

fn write(report: &ExperimentReport, out: &mut String) -> std::fmt::Result {
    writeln!(out, "goal:     {}", printable(&report.goal))?;
    writeln!(out, "target:   {}   SLOs: {}", printable(&report.target), slo_text(&report.slo, ", "))?;
    writeln!(out, "planner:  {}   seed: {}\n", printable(&report.planner), report.seed)?;
    if !report.steps.is_empty() {
        writeln!(out, "{:>4}  {:>8}  {:>9}  {:>9}  {:>8}  {:<13}what", "step", "qps", "p50", "p99", "errors", "")?;
    }
    for step in &report.steps {
        let get = |name: &str, unit: &str| {
            step.measures.get(name).map_or_else(|| "-".to_owned(), |value| figure(*value, unit))
        };
        let held = match step.held {
            Some(true) => "held",
            Some(false) => "broken",
            None => step.state.as_str(),
        };
        let (p50, p99) = (get("response_p50_ms", "ms"), get("response_p99_ms", "ms"));
        let (qps, errors) = (get("achieved_qps", "1"), get("error_ratio", "ratio"));
        let label = printable(&step.label);
        writeln!(out, "{:>4}  {qps:>8}  {p50:>9}  {p99:>9}  {errors:>8}  {held:<13}{label}", step.id)?;
        if let Some(error) = &step.error {
            writeln!(out, "{:>45}{}", "", printable(error))?;
        }
    }
    section(out, "findings", report.answer.iter().cloned())?;
    section(out, "the model's answer", report.said.iter().cloned())?;
    section(out, "claims", report.claims.iter().map(claim))?;
    section(out, "not tested", report.not_tested.iter().cloned())?;
    section(out, "caveats", report.caveats.iter().cloned())?;
    section(out, "refused", report.refused.iter().map(|refused| format!("{}: {}", refused.call, refused.why)))?;
    let (spent, budget) = (&report.spent, &report.budget);
    writeln!(
        out,
        "\nspent: {} of {} steps, {} of {} requests, {:.1} of {:.0} s under faults, {} of {} turns, {} of {} tokens, \
         {:.1} of {:.0} s",
        spent.steps,
        budget.steps,
        spent.requests,
        budget.requests,
        spent.fault_seconds,
        budget.fault_seconds.get().as_secs_f64(),
        spent.turns,
        budget.turns,
        spent.tokens,
        budget.tokens,
        spent.wall_seconds,
        budget.wall_seconds.get().as_secs_f64(),
    )?;
    let why = report.why.as_ref().map(|why| format!(" ({})", printable(why))).unwrap_or_default();
    writeln!(out, "outcome: {}{why}", report.outcome.word())
}

fn section(out: &mut String, title: &str, lines: impl Iterator<Item = String>) -> std::fmt::Result {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        writeln!(out, "\n{title}:")?;
    }
    lines.try_for_each(|line| writeln!(out, "  {}", printable(&line)))
}

/// One claim, beside what was measured.
fn claim(checked: &CheckedClaim) -> String {
    let claim = &checked.claim;
    let word = if checked.supported { "supported  " } else { "unsupported" };
    let steps: Vec<String> = claim.steps.iter().map(ToString::to_string).collect();
    let right = match checked.measured {
        Some(value) => format!("measured: {}", figure(value, &checked.unit)),
        None => "not measured".to_owned(),
    };
    let why = if checked.why.is_empty() { String::new() } else { format!("; {}", checked.why) };
    let (value, steps) = (number(claim.value), steps.join(", "));
    format!("{word}  {} = {value} {} (steps {steps}); {right}{why}", claim.measure, claim.unit)
}
