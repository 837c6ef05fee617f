//! The report as one HTML page: no script, no network, light and dark.

use std::fmt::Write;

use super::build::{ExperimentReport, StepRow};
use super::escape::escape;
use super::plot;
use chaos_runner::utc_to_the_minute;

use crate::conclusion::Confidence;
use crate::figure::{figure, number, slo_text};

const STYLE: &str = include_str!("style.css");

/// The report as one page that needs nothing else.
pub fn html(report: &ExperimentReport) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = page(report, &mut out);
    out
}

fn page(report: &ExperimentReport, out: &mut String) -> std::fmt::Result {
    let goal = escape(&report.goal);
    let word = report.outcome.word();
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{goal} · Squall experiment</title><style>{STYLE}</style></head><body><main>\n\
         <header><p class=\"eyebrow\">Squall experiment</p><h1>{goal}</h1>\
         <p class=\"outcome {word}\"><strong>{word}</strong>{}</p><p class=\"small\">{} · squall {}</p></header>\n",
        report.why.as_ref().map(|why| format!(" · {}", escape(why))).unwrap_or_default(),
        utc(report.started_at_unix_ms),
        escape(&report.version),
    )?;
    for answer in &report.answer {
        writeln!(out, "<p class=\"answer\">{}</p>", escape(answer))?;
    }
    if let Some(said) = &report.said {
        let sure = report.confidence.map(Confidence::word).unwrap_or_default();
        let title = "The model's words; every number that was not measured is marked";
        write!(out, "<section><h2>The model says</h2><blockquote>{}</blockquote>", escape(said))?;
        writeln!(out, "<p class=\"small\">{title}. Its confidence: {sure}.</p></section>")?;
    }
    claims(report, out)?;
    list(out, "Not tested", &report.not_tested)?;
    list(out, "Caveats", &report.caveats)?;
    *out += &plot::rates(report);
    *out += &plot::timeline(report);
    *out += &plot::spread(report);
    steps(report, out)?;
    let refused: Vec<String> =
        report.refused.iter().map(|refused| format!("{}: {}", refused.call, refused.why)).collect();
    list(out, "Refused calls", &refused)?;
    facts(report, out)?;
    writeln!(out, "</main></body></html>")
}

fn claims(report: &ExperimentReport, out: &mut String) -> std::fmt::Result {
    if report.claims.is_empty() {
        return Ok(());
    }
    *out += "<section><h2>Claims</h2><div class=\"scroll\"><table><thead><tr><th>claim</th><th>steps</th>\
             <th>measured</th><th></th></tr></thead><tbody>";
    for checked in &report.claims {
        let claim = &checked.claim;
        let steps: Vec<String> = claim.steps.iter().map(ToString::to_string).collect();
        let (word, class) = if checked.supported { ("supported", "good") } else { ("unsupported", "bad") };
        let measured = checked.measured.map_or_else(|| "not measured".to_owned(), |value| figure(value, &checked.unit));
        let said = format!("{} = {} {}", claim.measure, number(claim.value), claim.unit);
        let why = if checked.why.is_empty() { String::new() } else { format!(" · {}", escape(&checked.why)) };
        let (said, measured, steps) = (escape(&said), escape(&measured), steps.join(", "));
        write!(
            out,
            "<tr><td>{said}</td><td>{steps}</td><td>{measured}</td><td><b class=\"{class}\">{word}</b>{why}</td></tr>"
        )?;
    }
    writeln!(out, "</tbody></table></div></section>")
}

fn list(out: &mut String, title: &str, lines: &[String]) -> std::fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    write!(out, "<section><h2>{title}</h2><ul>")?;
    lines.iter().try_for_each(|line| write!(out, "<li>{}</li>", escape(line)))?;
    writeln!(out, "</ul></section>")
}

