//! The time line as a picture in a page: inline SVG without scripts, links or fonts of its own; colours are the page's.

use std::fmt::{self, Write};

use super::scale::{Scale, ticks};
use super::{Bar, BarKind, MarkKind, Most, Row, RunTimeline, Span, Strip, error_ratio};
use crate::report::escape::escape_html;
use crate::report::run_report::Report;

/// The picture's width, in its own units, and where the axis begins and ends.
const WIDTH: u32 = 828;
const LEFT: f64 = 176.0;
const RIGHT: f64 = 812.0;
/// Heights of the parts: above all, a row, a strip, the axis.
const TOP: u32 = 8;
const ROW: u32 = 46;
const STRIP: u32 = 74;
const AXIS: u32 = 26;
/// Half the room that a mark takes.
const MARK: f64 = 9.0;
/// A bar that is shorter could not be seen.
const LEAST_BAR: f64 = 2.5;
/// What is drawn before the rest is counted.
const MOST: Most = Most { rows: 200, strips: 12 };
/// Characters of a name that fit beside the axis, and that are told to who points at it.
const LABEL: usize = 40;
const TITLE: usize = 200;
/// Columns of a strip.
const COLUMNS: usize = 318;

/// From times to the picture.
#[derive(Debug, Clone, Copy)]
struct Axis {
    end: f64,
}

impl Axis {
    fn x(self, at: f64) -> f64 {
        let share = (at / self.end).clamp(0.0, 1.0);
        LEFT + if share.is_nan() { 0.0 } else { share } * (RIGHT - LEFT)
    }
}

/// Writes the section with the picture; nothing of a run in which nothing happened.
pub(in crate::report) fn svg(out: &mut String, report: &Report) -> fmt::Result {
    let Some(timeline) = RunTimeline::of(report, MOST) else { return Ok(()) };
    let axis = Axis { end: timeline.end };
    let count = |parts: usize| u32::try_from(parts).unwrap_or(u32::MAX);
    let rows_end = TOP + ROW * count(timeline.rows.len());
    let plot_end = rows_end + STRIP * count(timeline.strips.len());
    writeln!(out, "<section><h2>Time line</h2><div class=\"timeline\">")?;
    writeln!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"time line of the run, {:.3} s\">",
        plot_end + AXIS,
        timeline.end
    )?;
    for (at, label) in ticks(timeline.end, 7) {
        let (x, below) = (axis.x(at), plot_end + 17);
        writeln!(out, "<path class=\"grid\" d=\"M{x:.1} {TOP}V{}\"/>", plot_end + 4)?;
        // A label at the right end must not leave the picture.
        let anchor = if x > RIGHT - 24.0 { "end" } else { "middle" };
        writeln!(out, "<text class=\"soft\" x=\"{x:.1}\" y=\"{below}\" text-anchor=\"{anchor}\">{label}</text>")?;
    }
    for (at, row) in timeline.rows.iter().enumerate() {
        write_row(out, row, TOP + ROW * count(at), axis)?;
    }
    for (at, strip) in timeline.strips.iter().enumerate() {
        write_strip(out, strip, rows_end + STRIP * count(at), axis)?;
    }
    writeln!(out, "</svg></div>")?;
    legend(out, &timeline)?;
    writeln!(out, "</section>")
}

/// A name, cut where the axis begins; all of it is told to who points at it.
fn name(out: &mut String, name: &str, class: &str, y: u32) -> fmt::Result {
    let all = escape_html(&cut(name, TITLE));
    let name = escape_html(&cut(name, LABEL));
    writeln!(
        out,
        "<svg x=\"0\" y=\"{y}\" width=\"{:.0}\" height=\"22\"><title>{all}</title>\
         <text class=\"{class}\" x=\"0\" y=\"15\">{name}</text></svg>",
        LEFT - 12.0
    )
}

/// The first characters of a text; a picture of many entries must not grow with their names.
fn cut(text: &str, most: usize) -> String {
    let mut first: String = text.chars().take(most).collect();
    if text.chars().nth(most).is_some() {
        first.push('…');
    }
    first
}

fn write_row(out: &mut String, row: &Row<'_>, top: u32, axis: Axis) -> fmt::Result {
    writeln!(out, "<path class=\"lane\" d=\"M0 {top}H{WIDTH}\"/>")?;
    name(out, row.name, row.verdict.word(), top + 2)?;
    let (in_force, others): (Vec<&Bar>, Vec<&Bar>) = row.bars.iter().partition(|bar| bar.kind == BarKind::InForce);
    for bar in in_force.into_iter().chain(others) {
        let (kind, x) = (bar.kind, axis.x(bar.from));
        let width = (axis.x(bar.to) - x).max(LEAST_BAR);
        let x = x.min(RIGHT - width);
        let (class, word) = (kind.class(), kind.word());
        writeln!(
            out,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"14\">\
             <title>{word}: {:.3} s to {:.3} s</title></rect>",
            top + 6,
            bar.from,
            bar.to
        )?;
    }
    let xs: Vec<f64> = row.marks.iter().map(|mark| axis.x(mark.at)).collect();
    for (mark, (x, at)) in row.marks.iter().zip(apart(&xs).into_iter().zip(&xs)) {
        let (class, letter) = (mark_class(mark.kind), mark.kind.letter());
        writeln!(
            out,
            "<g class=\"mark {class}\"><title>{}: {:.3} s</title><path d=\"M{at:.1} {}V{}L{x:.1} {}\"/>\
             <circle cx=\"{x:.1}\" cy=\"{}\" r=\"7.5\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{letter}</text></g>",
            mark.kind.word(),
            mark.at,
            top + 3,
            top + 22,
            top + 27,
            top + 34,
            top + 38,
        )?;
    }
    Ok(())
}

