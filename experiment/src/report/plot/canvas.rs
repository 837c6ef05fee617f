//! Axes, lines and labels of a picture.

use std::fmt::Write;

use super::super::escape::escape;
use crate::figure::number;

/// Width of every picture, in units of the drawing.
pub(super) const WIDTH: f64 = 860.0;
/// Room for the labels of the vertical axis.
pub(super) const LEFT: f64 = 64.0;
/// Room on the right.
pub(super) const RIGHT: f64 = 24.0;

/// Room for the labels of rows.
pub(super) const ROW_LEFT: f64 = 250.0;
/// Height of one row.
pub(super) const ROW: f64 = 20.0;

/// From figures to places.
pub(super) struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    log: bool,
}

impl Axis {
    pub(super) fn linear(high: f64, from: f64, to: f64) -> Self {
        Self { low: 0.0, high: if high > 0.0 { high } else { 1.0 }, from, to, log: false }
    }

    pub(super) fn log(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let positive = values.filter(|value| *value > 0.0);
        let low = positive.clone().fold(f64::INFINITY, f64::min).min(1e6);
        let high = positive.fold(0.0, f64::max).max(low * 1.5);
        Self { low: low / 1.3, high: high * 1.3, from, to, log: true }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Round figures inside the axis.
    pub(super) fn ticks(&self) -> Vec<f64> {
        if self.log {
            let start = self.low.log10().floor();
            let decades = (0..12_u8).map(|step| 10_f64.powf(start + f64::from(step)));
            let wide = self.high / self.low > 300.0;
            let steps: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
            let all = decades.flat_map(|decade| steps.iter().map(move |step| decade * step));
            return all.filter(|tick| *tick >= self.low && *tick <= self.high).collect();
        }
        let rough = self.high / 6.0;
        let size = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * size).find(|step| *step >= rough).unwrap_or(size);
        (0..40_u8).map(|n| f64::from(n) * step).take_while(|tick| *tick <= self.high * 1.0001).collect()
    }
}

/// One picture with its title and its description, for those who hear it.
pub(super) fn picture(name: &str, title: &str, description: &str, height: f64, body: &str) -> String {
    format!(
        "<figure><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{name}-t {name}-d\">\
         <title id=\"{name}-t\">{}</title><desc id=\"{name}-d\">{}</desc>{body}</svg><figcaption>{}</figcaption></figure>\n",
        escape(title),
        escape(description),
        escape(title)
    )
}

pub(super) fn line(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = write!(
        out,
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

pub(super) fn label(out: &mut String, class: &str, at: (f64, f64), text: &str) {
    let _ = write!(out, "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", at.0, at.1, escape(text));
}

pub(super) fn grid(out: &mut String, x: &Axis, y: Option<&Axis>, top: f64, bottom: f64, unit: &str) {
    for tick in x.ticks() {
        line(out, "grid", (x.at(tick), top), (x.at(tick), bottom));
        label(out, "tick mid", (x.at(tick), bottom + 16.0), &number(tick));
    }
    for tick in y.into_iter().flat_map(Axis::ticks) {
        let at = y.map_or(0.0, |y| y.at(tick));
        line(out, "grid", (LEFT, at), (WIDTH - RIGHT, at));
        label(out, "tick end", (LEFT - 8.0, at + 4.0), &number(tick));
    }
    label(out, "tick mid", (f64::midpoint(LEFT, WIDTH - RIGHT), bottom + 34.0), unit);
}

/// Vertical lines and labels of an axis over rows, with its unit below.
pub(super) fn rows_grid(out: &mut String, x: &Axis, left: f64, height: f64, unit: &str) {
    for tick in x.ticks() {
        line(out, "grid", (x.at(tick), 8.0), (x.at(tick), height));
        label(out, "tick mid", (x.at(tick), height + 16.0), &number(tick));
    }
    label(out, "tick mid", (f64::midpoint(left, WIDTH - RIGHT), height + 34.0), unit);
}

/// Height of so many rows.
#[expect(clippy::cast_precision_loss, reason = "a few steps")]
pub(super) fn rows_height(rows: usize) -> f64 {
    16.0 + ROW * rows as f64
}

/// A text that shows when the pointer is over a mark.
pub(super) fn hover(text: &str) -> String {
    format!("<title>{}</title>", escape(text))
}
