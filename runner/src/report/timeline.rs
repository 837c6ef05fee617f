//! One time line of a run, for text and pages: what each entry did when, and the figures of its loads on the same axis.

use std::time::Duration;

use chaos_core::{ChaosResult, FaultTimes, LoadReport, LoadSecond, Verdict};

use super::run_report::Report;

mod scale;
mod svg;
#[cfg(test)]
mod tests;
mod text;

use scale::Scale;
pub(super) use svg::svg;
pub(super) use text::chart;

/// What a bar stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BarKind {
    /// The control leg: the probes are asked without the fault.
    Control,
    /// The entry waits for its trigger.
    Wait,
    /// From right before the injection until the fault was found.
    Inject,
    /// From the check that found it to the start of the undo.
    InForce,
    /// From the start of the undo until nothing was left.
    Undo,
    /// The same of an undo that did not get there.
    UndoFailed,
}

impl BarKind {
    const ALL: [Self; 6] = [Self::Wait, Self::Inject, Self::InForce, Self::Undo, Self::UndoFailed, Self::Control];

    fn word(self) -> &'static str {
        match self {
            Self::Control => "control leg",
            Self::Wait => "wait",
            Self::Inject => "inject",
            Self::InForce => "in force",
            Self::Undo => "undo",
            Self::UndoFailed => "undo failed",
        }
    }

    /// Its name as a class of a page.
    fn class(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Wait => "wait",
            Self::Inject => "inject",
            Self::InForce => "force",
            Self::Undo => "undo",
            Self::UndoFailed => "undo-failed",
        }
    }
}

/// What a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MarkKind {
    Fired,
    Detected,
    Aborted,
    Released,
    Recovered,
}

impl MarkKind {
    const ALL: [Self; 5] = [Self::Fired, Self::Detected, Self::Aborted, Self::Released, Self::Recovered];

    fn letter(self) -> char {
        match self {
            Self::Fired => 'T',
            Self::Detected => 'D',
            Self::Aborted => 'A',
            Self::Released => 'R',
            Self::Recovered => 'V',
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Fired => "trigger fired",
            Self::Detected => "detect said yes",
            Self::Aborted => "aborted",
            Self::Released => "released",
            Self::Recovered => "verify said yes",
        }
    }
}

/// Something that went on, in seconds since the run began.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bar {
    kind: BarKind,
    from: f64,
    to: f64,
}

/// Something that happened, in seconds since the run began.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mark {
    kind: MarkKind,
    at: f64,
}

/// One entry.
#[derive(Debug, PartialEq)]
struct Row<'r> {
    name: &'r str,
    verdict: Verdict,
    bars: Vec<Bar>,
    marks: Vec<Mark>,
}

/// The figures of one load.
#[derive(Debug)]
struct Strip<'r> {
    name: &'r str,
    /// When the load began, in seconds since the run began.
    start: f64,
    seconds: &'r [LoadSecond],
}

/// How much of a run is drawn; the rest is counted.
#[derive(Debug, Clone, Copy)]
struct Most {
    rows: usize,
    strips: usize,
}

/// The time line of a run.
#[derive(Debug)]
struct RunTimeline<'r> {
    /// Its end, in seconds since the run began; above zero.
    end: f64,
    rows: Vec<Row<'r>>,
    rows_left_out: usize,
    strips: Vec<Strip<'r>>,
    strips_left_out: usize,
}

impl<'r> RunTimeline<'r> {
    /// The time line; `None` of a run in which nothing happened. Of too many entries the worst are kept, of those the first.
    fn of(report: &'r Report, most: Most) -> Option<Self> {
        let mut drawn: Vec<(usize, &ChaosResult)> =
            report.entries.iter().enumerate().filter(|(_, entry)| !entry.timeline.is_empty()).collect();
        let rows_left_out = drawn.len().saturating_sub(most.rows);
        drawn.sort_by_key(|(at, entry)| (std::cmp::Reverse(entry.verdict), *at));
        drawn.truncate(most.rows);
        drawn.sort_by_key(|(at, _)| *at);
        let rows: Vec<Row<'_>> = drawn.into_iter().map(|(_, entry)| row(entry)).collect();
        let mut loads = report.entries.iter().filter_map(|entry| strip(report, entry, entry.load.as_deref()?));
        let strips: Vec<Strip<'_>> = loads.by_ref().take(most.strips).collect();
        let strips_left_out = loads.count();
        let bars = rows.iter().flat_map(|row| row.bars.iter().map(|bar| bar.to));
        let marks = rows.iter().flat_map(|row| row.marks.iter().map(|mark| mark.at));
        let loads = strips.iter().filter_map(|strip| Some(strip.start + strip.seconds.last()?.end_seconds));
        let end = bars.chain(marks).chain(loads).fold(report.elapsed_seconds, f64::max).max(0.001);
        (!rows.is_empty()).then_some(Self { end, rows, rows_left_out, strips, strips_left_out })
    }

