//! Marks the numbers in a model's free text that nothing measured supports.

use crate::figure::{close, scale, slo_text};
use crate::finding::Finding;
use crate::measure;
use crate::transcript::ExperimentTranscript;

/// Words for numbers; in words, a number is as much a claim as in digits.
const SPELT: [&str; 24] = [
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "million",
    "billion",
    "dozen",
    "twice",
    "triple",
];

/// Words that hold digits and are not numbers.
const NAMES: [&str; 7] = ["p50", "p75", "p90", "p95", "p99", "http1", "http2"];

/// Units as people write them, and the unit of our measures.
const UNITS: [(&str, &str); 18] = [
    ("milliseconds", "ms"),
    ("millisecond", "ms"),
    ("ms", "ms"),
    ("µs", "us"),
    ("us", "us"),
    ("seconds", "s"),
    ("second", "s"),
    ("sec", "s"),
    ("qps", "qps"),
    ("rps", "qps"),
    ("req/s", "qps"),
    ("requests/s", "qps"),
    ("requests per second", "qps"),
    ("/s", "qps"),
    ("percent", "%"),
    ("%", "%"),
    ("k", "k"),
    ("s", "s"),
];

/// A number that a text may hold: a measure, or something that was given.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    value: f64,
    unit: &'static str,
}

/// The numbers of an experiment, which its texts may hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct KnownNumbers(Vec<Known>);

impl KnownNumbers {
    /// All that was measured, and all that was given: goal, SLOs, target, numbers of steps.
    pub(crate) fn of(transcript: &ExperimentTranscript) -> Self {
        let mut known = Self::default();
        for step in &transcript.steps {
            known.add(f64::from(step.id()), "1");
            for (name, value) in step.recomputed() {
                known.add(value, measure::unit(&name));
            }
        }
        let count = u32::try_from(transcript.steps.len()).unwrap_or(u32::MAX);
        known.add(f64::from(count), "1");
        for finding in &transcript.findings {
            known.take(finding);
        }
        let header = &transcript.header;
        let given = format!("{} {} {}", header.goal, header.target, slo_text(&header.slo, " ").replace('<', " "));
        for token in tokens(&given) {
            let unit = UNITS.iter().find(|(_, own)| *own == token.unit).map_or("1", |(_, own)| *own);
            known.add(token.value, unit);
        }
        known
    }

    fn add(&mut self, value: f64, unit: &'static str) {
        self.0.push(Known { value, unit });
    }

    fn add_all(&mut self, values: impl IntoIterator<Item = f64>, unit: &'static str) {
        self.0.extend(values.into_iter().map(|value| Known { value, unit }));
    }

    fn take(&mut self, finding: &Finding) {
        match finding {
            Finding::Capacity { capacity_qps, broken_qps, .. } => {
                self.add_all(capacity_qps.iter().chain(broken_qps).copied(), "qps");
            }
            Finding::Ramp { knee_qps, .. } => self.add_all(*knee_qps, "qps"),
            Finding::Compare { difference, others, without, with, measure, .. } => {
                let unit = measure::unit(measure);
                self.add_all([*without, *with], unit);
                let others = others.iter().map(|(name, estimate)| (measure::unit(name), estimate));
                for (unit, e) in difference.iter().map(|estimate| (unit, estimate)).chain(others) {
                    self.add_all([e.mean, e.mean.abs(), e.low, e.high], unit);
                }
            }
            Finding::Repeat { spread, .. } => {
                for (name, e) in spread {
                    self.add_all([e.mean, e.low, e.high, e.deviation], measure::unit(name));
                }
            }
        }
    }

    /// Whether a known number is the same: with a unit only those of that unit count.
    fn hold(&self, token: &Token<'_>) -> bool {
        self.0.iter().any(|known| match token.unit {
            "" => close(token.value, known.value) || (known.unit == "ratio" && close(token.value, known.value * 100.0)),
            unit => scale(unit, known.unit).is_some_and(|scale| close(token.value * scale, known.value)),
        })
    }
}

/// A number in a text.
#[derive(Debug, Clone, PartialEq)]
struct Token<'t> {
    at: std::ops::Range<usize>,
    value: f64,
    unit: &'t str,
}

