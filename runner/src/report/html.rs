//! The report as one HTML page: no script, no network, light and dark, readable on a telephone.

use std::fmt::{self, Write};

use chaos_core::{ChaosResult, Verification};

use super::case::ReportCase;
use super::date::utc;
use super::escape::escape_html;
use super::invalid::InvalidRun;
use super::outcome::RunOutcome;
use super::phase_words::phase_rows;
use super::run_report::Report;
use super::timeline::svg;
use super::words::{control_words, reverted_word, trace_line, word};

const STYLE: &str = include_str!("style.css");

/// The report as one page that needs nothing else.
pub fn html(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = page(&mut out, report);
    out
}

/// What became of several files as one page.
pub fn html_runs(runs: &[RunOutcome<'_>]) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = pages(&mut out, runs);
    out
}

fn pages(out: &mut String, runs: &[RunOutcome<'_>]) -> fmt::Result {
    match runs {
        [RunOutcome::Ran(report)] => return page(out, report),
        [RunOutcome::Invalid(invalid)] => return invalid_page(out, invalid),
        _ => {}
    }
    begin(out, "Squall runs", &format!("{} files", runs.len()))?;
    for run in runs {
        match run {
            RunOutcome::Ran(report) => body(out, report)?,
            RunOutcome::Repeated(repeat) => repeat.rounds.iter().try_for_each(|round| body(out, round))?,
            RunOutcome::Invalid(invalid) => invalid_body(out, invalid)?,
        }
    }
    writeln!(out, "{END}")
}

/// A run that could not begin, as one page.
pub fn html_invalid(invalid: &InvalidRun) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = invalid_page(&mut out, invalid);
    out
}

const END: &str = "</main></body></html>";

fn begin(out: &mut String, title: &str, word: &str) -> fmt::Result {
    let title = escape_html(title);
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}: {word}</title><style>{STYLE}</style></head><body><main>"
    )
}

fn header(out: &mut String, title: &str, word: &str, code: u8) -> fmt::Result {
    let title = escape_html(title);
    writeln!(
        out,
        "<header><p class=\"eyebrow\">Squall run</p><h1>{title}</h1>\
         <p class=\"outcome {word}\" data-exit-code=\"{code}\"><strong>{word}</strong> (exit code {code})</p></header>"
    )
}

fn page(out: &mut String, report: &Report) -> fmt::Result {
    begin(out, report.title(), report.verdict.word())?;
    body(out, report)?;
    writeln!(out, "{END}")
}

fn body(out: &mut String, report: &Report) -> fmt::Result {
    header(out, report.title(), report.verdict.word(), report.exit_code())?;
    if report.sham {
        writeln!(out, "<p>Sham run: the effects were skipped.</p>")?;
    }
    writeln!(out, "<section><h2>What was checked</h2><ul>")?;
    report.cases().iter().try_for_each(|one| case(out, one))?;
    writeln!(out, "</ul></section>")?;
    svg(out, report)?;
    report.entries.iter().try_for_each(|one| entry(out, one))?;
    facts(out, report)
}

fn invalid_page(out: &mut String, invalid: &InvalidRun) -> fmt::Result {
    begin(out, &invalid.name, "invalid")?;
    invalid_body(out, invalid)?;
    writeln!(out, "{END}")
}

fn invalid_body(out: &mut String, invalid: &InvalidRun) -> fmt::Result {
    header(out, &invalid.name, "invalid", invalid.exit_code)?;
    writeln!(out, "<p>{}</p><ul>", escape_html(&invalid.error))?;
    invalid.problems.iter().try_for_each(|problem| writeln!(out, "<li>{}</li>", escape_html(problem)))?;
    writeln!(out, "</ul>")
}

fn case(out: &mut String, case: &ReportCase) -> fmt::Result {
    let (word, class, name) = (case.outcome.word(), escape_html(&case.class), escape_html(&case.name));
    write!(out, "<li><b class=\"{word}\">{word}</b> {name} <span class=\"small\">{class}</span>")?;
    if !case.reasons.is_empty() {
        write!(out, "<span class=\"why\">{}</span>", escape_html(&case.reasons.join("\n")))?;
    }
    writeln!(out, "</li>")
}

