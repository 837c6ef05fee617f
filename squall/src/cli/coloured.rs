//! The colours of a text report.

use super::console::{Colour, Paint};

/// Colours the verdicts of a text report.
pub(crate) fn coloured(report: &str, paint: Paint) -> String {
    if !paint.is_on() {
        return report.to_owned();
    }
    let mut text = String::new();
    for line in report.lines() {
        let colour = match line.trim().strip_prefix("verdict:").map(str::trim) {
            Some("held" | "unchecked") => Some(Colour::Green),
            Some("inconclusive") => Some(Colour::Yellow),
            Some(_) => Some(Colour::Red),
            None => None,
        };
        text += &colour.map_or_else(|| line.to_owned(), |colour| paint.paint(colour, line));
        text.push('\n');
    }
    text
}
