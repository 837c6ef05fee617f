//! The report for people, as plain text.

use std::borrow::Cow;
use std::fmt::{self, Write};

use chaos_core::{ChaosResult, Verification, visible_line};

use super::phase_words::phase_rows;
use super::run_report::Report;
use super::timeline::chart;
use super::words::{control_words, reverted_word, trace_line, word};

/// The report as plain text, with a line break at its end.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut out, report, Timeline::Shown);
    out
}

/// The same without the timelines, for a terminal that showed the steps as they happened.
pub fn text_brief(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut out, report, Timeline::LeftOut);
    out
}

/// Whether each step of an entry is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timeline {
    Shown,
    LeftOut,
}

fn write(out: &mut String, report: &Report, timeline: Timeline) -> fmt::Result {
    for line in report.recovered.lines() {
        writeln!(out, "recovered: {}", one_line(&line))?;
    }
    probes(out, "steady state before", &report.steady_state_before)?;
    for entry in &report.entries {
        write_entry(out, entry, timeline)?;
    }
    chart(out, report)?;
    if let Some(why) = &report.not_begun {
        writeln!(out, "not begun: {}", one_line(why))?;
    }
    for exit in &report.node_exits {
        let (node, how, detail) = (one_line(&exit.node), one_line(&exit.exit), one_line(&exit.detail));
        writeln!(out, "node `{node}` has ended: {how}, {detail} ({})", exit.verdict.word())?;
    }
    for left in &report.nodes_left {
        writeln!(out, "may still run: {}", one_line(left))?;
    }
    for source in &report.sources {
        let (name, from, detail) = (one_line(&source.name), one_line(&source.from), one_line(&source.detail));
        let more = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        writeln!(out, "evidence `{name}` ({from}): {} taken, {} dropped{more}", source.taken, source.dropped)?;
    }
    probes(out, "steady state after", &report.steady_state_after)?;
    baseline(out, report)?;
    let sham = if report.sham { ", sham run: effects were skipped" } else { "" };
    writeln!(out, "run {} (seed {}, {:.1} s{sham})", one_line(&report.run_id), report.seed, report.elapsed_seconds)?;
    writeln!(out, "verdict: {}", report.verdict.word())
}

fn write_entry(out: &mut String, entry: &ChaosResult, timeline: Timeline) -> fmt::Result {
    writeln!(out, "{} ({})", one_line(&entry.name), one_line(&entry.injected_fault))?;
    for point in entry.timeline.iter().filter(|point| timeline == Timeline::Shown && point.event != "probed") {
        let detail = one_line(&point.detail);
        writeln!(out, "  {:>8.3} s  {:<9} {detail}", point.at_seconds, one_line(&point.event))?;
    }
    if let Some(witness) = &entry.witness {
        writeln!(out, "  landed:   {}: {}", word(&witness.presence), one_line(&witness.evidence.summary))?;
    }
    writeln!(out, "  undo:     {}", reverted_word(entry.reverted))?;
    probes(out, "  probe", &entry.probes)?;
    probes(out, "  verify", entry.verification.as_slice())?;
    if let Some(leg) = &entry.control {
        probes(out, &format!("  control leg ({} the fault), probe", leg.order.word()), &leg.probes)?;
        writeln!(out, "  control leg ({} the fault): {}", leg.order.word(), one_line(control_words(leg)))?;
    }
    if let Some(time) = entry.time_to_detect_seconds {
        writeln!(out, "  detected:  {time:.3} s after the fault became active")?;
    }
    if let Some(time) = entry.time_to_abort_seconds {
        let unseen = entry.abort_unseen_seconds.unwrap_or_default();
        writeln!(
            out,
            "  aborted:   {time:.3} s from the question to the verified undo; not asked for {unseen:.3} s before"
        )?;
    }
    if let Some(time) = entry.time_to_recover_seconds {
        writeln!(out, "  recovered: {time:.3} s after the undo began")?;
    }
    for (what, range) in entry.bounds.named() {
        writeln!(out, "  {what}: {range}")?;
    }
    for (phase, figures) in entry.load.iter().flat_map(|load| phase_rows(load)) {
        writeln!(out, "  load {}: {figures}", one_line(&phase))?;
    }
    for trace in entry.load.iter().flat_map(|load| &load.traces) {
        writeln!(out, "  trace:    {}", one_line(&trace_line(trace)))?;
    }
    if !entry.output.is_empty() {
        writeln!(out, "  output:   {}", one_line(&entry.output))?;
    }
    if let Some(error) = &entry.error {
        writeln!(out, "  error:    {}", one_line(error))?;
    }
    writeln!(out, "  verdict:  {}\n", entry.verdict.word())
}

fn baseline(out: &mut String, report: &Report) -> fmt::Result {
    let Some(baseline) = &report.baseline else { return Ok(()) };
    writeln!(out, "baseline `{}`: {}", one_line(&baseline.file), baseline.verdict.word())?;
    baseline.diff.notes.iter().try_for_each(|note| writeln!(out, "  note: {}", one_line(note)))?;
    baseline.reasons.iter().try_for_each(|reason| writeln!(out, "  {}", one_line(reason)))
}

fn probes(out: &mut String, what: &str, probes: &[Verification]) -> fmt::Result {
    for probe in probes {
        let answer = word(&probe.answer);
        writeln!(out, "{what} `{}`: {answer}: {}", one_line(&probe.name), one_line(&probe.detail))?;
    }
    Ok(())
}

/// Control characters of a target's answer must not reach a terminal.
fn one_line(text: &str) -> Cow<'_, str> {
    visible_line(text.trim())
}