fn entry(out: &mut String, entry: &ChaosResult) -> fmt::Result {
    let (name, fault, verdict) = (escape_html(&entry.name), escape_html(&entry.injected_fault), entry.verdict.word());
    writeln!(out, "<article><h2>{name}</h2><dl>")?;
    row(out, "fault", &fault)?;
    row(out, "verdict", &format!("<b class=\"{verdict}\">{verdict}</b>"))?;
    if let Some(error) = &entry.error {
        row(out, "reason", &escape_html(error))?;
    }
    if let Some(witness) = &entry.witness {
        let landed = format!("{}: {}", word(&witness.presence), witness.evidence.summary);
        row(out, "landed", &escape_html(&landed))?;
    }
    row(out, "undo", reverted_word(entry.reverted))?;
    entry.probes.iter().try_for_each(|probe| checked(out, "probe", probe))?;
    entry.verification.iter().try_for_each(|probe| checked(out, "verify", probe))?;
    if let Some(leg) = &entry.control {
        let which = format!("control leg ({} the fault)", leg.order.word());
        leg.probes.iter().try_for_each(|probe| checked(out, &format!("{which}, probe"), probe))?;
        row(out, &which, &escape_html(control_words(leg)))?;
    }
    if let Some(time) = entry.time_to_detect_seconds {
        row(out, "detected", &format!("{time:.3} s after the fault became active"))?;
    }
    if let Some(time) = entry.time_to_abort_seconds {
        let unseen = entry.abort_unseen_seconds.unwrap_or_default();
        row(out, "time to abort", &format!("{time:.3} s, and not asked for {unseen:.3} s before"))?;
    }
    if let Some(time) = entry.time_to_recover_seconds {
        row(out, "recovered", &format!("{time:.3} s after the undo began"))?;
    }
    for (what, range) in entry.bounds.named() {
        row(out, what, &range.to_string())?;
    }
    row(out, "time in the fault", &format!("{:.1} s", entry.elapsed_time))?;
    if let Some(load) = &entry.load {
        let counts = &load.counts;
        let figures = format!("{:.1} requests per second, {} completed", load.achieved_qps, counts.completed);
        row(out, "load", &escape_html(&figures))?;
        for (phase, figures) in phase_rows(load) {
            row(out, &format!("load {}", escape_html(&phase)), &figures)?;
        }
        load.traces.iter().try_for_each(|trace| row(out, "trace", &escape_html(&trace_line(trace))))?;
    }
    if !entry.output.is_empty() {
        row(out, "output", &format!("<code>{}</code>", escape_html(&entry.output)))?;
    }
    writeln!(out, "</dl><ol>")?;
    for point in &entry.timeline {
        let (event, detail) = (escape_html(&point.event), escape_html(&point.detail));
        writeln!(out, "<li><time>{:.3} s</time><b>{event}</b><span>{detail}</span></li>", point.at_seconds)?;
    }
    writeln!(out, "</ol></article>")
}

fn checked(out: &mut String, what: &str, probe: &Verification) -> fmt::Result {
    let said = format!("`{}`: {}: {}", probe.name, word(&probe.answer), probe.detail);
    row(out, what, &escape_html(&said))
}

/// One row of facts; `value` is markup already.
fn row(out: &mut String, key: &str, value: &str) -> fmt::Result {
    writeln!(out, "<dt>{key}</dt><dd>{value}</dd>")
}

fn facts(out: &mut String, report: &Report) -> fmt::Result {
    writeln!(out, "<section><h2>Facts</h2><dl>")?;
    row(out, "date", &utc(report.started_at_unix_seconds))?;
    row(out, "took", &format!("{:.1} s", report.elapsed_seconds))?;
    row(out, "Squall", &escape_html(&report.squall_version))?;
    row(out, "machine", &escape_html(&report.machine.words()))?;
    if let Some(file) = &report.file {
        row(out, "file", &escape_html(file))?;
    }
    row(out, "run", &escape_html(&report.run_id))?;
    row(out, "seed", &report.seed.to_string())?;
    if let Some(command) = &report.command {
        row(out, "command to repeat it", &format!("<code>{}</code>", escape_html(command)))?;
    }
    for line in report.recovered.lines() {
        row(out, "recovered", &escape_html(&line))?;
    }
    writeln!(out, "</dl></section>")
}