fn steps(report: &ExperimentReport, out: &mut String) -> std::fmt::Result {
    *out += "<section><h2>Steps</h2><div class=\"scroll\"><table><thead><tr><th>step</th><th>what</th><th>target</th>\
             <th>achieved</th><th>p50</th><th>p99</th><th>errors</th><th>requests</th><th>state</th></tr></thead><tbody>";
    for step in &report.steps {
        write!(out, "<tr><td>{}</td><td>{}</td>", step.id, escape(&step.label))?;
        let columns = [
            ("target_qps", "1"),
            ("achieved_qps", "1"),
            ("response_p50_ms", "ms"),
            ("response_p99_ms", "ms"),
            ("error_ratio", "ratio"),
            ("requests", "1"),
        ];
        for (name, unit) in columns {
            let value = step.measures.get(name).map_or_else(|| "–".to_owned(), |value| figure(*value, unit));
            write!(out, "<td class=\"n\">{value}</td>")?;
        }
        writeln!(out, "<td>{}</td></tr>", state(step))?;
    }
    writeln!(out, "</tbody></table></div></section>")
}

/// When it was, to the minute.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 ms, which is beyond every report")]
fn utc(unix_ms: u64) -> String {
    utc_to_the_minute(unix_ms as f64 / 1000.0)
}

fn state(step: &StepRow) -> String {
    let (word, class) = match step.held {
        Some(true) => ("held", "good"),
        Some(false) => ("broken", "bad"),
        None => (step.state.as_str(), "plain"),
    };
    let error = step.error.as_ref().map(|error| format!("<br><span class=\"small\">{}</span>", escape(error)));
    format!("<b class=\"{class}\">{}</b>{}", escape(word), error.unwrap_or_default())
}

fn facts(report: &ExperimentReport, out: &mut String) -> std::fmt::Result {
    let (spent, budget) = (&report.spent, &report.budget);
    let of = |spent: f64, most: f64| format!("{} of {}", number(spent), number(most));
    let seconds = |time: chaos_core::Seconds| time.get().as_secs_f64();
    let rows = [
        ("target", report.target.clone()),
        ("SLOs", slo_text(&report.slo, ", ")),
        ("planner", report.planner.clone()),
        ("steps", of(spent.steps.into(), budget.steps.get().into())),
        ("requests", format!("{} of {}", spent.requests, budget.requests)),
        ("seconds under faults", of(spent.fault_seconds, seconds(budget.fault_seconds))),
        ("seconds in all", of(spent.wall_seconds, seconds(budget.wall_seconds))),
        ("turns of a model", of(spent.turns.into(), budget.turns.get().into())),
        ("tokens of a model", format!("{} of {}", spent.tokens, budget.tokens)),
        ("run", report.run_id.clone()),
        ("seed", report.seed.to_string()),
        ("date", utc(report.started_at_unix_ms)),
        ("version", format!("squall {}", report.version)),
        ("machine", report.machine.clone()),
        ("command", report.command.clone()),
    ];
    let rows: Vec<_> = rows.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    *out += "<section><h2>Facts</h2><dl>";
    rows.iter().try_for_each(|(key, value)| write!(out, "<dt>{key}</dt><dd>{}</dd>", escape(value)))?;
    writeln!(out, "</dl></section>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_of_the_calendar() {
        let rows = [
            (0, "1970-01-01 00:00 UTC"),
            (951_827_400_000, "2000-02-29 12:30 UTC"),
            (1_709_251_199_999, "2024-02-29 23:59 UTC"),
            (1_735_689_600_000, "2025-01-01 00:00 UTC"),
        ];
        for (unix_ms, date) in rows {
            assert_eq!(utc(unix_ms), date);
        }
    }

    #[test]
    fn the_page_fits_a_telephone() {
        // The drawings keep their size and scroll; scaled to 480 px their text would be 6 px high.
        assert!(STYLE.contains("@media (max-width:600px)") && STYLE.contains("svg{width:"), "{STYLE}");
    }
}
