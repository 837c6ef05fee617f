//! The time line as plain text, of at most 100 columns.

use std::fmt::{self, Write};

use chaos_core::visible_line;

use super::scale::{Scale, ticks};
use super::{Bar, BarKind, MarkKind, Most, Row, RunTimeline, Span, Strip, error_ratio};
use crate::report::run_report::Report;

/// Columns of a name, and of the chart beside it: with two before and one between no line is longer than 100.
const NAME: usize = 22;
const CHART: usize = 75;
/// What is drawn before the rest is counted.
const MOST: Most = Most { rows: 20, strips: 4 };
/// Steps of a strip, ascending.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The load went on, and nothing ended.
const NOTHING_ENDED: char = 'x';

impl BarKind {
    fn symbol(self) -> char {
        match self {
            Self::Control => '=',
            Self::Wait => '.',
            Self::Inject => '/',
            Self::InForce => '#',
            Self::Undo => '\\',
            Self::UndoFailed => '!',
        }
    }
}

/// Writes the chart; nothing of a run in which nothing happened.
pub(in crate::report) fn chart(out: &mut String, report: &Report) -> fmt::Result {
    let Some(timeline) = RunTimeline::of(report, MOST) else { return Ok(()) };
    let scale = Scale { end: timeline.end, columns: CHART };
    writeln!(out, "time line, {:.3} s", timeline.end)?;
    for row in &timeline.rows {
        line(out, &fitted(row.name), &bars(row, scale))?;
        if !row.marks.is_empty() {
            line(out, "", &marks(row, scale))?;
        }
    }
    for strip in &timeline.strips {
        write_strip(out, strip, scale)?;
    }
    line(out, "", &axis(timeline.end, scale))?;
    let bars = BarKind::ALL.into_iter().filter(|kind| timeline.has_bar(*kind));
    let bars: Vec<String> = bars.map(|kind| format!("{} {}", kind.symbol(), kind.word())).collect();
    let marks = MarkKind::ALL.into_iter().filter(|kind| timeline.has_mark(*kind));
    let marks: Vec<String> = marks.map(|kind| format!("{} {}", kind.letter(), kind.word())).collect();
    for words in [bars, marks].iter().filter(|words| !words.is_empty()) {
        line(out, "", &words.join("  "))?;
    }
    if let Some(left_out) = timeline.left_out() {
        line(out, "", &left_out)?;
    }
    writeln!(out)
}

fn line(out: &mut String, name: &str, chart: &str) -> fmt::Result {
    let pad = NAME.saturating_sub(width(name));
    let line = format!("  {name}{:pad$} {chart}", "");
    writeln!(out, "{}", line.trim_end())
}

/// How many columns a terminal gives it: two of the wide characters of East Asia, and of symbols.
fn width(text: &str) -> usize {
    text.chars().map(|c| if c < '\u{1100}' || LEVELS.contains(&c) || c == '…' { 1 } else { 2 }).sum()
}

/// A name on one line, cut to its columns.
fn fitted(name: &str) -> String {
    let name = visible_line(name.trim());
    if width(&name) <= NAME {
        return name.into_owned();
    }
    let mut cut = String::new();
    for c in name.chars() {
        if width(&cut) + width(c.encode_utf8(&mut [0; 4])) + 1 > NAME {
            break;
        }
        cut.push(c);
    }
    cut + "…"
}

/// The bars of a row. Each has one column at least; of those that share one, the fault in force is seen.
fn bars(row: &Row<'_>, scale: Scale) -> String {
    let mut columns = vec![' '; scale.columns];
    let (in_force, others): (Vec<&Bar>, Vec<&Bar>) = row.bars.iter().partition(|bar| bar.kind == BarKind::InForce);
    for bar in others.into_iter().chain(in_force) {
        let (mut from, mut to) = (scale.column(bar.from), scale.column(bar.to));
        if bar.kind == BarKind::InForce && to - from > 2 {
            // Room enough to show its injection and its undo too.
            from += usize::from(columns[from] == BarKind::Inject.symbol());
            to -= usize::from(columns[to] != ' ');
        }
        columns[from..=to].fill(bar.kind.symbol());
    }
    columns.into_iter().collect()
}

/// The marks of a row; one that would hide another stands beside it.
fn marks(row: &Row<'_>, scale: Scale) -> String {
    let mut columns = vec![' '; scale.columns];
    for mark in &row.marks {
        let wanted = scale.column(mark.at);
        let is_free = |at: &usize| columns[*at] == ' ';
        let free = (wanted..scale.columns).find(is_free).or_else(|| (0..wanted).rev().find(is_free));
        if let Some(free) = free {
            columns[free] = mark.kind.letter();
        }
    }
    columns.into_iter().collect()
}

fn write_strip(out: &mut String, strip: &Strip<'_>, scale: Scale) -> fmt::Result {
    let found = strip.spans(scale);
    let (most_ms, most_errors) = Strip::most(&found);
    let name = fitted(strip.name);
    line(out, &name, &levels(&found, scale, |span| Some(span.second.p99_ms? / most_ms)))?;
    line(out, "", &format!("p99 of each second of the load, at most {most_ms:.1} ms{}", nothing_ended(&found)))?;
    if most_errors > 0.0 {
        line(out, &name, &levels(&found, scale, |span| Some(error_ratio(&span.second)? / most_errors)))?;
        line(out, "", &format!("failed requests of each second, at most {:.1} %", most_errors * 100.0))?;
    }
    Ok(())
}

fn nothing_ended(spans: &[Span]) -> &'static str {
    if spans.iter().any(|span| span.second.completed == 0) { "; x: nothing ended" } else { "" }
}

fn levels(found: &[Span], scale: Scale, share: impl Fn(&Span) -> Option<f64>) -> String {
    let mut columns = vec![' '; scale.columns];
    let levels = Scale { end: 1.0, columns: LEVELS.len() };
    for span in found {
        let level = share(span).map_or(NOTHING_ENDED, |share| LEVELS[levels.column(share)]);
        columns[span.from..span.to].fill(level);
    }
    columns.into_iter().collect()
}

fn axis(end: f64, scale: Scale) -> String {
    let mut line = String::new();
    for (at, label) in ticks(end, 7) {
        let column = scale.column(at);
        let taken = line.chars().count();
        let has_room = column + label.chars().count() < scale.columns && (taken == 0 || column > taken);
        if has_room {
            let _ = write!(line, "{:pad$}|{label}", "", pad = column - taken);
        }
    }
    line
}
