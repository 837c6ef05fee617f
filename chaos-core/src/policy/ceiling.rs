//! What a fault may cost at most.

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;

/// What a ceiling counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CeilingKind {
    /// Requests per second, of all faults in force together.
    Qps,
    /// Seconds from injection to undo, of each fault.
    DurationSeconds,
    /// Connections or workers at the same time, of all faults in force together.
    Concurrency,
    /// Bytes that are written and kept while the fault is in force, of all faults in force together.
    Bytes,
}

impl CeilingKind {
    /// The words for it in messages.
    pub fn words(self) -> &'static str {
        match self {
            Self::Qps => "qps",
            Self::DurationSeconds => "duration in seconds",
            Self::Concurrency => "concurrency",
            Self::Bytes => "bytes",
        }
    }

    /// Whether faults in force at the same time add up; what lasts as long beside another fault lasts no longer.
    pub(super) fn adds_up(self) -> bool {
        match self {
            Self::Qps | Self::Concurrency | Self::Bytes => true,
            Self::DurationSeconds => false,
        }
    }

    /// The flag that raises the operator's limit.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Qps => "--max-qps",
            Self::DurationSeconds => "--max-duration",
            Self::Concurrency => "--max-concurrency",
            Self::Bytes => "--max-bytes",
        }
    }

    /// The least value that its flag takes and that is not below `value`.
    fn at_least(self, value: f64) -> Option<f64> {
        // 2 to the power of 32 and 64: what a whole number of the flag's type does not reach.
        let (value, end) = match self {
            Self::Qps | Self::DurationSeconds => (value, f64::INFINITY),
            Self::Concurrency => (value.ceil(), 4_294_967_296.0),
            Self::Bytes => (value.ceil(), 18_446_744_073_709_551_616.0),
        };
        (value < end).then_some(value)
    }
}

/// The most that a plan would use of something.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Ceiling {
    /// What is counted.
    pub kind: CeilingKind,
    /// How much at the most.
    pub value: f64,
}

impl Ceiling {
    /// Refuses what is above `limit`; a value that is not a number is above every limit.
    pub(super) fn check(self, limit: f64) -> Result<(), Refusal> {
        let Self { kind, value } = self;
        if value <= limit {
            return Ok(());
        }
        let flag = kind.at_least(value).map(|value| format!("{} {value}", kind.flag()));
        Err(Refusal::new(format!("{} {value} is above the ceiling of {limit}", kind.words()), flag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_flag_and_no_arithmetic_passes() {
        let rows = [
            (CeilingKind::Qps, 1000.0, 1000.0, Ok(())),
            (CeilingKind::Qps, 1000.5, 1000.0, Err(Some("--max-qps 1000.5"))),
            (CeilingKind::Qps, f64::INFINITY, 1000.0, Err(None)),
            (CeilingKind::Qps, f64::NAN, 1000.0, Err(None)),
            (CeilingKind::Qps, 1.0, f64::NAN, Err(Some("--max-qps 1"))),
            (CeilingKind::DurationSeconds, 700.0, 600.0, Err(Some("--max-duration 700"))),
            (CeilingKind::Concurrency, 65.0, 64.0, Err(Some("--max-concurrency 65"))),
            (CeilingKind::Concurrency, 65.5, 64.0, Err(Some("--max-concurrency 66"))),
            (CeilingKind::Concurrency, 5e9, 64.0, Err(None)),
            (CeilingKind::Bytes, 1e30, 1e9, Err(None)),
            (CeilingKind::Bytes, 2e12, 1e9, Err(Some("--max-bytes 2000000000000"))),
        ];
        for (kind, value, limit, want) in rows {
            let flag = Ceiling { kind, value }.check(limit).map_err(|refusal| refusal.flag);
            assert_eq!(flag, want.map_err(|flag| flag.map(str::to_owned)), "{kind:?} {value}");
        }
    }
}