    /// What is not drawn, in words.
    fn left_out(&self) -> Option<String> {
        let count = |count: usize, one: &str, several: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {several}")),
        };
        let rows = count(self.rows_left_out, "entry with no worse verdict", "entries with no worse verdict");
        let parts: Vec<String> = rows.into_iter().chain(count(self.strips_left_out, "load", "loads")).collect();
        (!parts.is_empty()).then(|| format!("not drawn: {}", parts.join(", ")))
    }

    fn has_bar(&self, kind: BarKind) -> bool {
        self.rows.iter().flat_map(|row| &row.bars).any(|bar| bar.kind == kind)
    }

    fn has_mark(&self, kind: MarkKind) -> bool {
        self.rows.iter().flat_map(|row| &row.marks).any(|mark| mark.kind == kind)
    }
}

fn row(entry: &ChaosResult) -> Row<'_> {
    let first = |event: &str| entry.timeline.iter().find(|point| point.event == event).map(|point| point.at_seconds);
    let last = entry.timeline.last().map_or(0.0, |point| point.at_seconds);
    let FaultTimes { landing_seconds, in_force_seconds, leaving_seconds, gone_seconds, .. } = entry.times;
    let mut bars = Vec::new();
    let mut bar = |kind, from: Option<f64>, to: f64| {
        bars.extend(from.map(|from| Bar { kind, from, to: to.max(from) }));
    };
    let fired = first("fired").unwrap_or(last);
    bar(BarKind::Wait, first("waiting").filter(|waiting| *waiting < fired), fired);
    bar(BarKind::Inject, landing_seconds, in_force_seconds.or(leaving_seconds).unwrap_or(last));
    bar(BarKind::InForce, in_force_seconds, leaving_seconds.unwrap_or(last));
    let undo = if gone_seconds.is_some() { BarKind::Undo } else { BarKind::UndoFailed };
    bar(undo, leaving_seconds, gone_seconds.unwrap_or(last));
    if let Some(leg) = &entry.control {
        bar(BarKind::Control, leg.began_seconds, leg.ended_seconds.unwrap_or(last));
    }
    let marks = [
        (MarkKind::Fired, first("fired")),
        (MarkKind::Detected, entry.times.detected_seconds),
        (MarkKind::Aborted, first("aborted")),
        (MarkKind::Released, first("released")),
        (MarkKind::Recovered, entry.times.recovered_seconds),
    ];
    let mut marks: Vec<Mark> = marks.into_iter().filter_map(|(kind, at)| Some(Mark { kind, at: at? })).collect();
    marks.sort_by(|one, other| one.at.total_cmp(&other.at));
    Row { name: &entry.name, verdict: entry.verdict, bars, marks }
}

/// The figures of a load, by the wall clock that both the run and the load noted.
fn strip<'r>(report: &Report, entry: &'r ChaosResult, load: &'r LoadReport) -> Option<Strip<'r>> {
    let began = Duration::from_millis(load.started_at_ms).as_secs_f64() - report.started_at_unix_seconds;
    // A wall clock that was set meanwhile must not move the load away from its entry.
    let earliest = entry.times.landing_seconds.unwrap_or(0.0);
    let latest = entry.times.in_force_seconds.or(entry.times.leaving_seconds).unwrap_or(report.elapsed_seconds);
    let start = began.max(earliest).min(latest.max(earliest));
    (!load.seconds.is_empty()).then_some(Strip { name: &entry.name, start, seconds: &load.seconds })
}

/// The seconds of a load that fall into one column of a picture, or one second over several columns.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    /// The first column.
    from: usize,
    /// The column after the last one.
    to: usize,
    second: LoadSecond,
}

impl Strip<'_> {
    /// One span after the other over the columns in which the load went on.
    fn spans(&self, scale: Scale) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for second in self.seconds {
            let (from, to) =
                (scale.column(self.start + second.start_seconds), scale.edge(self.start + second.end_seconds));
            let taken = spans.last().map_or(0, |span| span.to);
            match spans.last_mut() {
                // It ends in a column that has a second already.
                Some(last) if to <= taken => last.second = last.second.and(*second),
                _ => {
                    let from = from.max(taken).min(scale.columns.saturating_sub(1));
                    spans.push(Span { from, to: to.max(from + 1), second: *second });
                }
            }
        }
        spans
    }

    /// The longest percentile and the highest share of failures.
    fn most(spans: &[Span]) -> (f64, f64) {
        let p99 = spans.iter().filter_map(|span| span.second.p99_ms).fold(0.0, f64::max);
        let errors = spans.iter().filter_map(|span| error_ratio(&span.second)).fold(0.0, f64::max);
        (p99, errors)
    }
}

/// Failed over ended requests, 0 to 1; `None` where none ended.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
fn error_ratio(second: &LoadSecond) -> Option<f64> {
    (second.completed > 0).then(|| second.errors as f64 / second.completed as f64)
}
