//! Reads what a target exposes: the Prometheus text format 0.0.4 and OpenMetrics 1.0, with UTF-8 names in quotes.
//!
//! Own, since a line that can't be read must cost that line alone, be counted, and never be taken for a metric that is not
//! there; the parsers at hand give up at the first mistake, or build a tree without bounds.

mod cursor;
mod exposed;
mod line;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;

pub(super) use self::exposed::Exposed;
use self::line::{Line, read};
use crate::MetricKind;

/// Samples of one answer that are read.
const MOST_SAMPLES: usize = 200_000;

/// What a target said.
#[derive(Debug, Default)]
pub(super) struct Exposition<'a> {
    pub(super) samples: Vec<Exposed<'a>>,
    /// Lines that could not be read, and samples beyond the bound.
    pub(super) unread: u64,
    /// The first of these: its line, and what is wrong.
    pub(super) first_unread: Option<(usize, &'static str)>,
    /// Whether it has the end that OpenMetrics demands; the text format has none.
    pub(super) ended: bool,
}

/// The type of a family of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Counter,
    Gauge,
    Histogram,
    GaugeHistogram,
    Summary,
    Other,
}

impl Family {
    fn of(word: &str) -> Self {
        match word {
            "counter" => Self::Counter,
            "gauge" | "info" | "stateset" => Self::Gauge,
            "histogram" => Self::Histogram,
            "gaugehistogram" => Self::GaugeHistogram,
            "summary" => Self::Summary,
            _ => Self::Other,
        }
    }

    fn has_beginning(self) -> bool {
        matches!(self, Self::Counter | Self::Histogram | Self::Summary)
    }
}

type Families<'a> = HashMap<Cow<'a, str>, Family>;

/// Reads an answer; `open` where it is OpenMetrics, in which times are seconds.
pub(super) fn parse(body: &[u8], open: bool) -> Exposition<'_> {
    let mut families = Families::new();
    let mut seen = Exposition::default();
    for (number, raw) in body.split(|byte| *byte == b'\n').enumerate() {
        if seen.ended {
            if raw.iter().any(|byte| !byte.is_ascii_whitespace()) {
                seen.miss(number, "there is text after `# EOF`");
                break;
            }
            continue;
        }
        match std::str::from_utf8(raw).map_err(|_| "it is not UTF-8").and_then(|text| read(text, open)) {
            Ok(Line::Nothing) => {}
            Ok(Line::End) => seen.ended = true,
            Ok(Line::Type(name, word)) => {
                families.insert(name, Family::of(word));
            }
            Ok(Line::Sample(sample)) if seen.samples.len() < MOST_SAMPLES => seen.samples.push(sample),
            Ok(Line::Sample(_)) => seen.miss(number, "there are too many samples"),
            Err(why) => seen.miss(number, why),
        }
    }
    if open && !seen.ended {
        seen.miss(0, "it has no `# EOF`, so it was cut");
    }
    seen.name_kinds(&families);
    seen
}

impl Exposition<'_> {
    fn miss(&mut self, number: usize, why: &'static str) {
        self.unread += 1;
        self.first_unread.get_or_insert((number + 1, why));
    }

    /// Says of every sample what it means, and when it began.
    fn name_kinds(&mut self, families: &Families<'_>) {
        let mut began: HashMap<(String, Vec<(String, String)>), f64> = HashMap::new();
        for sample in &mut self.samples {
            let (base, family) = family_of(&sample.name, families);
            sample.kind = kind(&sample.name, base, family);
            let created = sample.name.strip_suffix("_created");
            let of = created.filter(|base| is_counted(base, families));
            if let Some(base) = of {
                began.insert((base.to_owned(), own_labels(sample)), sample.value);
            }
        }
        if began.is_empty() {
            return;
        }
        for sample in &mut self.samples {
            if sample.kind == MetricKind::Counter {
                let (base, _) = family_of(&sample.name, families);
                let base = base.strip_suffix("_total").unwrap_or(base).to_owned();
                sample.began = began.get(&(base, own_labels(sample))).copied();
            }
        }
    }
}

/// Whether a family of that name counts from zero.
fn is_counted(base: &str, families: &Families<'_>) -> bool {
    let total = || families.get(format!("{base}_total").as_str());
    families.get(base).or_else(total).is_some_and(|family| family.has_beginning())
}

/// The labels that tell one metric of a family from another, sorted.
fn own_labels(sample: &Exposed<'_>) -> Vec<(String, String)> {
    let own = sample.labels.iter().filter(|(key, _)| key != "le" && key != "quantile");
    let mut own: Vec<_> = own.map(|(key, value)| (key.to_string(), value.to_string())).collect();
    own.sort_unstable();
    own
}

/// The name and type of the family that a sample belongs to.
fn family_of<'n>(name: &'n str, families: &Families<'_>) -> (&'n str, Family) {
    if let Some(family) = families.get(name) {
        return (name, *family);
    }
    for suffix in ["_total", "_bucket", "_count", "_sum", "_gcount", "_gsum"] {
        if let Some(base) = name.strip_suffix(suffix)
            && let Some(family) = families.get(base)
        {
            return (base, *family);
        }
    }
    (name, Family::Other)
}

fn kind(name: &str, base: &str, family: Family) -> MetricKind {
    match family {
        Family::Counter | Family::Histogram => MetricKind::Counter,
        // The quantiles of a summary have no suffix.
        Family::Summary if name != base => MetricKind::Counter,
        Family::Gauge | Family::GaugeHistogram | Family::Summary => MetricKind::Gauge,
        Family::Other => MetricKind::Unknown,
    }
}
