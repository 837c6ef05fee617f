//! What a probe answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Yes, no, or the probe could not tell (Kleene's third value).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// The question could not be asked.
    Unknown,
}

impl Answer {
    /// Kleene "and": no beats unknown beats yes.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            _ => Self::Yes,
        }
    }

    /// Kleene "or": yes beats unknown beats no.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    /// Kleene "not": unknown stays unknown.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "it stands beside `and` and `or`, which are no operators")]
    pub fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// What a probe saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Observation {
    /// The answer.
    pub answer: Answer,
    /// The figure or text behind it; `null` where there is none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
    /// One clause that says what was seen.
    pub detail: String,
}

impl Observation {
    /// It holds.
    pub fn yes(detail: impl Into<String>) -> Self {
        Self { answer: Answer::Yes, value: Value::Null, detail: detail.into() }
    }

    /// It does not hold.
    pub fn no(detail: impl Into<String>) -> Self {
        Self { answer: Answer::No, value: Value::Null, detail: detail.into() }
    }

    /// The question could not be asked.
    pub fn unknown(detail: impl Into<String>) -> Self {
        Self { answer: Answer::Unknown, value: Value::Null, detail: detail.into() }
    }

    /// Adds the figure or text behind the answer.
    #[must_use]
    pub fn with_value(mut self, value: impl Into<Value>) -> Self {
        self.value = value.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Answer::{self, No, Unknown, Yes};

    #[test]
    fn kleene_tables_hold() {
        let and =
            [(Yes, Yes, Yes), (Yes, No, No), (Yes, Unknown, Unknown), (No, Unknown, No), (Unknown, Unknown, Unknown)];
        for (a, b, want) in and {
            assert_eq!((a.and(b), b.and(a)), (want, want), "{a:?} and {b:?}");
        }
        let or = [(Yes, Unknown, Yes), (No, Unknown, Unknown), (No, No, No), (Yes, No, Yes)];
        for (a, b, want) in or {
            assert_eq!((a.or(b), b.or(a)), (want, want), "{a:?} or {b:?}");
        }
        assert_eq!([Yes, No, Unknown].map(Answer::not), [No, Yes, Unknown]);
    }
}
