//! What a model concludes: an answer, and the claims that it rests on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// A measure as `results` names it, `capacity_qps`, or `difference_` and a measure.
    pub measure: String,
    /// Its value.
    pub value: f64,
    /// Its unit: `ms`, `s`, `qps`, `ratio`, `%` or `1`.
    pub unit: String,
    /// Numbers of the steps that support it; over several, a plain measure is their mean.
    pub steps: Vec<u32>,
}

/// What was concluded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conclusion {
    /// The answer, in a few sentences.
    pub answer: String,
    /// What the answer rests on.
    pub claims: Vec<Claim>,
    /// How sure: `low`, `medium` or `high`.
    #[serde(default)]
    pub confidence: Confidence,
    /// What was not tested, and so is not known.
    #[serde(default)]
    pub not_tested: Vec<String>,
}

/// How sure a model is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Confidence {
    /// Not very.
    #[default]
    Low,
    /// Rather.
    Medium,
    /// Very.
    High,
}

impl Confidence {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
