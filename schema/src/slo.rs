//! Service level objectives: a percentile of the response time, or a share of errors.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One service level objective, as text: `p99<200ms` or `errors<1%`. The bound itself still meets it.
///
/// Percentiles are of the response time: from the moment at which a request was due to its end. They are over the requests
/// that were answered well, and those that were given up at their timeout; a request that failed otherwise has no say,
/// since a service that fails fast would meet every bound. How many may fail is a bound of its own, `errors<1%` by default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Slo {
    /// The percentile of the response time is at most so many milliseconds.
    Response {
        /// The percentile.
        percentile: SloPercentile,
        /// Milliseconds.
        most_ms: f64,
    },
    /// At most this share of the requests fails, 0 to 1.
    Errors {
        /// The share.
        most_ratio: f64,
    },
}

/// The percentiles that a load's result holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SloPercentile {
    /// The median.
    P50,
    /// 75 of 100.
    P75,
    /// 90 of 100.
    P90,
    /// 95 of 100.
    P95,
    /// 99 of 100.
    P99,
    /// 999 of 1,000.
    P999,
}

/// Text that is not an SLO.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid SLO `{0}`: expected `p99<200ms` (p50, p75, p90, p95, p99 or p99.9; us, ms or s) or `errors<1%`")]
pub struct SloError(String);

/// Every accepted text has this form, and no other.
const PATTERN: &str =
    r"^(p(50|75|90|95|99|99\.9)<=?[0-9]{1,6}(\.[0-9]{1,6})?(us|ms|s)|errors<=?(100|[0-9]{1,2}(\.[0-9]{1,6})?)%)$";

impl SloPercentile {
    const ALL: [(Self, &'static str, f64); 6] = [
        (Self::P50, "50", 50.0),
        (Self::P75, "75", 75.0),
        (Self::P90, "90", 90.0),
        (Self::P95, "95", 95.0),
        (Self::P99, "99", 99.0),
        (Self::P999, "99.9", 99.9),
    ];

    fn row(self) -> (Self, &'static str, f64) {
        Self::ALL.into_iter().find(|(one, ..)| *one == self).unwrap_or(Self::ALL[4])
    }

    /// The percentile as a number, 50 to 99.9.
    pub fn number(self) -> f64 {
        self.row().2
    }

    /// The percentile as it is written: `99`, `99.9`.
    pub fn word(self) -> &'static str {
        self.row().1
    }
}

impl FromStr for Slo {
    type Err = SloError;

    fn from_str(text: &str) -> Result<Self, SloError> {
        let wrong = || SloError(text.to_owned());
        let (what, bound) = text.split_once('<').ok_or_else(wrong)?;
        let bound = bound.strip_prefix('=').unwrap_or(bound);
        if what == "errors" {
            let digits = bound.strip_suffix('%').ok_or_else(wrong)?;
            let percent = if digits == "100" { 100.0 } else { number(digits, 2).ok_or_else(wrong)? };
            return Ok(Self::Errors { most_ratio: percent / 100.0 });
        }
        let written = what.strip_prefix('p').ok_or_else(wrong)?;
        let found = SloPercentile::ALL.into_iter().find(|(_, word, _)| *word == written);
        let (percentile, ..) = found.ok_or_else(wrong)?;
        let units = [("us", 1e-3), ("ms", 1.0), ("s", 1e3)];
        let (digits, scale) =
            units.into_iter().find_map(|(unit, scale)| Some((bound.strip_suffix(unit)?, scale))).ok_or_else(wrong)?;
        Ok(Self::Response { percentile, most_ms: number(digits, 6).ok_or_else(wrong)? * scale })
    }
}

/// Digits, up to `most` of them, and a fraction of up to six.
fn number(text: &str, most: usize) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let fits = |part: &str, most: usize| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if fits(whole, most) && fits(fraction, 6) { text.parse().ok() } else { None }
}

impl TryFrom<String> for Slo {
    type Error = SloError;

    fn try_from(text: String) -> Result<Self, SloError> {
        text.parse()
    }
}

impl From<Slo> for String {
    fn from(slo: Slo) -> Self {
        slo.to_string()
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Response { percentile, most_ms } => {
                let word = percentile.word();
                let time = Duration::from_secs_f64(most_ms / 1e3);
                match (time.as_nanos(), time.as_millis()) {
                    (nanos, _) if nanos % 1_000_000 != 0 => write!(f, "p{word}<{}us", trim(most_ms * 1e3)),
                    (_, millis) if millis % 1000 == 0 && millis > 0 => write!(f, "p{word}<{}s", millis / 1000),
                    (_, millis) => write!(f, "p{word}<{millis}ms"),
                }
            }
            Self::Errors { most_ratio } => write!(f, "errors<{}%", trim(most_ratio * 100.0)),
        }
    }
}

/// Six places after the point at the most, without zeros at the end.
fn trim(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl JsonSchema for Slo {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Slo".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": PATTERN,
            "patternErrorMessage": "write p99<200ms (p50, p75, p90, p95, p99 or p99.9; us, ms or s) or errors<1%",
            "examples": ["p99<200ms", "errors<1%"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read_and_written_again() {
        let rows = [
            ("p99<200ms", "p99<200ms"),
            ("p99.9<=1.5s", "p99.9<1500ms"),
            ("p50<2s", "p50<2s"),
            ("p95<250us", "p95<250us"),
            ("errors<1%", "errors<1%"),
            ("errors<=0.05%", "errors<0.05%"),
            ("errors<100%", "errors<100%"),
        ];
        for (text, written) in rows {
            let slo: Slo = text.parse().unwrap();
            assert_eq!(slo.to_string(), written);
            let again: Slo = written.parse().unwrap();
            assert_eq!(again.to_string(), written);
        }
    }

    #[test]
    fn other_texts_are_refused_with_what_would_be_right() {
        for text in
            ["", "p99", "p98<1ms", "p99<1", "p99>1ms", "p99<-1ms", "errors<101%", "errors<1", "p99<NaNms", "p99 < 1ms"]
        {
            let error = text.parse::<Slo>().unwrap_err().to_string();
            assert!(error.ends_with("or `errors<1%`"), "{text}: {error}");
        }
    }
}