/// Marks every number that is not known: `[180 ms: not measured]`.
pub(crate) fn mark(text: &str, known: &KnownNumbers) -> String {
    let mut marked = String::with_capacity(text.len());
    let mut done = 0;
    for token in tokens(text) {
        if !known.hold(&token) {
            marked += &text[done..token.at.start];
            marked.push('[');
            marked += &text[token.at.clone()];
            marked += ": not measured]";
            done = token.at.end;
        }
    }
    marked += &text[done..];
    marked
}

/// The numbers of a text, in digits, in digits of other scripts, and in words.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let word = word_at(text, at);
        if next.is_ascii_digit() {
            let token = digits(text, at);
            at = token.at.end;
            found.push(token);
        } else if next.is_numeric() {
            let end = at + next.len_utf8();
            found.push(Token { at: at..end, value: f64::NAN, unit: "" });
            at = end;
        } else if next.is_alphabetic() {
            let lower = word.to_lowercase();
            if SPELT.contains(&lower.as_str()) {
                found.push(Token { at: at..at + word.len(), value: f64::NAN, unit: "" });
                at += word.len();
            } else if let Some(name) = NAMES.iter().find(|name| lower == **name) {
                // `p99.9` is one name too.
                at += name.len();
                at += if text[at..].starts_with(".9") { 2 } else { 0 };
            } else {
                at += word.find(|c: char| c.is_numeric()).unwrap_or(word.len());
            }
        } else {
            at += next.len_utf8();
        }
    }
    found
}

/// The letters and digits from a place on.
fn word_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    &rest[..rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len())]
}

/// A number in ASCII digits, with its thousands, fraction, exponent and unit.
fn digits(text: &str, start: usize) -> Token<'_> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = start;
    loop {
        let separator = matches!(bytes.get(end), Some(b'.' | b',' | b'_')) && digit(end + 1);
        let exponent = matches!(bytes.get(end), Some(b'e' | b'E'))
            && (digit(end + 1) || (matches!(bytes.get(end + 1), Some(b'+' | b'-')) && digit(end + 2)));
        match () {
            () if digit(end) => end += 1,
            () if separator => end += 2,
            () if exponent => end += 2,
            () => break,
        }
    }
    let plain: String = text[start..end].chars().filter(|c| !matches!(c, ',' | '_')).collect();
    let mut value = plain.parse().unwrap_or(f64::NAN);
    let rest = text[end..].trim_start_matches(' ');
    let gap = text.len() - end - rest.len();
    let ends = |unit: &str| !rest[unit.len()..].starts_with(char::is_alphanumeric);
    let unit = UNITS.iter().find(|(word, _)| rest.starts_with(word) && ends(word));
    match unit {
        Some((_, "k")) => {
            value *= 1e3;
            Token { at: start..end + gap + 1, value, unit: "" }
        }
        Some((word, own)) => Token { at: start..end + gap + word.len(), value, unit: own },
        None => Token { at: start..end, value, unit: "" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> KnownNumbers {
        KnownNumbers(vec![
            Known { value: 182.4, unit: "ms" },
            Known { value: 0.02, unit: "ratio" },
            Known { value: 400.0, unit: "qps" },
            Known { value: 3.0, unit: "1" },
        ])
    }

    #[test]
    fn known_numbers_stay_and_others_are_marked() {
        let rows = [
            ("p99 was 182 ms at 400 qps in step 3.", "p99 was 182 ms at 400 qps in step 3."),
            ("p99.9 was 0.182 s, 2% errors", "p99.9 was 0.182 s, 2% errors"),
            ("it was 200 ms", "it was [200 ms: not measured]"),
            ("400 ms", "[400 ms: not measured]"),
            ("rate=1,400qps", "rate=[1,400qps: not measured]"),
            ("v270 and x7y", "v[270: not measured] and x[7: not measured]y"),
            ("about 1.4k", "about [1.4k: not measured]"),
            ("two hundred or ninety", "two [hundred: not measured] or [ninety: not measured]"),
            ("4e5", "[4e5: not measured]"),
            ("٣٠ ½", "[٣: not measured][٠: not measured] [½: not measured]"),
        ];
        for (text, want) in rows {
            assert_eq!(mark(text, &known()), want);
        }
    }
}
