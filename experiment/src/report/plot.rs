//! Pictures of the report, as inline SVG: colours come from the page, so that they follow light and dark.

use std::fmt::Write;

use super::{Report, StepRow};
use crate::claim::number;
use crate::finding::Finding;
use crate::measure;
use chaos_schema::Slo;

/// Width of every picture, in units of the drawing.
const WIDTH: f64 = 860.0;
/// Room for the labels of the vertical axis.
const LEFT: f64 = 64.0;
/// Room on the right.
const RIGHT: f64 = 24.0;

/// From figures to places.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    log: bool,
}

impl Axis {
    fn linear(high: f64, from: f64, to: f64) -> Self {
        Self { low: 0.0, high: if high > 0.0 { high } else { 1.0 }, from, to, log: false }
    }

    fn log(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let positive = values.filter(|value| *value > 0.0);
        let low = positive.clone().fold(f64::INFINITY, f64::min).min(1e6);
        let high = positive.fold(0.0, f64::max).max(low * 1.5);
        Self { low: low / 1.3, high: high * 1.3, from, to, log: true }
    }

    fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Round figures inside the axis.
    fn ticks(&self) -> Vec<f64> {
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
fn picture(name: &str, title: &str, description: &str, height: f64, body: &str) -> String {
    format!(
        "<figure><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{name}-t {name}-d\">\
         <title id=\"{name}-t\">{}</title><desc id=\"{name}-d\">{}</desc>{body}</svg><figcaption>{}</figcaption></figure>\n",
        escape(title),
        escape(description),
        escape(title)
    )
}

/// Text for a page: nothing in it can become a tag.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\n' => out += "\n",
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

fn line(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = write!(
        out,
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn label(out: &mut String, class: &str, at: (f64, f64), text: &str) {
    let _ = write!(out, "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", at.0, at.1, escape(text));
}

fn grid(out: &mut String, x: &Axis, y: Option<&Axis>, top: f64, bottom: f64, unit: &str) {
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

fn get(step: &StepRow, name: &str) -> Option<f64> {
    step.measures.get(name).copied()
}

/// Rate against the promised percentile and the median, with errors below, and the knee marked.
pub(super) fn rates(report: &Report) -> String {
    let mut out = String::new();
    for (index, finding) in report.findings.iter().enumerate() {
        if matches!(finding, Finding::Capacity { .. } | Finding::Ramp { .. }) {
            out += &rate(report, finding, index);
        }
    }
    out
}

fn rate(report: &Report, finding: &Finding, index: usize) -> String {
    let promised = report.slo.iter().find_map(|slo| match slo {
        Slo::Response { percentile, most_ms } => Some((percentile.word(), *most_ms)),
        Slo::Errors { .. } => None,
    });
    let (word, bound) = promised.map_or(("99", None), |(word, bound)| (word, Some(bound)));
    let high = measure::response(word);
    let mut steps: Vec<&StepRow> =
        finding.points().iter().filter_map(|point| report.steps.iter().find(|step| step.id == point.step)).collect();
    let rate_of = |step: &StepRow| get(step, "asked_qps").unwrap_or(0.0);
    steps.sort_by(|a, b| rate_of(a).total_cmp(&rate_of(b)));
    let (top, bottom, errors_top, errors_bottom) = (46.0, 296.0, 318.0, 358.0);
    let most = steps.iter().map(|step| rate_of(step)).fold(0.0, f64::max);
    let x = Axis::linear(most * 1.04, LEFT, WIDTH - RIGHT);
    let latencies =
        steps.iter().flat_map(|step| [get(step, "response_p50_ms"), get(step, &high)]).flatten().chain(bound);
    let latencies: Vec<f64> = latencies.collect();
    let y = Axis::log(latencies.iter().copied(), bottom, top);
    let mut body = String::new();
    grid(&mut body, &x, Some(&y), top, errors_bottom, "requests per second, asked");
    let knee = match finding {
        Finding::Capacity { capacity_qps, .. } => *capacity_qps,
        Finding::Ramp { knee_qps, .. } => *knee_qps,
        _ => None,
    };
    if let Some(bound) = bound {
        line(&mut body, "bound", (LEFT, y.at(bound)), (WIDTH - RIGHT, y.at(bound)));
        label(
            &mut body,
            "note bound-text",
            (LEFT + 6.0, y.at(bound) - 6.0),
            &format!("promise: p{word} {} ms", number(bound)),
        );
    }
    for (name, class) in [("response_p50_ms", "low"), (high.as_str(), "high")] {
        let at = |step: &&&StepRow| Some((x.at(rate_of(step)), y.at(get(step, name)?)));
        let path: Vec<String> = steps.iter().filter_map(|s| at(&s)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = write!(body, "<polyline class=\"curve {class}\" points=\"{}\"/>", path.join(" "));
        for step in &steps {
            let Some((cx, cy)) = at(&step) else { continue };
            let state = if step.held == Some(true) { "held" } else { "broken" };
            let told = format!(
                "step {}: {} qps, {name} {} ms, {state}",
                step.id,
                number(rate_of(step)),
                number(get(step, name).unwrap_or(0.0))
            );
            let _ = write!(
                body,
                "<circle class=\"dot {class} {state}\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"4.5\"><title>{}</title></circle>",
                escape(&told)
            );
        }
    }
    label(&mut body, "tick end", (LEFT - 8.0, errors_bottom), "0");
    label(&mut body, "tick end", (LEFT - 8.0, errors_top + 8.0), "100 %");
    line(&mut body, "axis", (LEFT, errors_bottom), (WIDTH - RIGHT, errors_bottom));
    for step in &steps {
        let share = get(step, "error_ratio").unwrap_or(0.0);
        let tall = share * (errors_bottom - errors_top);
        let _ = write!(
            body,
            "<rect class=\"errors\" x=\"{:.1}\" y=\"{:.1}\" width=\"6\" height=\"{tall:.1}\"><title>step {}: {} % errors</title></rect>",
            x.at(rate_of(step)) - 3.0,
            errors_bottom - tall,
            step.id,
            number(share * 100.0)
        );
    }
    if let Some(knee) = knee {
        line(&mut body, "knee", (x.at(knee), top - 12.0), (x.at(knee), errors_bottom));
        let (side, shift) = if x.at(knee) > WIDTH / 2.0 { ("end", -6.0) } else { ("", 6.0) };
        label(
            &mut body,
            &format!("note strong {side}"),
            (x.at(knee) + shift, top - 4.0),
            &format!("{} qps", number(knee)),
        );
    }
    let legend = [("low", "p50".to_owned()), ("high", format!("p{word}"))];
    for (n, (class, text)) in (0_u8..).zip(legend) {
        let at = LEFT + 4.0 + f64::from(n) * 74.0;
        line(&mut body, &format!("curve {class}"), (at, 12.0), (at + 18.0, 12.0));
        label(&mut body, "note", (at + 24.0, 16.0), &text);
    }
    label(&mut body, "note", (LEFT + 156.0, 16.0), "filled: held, hollow: broken, bars: errors");
    label(&mut body, "tick", (4.0, 16.0), "ms");
    let title = format!("Rate against response time (p50 and p{word}) and errors");
    picture(&format!("rate{index}"), &title, &super::sentence(finding, &report.slo), 396.0, &body)
}

/// When each step ran, and how it came out.
pub(super) fn timeline(report: &Report) -> String {
    if report.steps.is_empty() {
        return String::new();
    }
    let mut body = String::new();
    let end = report.steps.iter().map(|step| seconds(step.at_ms) + step.seconds).fold(0.0, f64::max);
    let left = 250.0;
    let x = Axis::linear(end, left, WIDTH - RIGHT);
    let height = 16.0 + 20.0 * count(report.steps.len());
    for tick in x.ticks() {
        line(&mut body, "grid", (x.at(tick), 8.0), (x.at(tick), height));
        label(&mut body, "tick mid", (x.at(tick), height + 16.0), &number(tick));
    }
    label(&mut body, "tick mid", (f64::midpoint(left, WIDTH - RIGHT), height + 34.0), "seconds since the beginning");
    for (row, step) in report.steps.iter().enumerate() {
        let y = 12.0 + 20.0 * count(row);
        let class = match (step.held, step.kind.as_str()) {
            (Some(true), _) => "bar good",
            (Some(false), _) => "bar bad",
            (None, "generate_load") => "bar plain",
            (None, _) => "bar fault",
        };
        let short: String = step.label.chars().take(34).collect();
        label(&mut body, "tick end", (left - 8.0, y + 11.0), &format!("{} {short}", step.id));
        let (from, to) = (x.at(seconds(step.at_ms)), x.at(seconds(step.at_ms) + step.seconds));
        let told = escape(&format!("step {}: {} ({}), {} s", step.id, step.label, step.kind, number(step.seconds)));
        let wide = (to - from).max(2.0);
        let _ = write!(
            body,
            "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"14\" rx=\"3\"><title>{told}</title></rect>"
        );
    }
    let title = "Steps and faults over time (green held, red broken, grey load, violet another fault)";
    let told = format!("{} steps in {} s", report.steps.len(), number(end));
    picture("timeline", title, &told, height + 44.0, &body)
}

/// How the response times of each load spread: from p1 to p99.9, with the middle half and the median.
pub(super) fn spread(report: &Report) -> String {
    let loads: Vec<&StepRow> = report.steps.iter().filter(|step| get(step, "response_p50_ms").is_some()).collect();
    if loads.is_empty() {
        return String::new();
    }
    let mut body = String::new();
    let (left, height) = (250.0, 16.0 + 20.0 * count(loads.len()));
    let ends = ["response_p1_ms", "response_p999_ms"];
    let all: Vec<f64> = loads.iter().flat_map(|step| ends.map(|name| get(step, name))).flatten().collect();
    let x = Axis::log(all.iter().copied(), left, WIDTH - RIGHT);
    for tick in x.ticks() {
        line(&mut body, "grid", (x.at(tick), 8.0), (x.at(tick), height));
        label(&mut body, "tick mid", (x.at(tick), height + 16.0), &number(tick));
    }
    label(&mut body, "tick mid", (f64::midpoint(left, WIDTH - RIGHT), height + 34.0), "response time in ms");
    for (row, step) in loads.iter().enumerate() {
        let y = 19.0 + 20.0 * count(row);
        let at = |name: &str| x.at(get(step, name).unwrap_or(0.0));
        let rate = number(get(step, "asked_qps").unwrap_or(0.0));
        let arm = step.label.split(", ").nth(1).filter(|arm| *arm == "with" || *arm == "without").unwrap_or_default();
        label(&mut body, "tick end", (left - 8.0, y + 4.0), &format!("step {}: {rate} qps {arm}", step.id));
        line(&mut body, "whisker", (at(ends[0]), y), (at(ends[1]), y));
        let (from, to) = (at("response_p10_ms"), at("response_p90_ms"));
        let _ = write!(
            body,
            "<rect class=\"box\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"10\" rx=\"2\"/>",
            y - 5.0,
            (to - from).max(1.5)
        );
        for (name, class) in [("response_p50_ms", "median"), ("response_p99_ms", "nines")] {
            let told = format!("step {}: {name} {}", step.id, number(get(step, name).unwrap_or(0.0)));
            let _ = write!(
                body,
                "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"3\" height=\"14\"><title>{}</title></rect>",
                at(name) - 1.5,
                y - 7.0,
                escape(&told)
            );
        }
    }
    let title = "Response times of each step: line p1 to p99.9, box p10 to p90, blue mark p50, orange mark p99";
    picture("spread", title, &format!("{} loads", loads.len()), height + 44.0, &body)
}

#[expect(clippy::cast_precision_loss, reason = "a few steps")]
fn count(steps: usize) -> f64 {
    steps as f64
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of one experiment")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1e3
}
