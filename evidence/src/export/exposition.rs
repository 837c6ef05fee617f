//! The text formats of metrics: Prometheus 0.0.4 and OpenMetrics 1.0.0.

use std::fmt::{Display, Write};

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// Prometheus' own, version 0.0.4.
    Prometheus,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl TextFormat {
    /// The format that a reader prefers, by its `Accept` header (RFC 9110, section 12.5.1); Prometheus' own where it does not
    /// say, or where both are as welcome.
    pub fn preferred(accept: Option<&str>) -> Self {
        let accept = accept.unwrap_or_default();
        let wish = |kinds: &[&str]| accept.split(',').filter_map(|range| wish(range, kinds)).fold(0.0, f64::max);
        let open = wish(&["application/openmetrics-text"]);
        if open > 0.0 && open >= wish(&["text/plain"]) { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Its `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// How much a range of an `Accept` header wants one of these types; a version that is not ours is not wanted.
fn wish(range: &str, kinds: &[&str]) -> Option<f64> {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next()?;
    if !kinds.iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        return None;
    }
    let mut wish = 1.0;
    for part in parts {
        let (name, value) = part.split_once('=')?;
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => wish = value.trim().parse().ok()?,
            "version" => {
                let ours = ["0.0.1", "0.0.4", "1.0.0"];
                ours.contains(&value.trim().trim_matches('"')).then_some(())?;
            }
            _ => {}
        }
    }
    Some(wish)
}

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A page of metrics in the making.
#[derive(Debug)]
pub(super) struct Page {
    format: TextFormat,
    text: String,
    family: &'static str,
    kind: Kind,
}

impl Page {
    pub(super) fn new(format: TextFormat) -> Self {
        Self { format, text: String::new(), family: "", kind: Kind::Gauge }
    }

    /// Begins a family. The name of a counter is given without `_total`, as OpenMetrics has it.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        (self.family, self.kind) = (name, kind);
        let word = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // In Prometheus' format a counter is named as its samples are.
        let suffix = if kind == Kind::Counter && self.format == TextFormat::Prometheus { "_total" } else { "" };
        // Writing into a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {word}");
    }

    /// A sample of the family.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let suffix = if self.kind == Kind::Counter { "_total" } else { "" };
        self.line(suffix, labels, value);
    }

    /// A histogram of the family: the counts of its buckets by their upper bounds in seconds, not yet added up; the sum of
    /// all values; how many there are.
    pub(super) fn histogram(&mut self, labels: &[(&str, &str)], buckets: &[(f64, u64)], sum: f64, count: u64) {
        let mut below = 0;
        for (bound, inside) in buckets {
            below += inside;
            let bound = format!("{bound:?}");
            self.line("_bucket", &[labels, &[("le", bound.as_str())]].concat(), below);
        }
        self.line("_bucket", &[labels, &[("le", "+Inf")]].concat(), count);
        self.line("_sum", labels, format_args!("{sum:?}"));
        self.line("_count", labels, count);
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.text, "{}{suffix}", self.family);
        for (index, (name, value)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{name}=\"{}\"", if index == 0 { '{' } else { ',' }, escaped(value));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{close} {value}");
    }

    pub(super) fn finish(mut self) -> String {
        if self.format == TextFormat::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_the_format_that_it_prefers() {
        // What Prometheus 2.42 sends, and what it sends with classic formats only.
        let new = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                   text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let rows = [
            (None, TextFormat::Prometheus),
            (Some(""), TextFormat::Prometheus),
            (Some("*/*"), TextFormat::Prometheus),
            (Some(new), TextFormat::OpenMetrics),
            (Some("text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), TextFormat::Prometheus),
            (Some("application/openmetrics-text;q=0.2, text/plain"), TextFormat::Prometheus),
            (Some("Application/OpenMetrics-Text; version=\"1.0.0\""), TextFormat::OpenMetrics),
            (Some("application/openmetrics-text;version=9.0.0"), TextFormat::Prometheus),
            (Some("application/openmetrics-text;q=0"), TextFormat::Prometheus),
            (Some("application/openmetrics-text;q=x;;,,"), TextFormat::Prometheus),
        ];
        for (accept, want) in rows {
            assert_eq!(TextFormat::preferred(accept), want, "{accept:?}");
        }
    }

    #[test]
    fn a_page_is_what_the_formats_say() {
        let page = |format| {
            let mut page = Page::new(format);
            page.family("a", Kind::Counter, "Counts.");
            page.sample(&[("x", "q\"\\\n")], 3);
            page.family("h_seconds", Kind::Histogram, "Times.");
            page.histogram(&[("r", "d")], &[(0.5, 2), (1.0, 0)], 1.5, 3);
            page.finish()
        };
        let rest = "# HELP h_seconds Times.\n# TYPE h_seconds histogram\nh_seconds_bucket{r=\"d\",le=\"0.5\"} 2\n\
                    h_seconds_bucket{r=\"d\",le=\"1.0\"} 2\nh_seconds_bucket{r=\"d\",le=\"+Inf\"} 3\n\
                    h_seconds_sum{r=\"d\"} 1.5\nh_seconds_count{r=\"d\"} 3\n";
        let sample = "a_total{x=\"q\\\"\\\\\\n\"} 3\n";
        let classic = format!("# HELP a_total Counts.\n# TYPE a_total counter\n{sample}{rest}");
        let open = format!("# HELP a Counts.\n# TYPE a counter\n{sample}{rest}# EOF\n");
        assert_eq!(page(TextFormat::Prometheus), classic);
        assert_eq!(page(TextFormat::OpenMetrics), open);
    }
}