fn mark_class(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Fired | MarkKind::Released => "told",
        MarkKind::Detected | MarkKind::Recovered => "yes",
        MarkKind::Aborted => "cut",
    }
}

/// Places for marks at ascending places, none over another, each as near as can be to its own.
fn apart(wanted: &[f64]) -> Vec<f64> {
    let mut places: Vec<f64> = Vec::with_capacity(wanted.len());
    for x in wanted {
        let least = places.last().map_or(LEFT, |before| before + 2.0 * MARK);
        places.push(x.max(least));
    }
    let mut most = RIGHT;
    for place in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - 2.0 * MARK;
    }
    places
}

fn write_strip(out: &mut String, strip: &Strip<'_>, top: u32, axis: Axis) -> fmt::Result {
    let scale = Scale { end: axis.end, columns: COLUMNS };
    let spans = strip.spans(scale);
    let (most_ms, most_errors) = Strip::most(&spans);
    writeln!(out, "<path class=\"lane\" d=\"M0 {top}H{WIDTH}\"/>")?;
    name(out, strip.name, "strong", top + 4)?;
    let (base, height) = (f64::from(top) + f64::from(STRIP) - 8.0, f64::from(STRIP) - 18.0);
    let mut soft = |y: u32, class: &str, text: String| {
        writeln!(out, "<text class=\"{class}\" x=\"0\" y=\"{}\">{text}</text>", top + y)
    };
    soft(38, "soft p99-key", format!("p99, at most {most_ms:.1} ms"))?;
    if most_errors > 0.0 {
        soft(54, "soft errors-key", format!("failed, at most {:.1} %", most_errors * 100.0))?;
    }
    if spans.iter().any(|span| span.second.completed == 0) {
        soft(68, "soft none-key", "nothing ended".to_owned())?;
    }
    let errors = |span: &Span| Some(error_ratio(&span.second)?).filter(|ratio| *ratio > 0.0);
    area(out, "errors", &spans, base, height, errors)?;
    area(out, "none", &spans, base, height, |span| (span.second.completed == 0).then_some(1.0))?;
    let mut path = String::new();
    let mut drawn_to = None;
    for span in &spans {
        let Some(p99) = span.second.p99_ms else { continue };
        let y = base - height * if most_ms > 0.0 { p99 / most_ms } else { 0.0 };
        let (from, to) = (column_x(span.from), column_x(span.to));
        let step = if drawn_to == Some(span.from) { 'L' } else { 'M' };
        write!(path, "{step}{from:.1} {y:.1}H{to:.1}")?;
        drawn_to = Some(span.to);
    }
    writeln!(out, "<path class=\"p99\" d=\"{path}\"/>")
}

/// Rectangles from the base of a strip up to a share of its height.
fn area(
    out: &mut String,
    class: &str,
    spans: &[Span],
    base: f64,
    height: f64,
    share: impl Fn(&Span) -> Option<f64>,
) -> fmt::Result {
    let mut path = String::new();
    for span in spans {
        let Some(share) = share(span) else { continue };
        let (from, to) = (column_x(span.from), column_x(span.to));
        write!(path, "M{from:.1} {base:.1}V{:.1}H{to:.1}V{base:.1}Z", base - height * share)?;
    }
    if path.is_empty() { Ok(()) } else { writeln!(out, "<path class=\"{class}\" d=\"{path}\"/>") }
}

/// Where a column of a strip begins.
fn column_x(column: usize) -> f64 {
    let to_f64 = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    LEFT + to_f64(column) / to_f64(COLUMNS) * (RIGHT - LEFT)
}

/// What the colours and letters mean, of those that the picture has.
fn legend(out: &mut String, timeline: &RunTimeline<'_>) -> fmt::Result {
    write!(out, "<p class=\"legend\">")?;
    for kind in BarKind::ALL.into_iter().filter(|kind| timeline.has_bar(*kind)) {
        write!(out, "<span><i class=\"{}\"></i>{}</span>", kind.class(), kind.word())?;
    }
    for kind in MarkKind::ALL.into_iter().filter(|kind| timeline.has_mark(*kind)) {
        write!(out, "<span><i class=\"mark {}\">{}</i>{}</span>", mark_class(kind), kind.letter(), kind.word())?;
    }
    writeln!(out, "</p>")?;
    match timeline.left_out() {
        Some(left_out) => writeln!(out, "<p class=\"legend\">{left_out}</p>"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mark_lies_over_another_nor_beside_the_axis() {
        for wanted in [vec![], vec![200.0], vec![LEFT; 5], vec![RIGHT; 5], vec![LEFT, 400.0, 401.0, 402.0, RIGHT]] {
            let places = apart(&wanted);
            assert_eq!(places.len(), wanted.len());
            assert!(places.windows(2).all(|two| two[1] - two[0] >= 2.0 * MARK - 1e-9), "{places:?}");
            assert!(places.iter().all(|place| (LEFT..=RIGHT).contains(place)), "{places:?}");
        }
        assert_eq!(apart(&[200.0, 300.0]), [200.0, 300.0]);
    }
}
