//! What a check of the world found.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that was observed in the world: a sentence for people, data for programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Evidence {
    /// One clause, such as "process 71 is stopped (state T)".
    pub summary: String,
    /// The same as data; `null` where the clause says it all.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

impl Evidence {
    /// Evidence that is just a clause.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), data: Value::Null }
    }

    /// Adds the same as data.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = data;
        self
    }
}

/// Whether a fault is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// The fault is in the world.
    Present,
    /// The fault is not in the world.
    Absent,
    /// The look itself failed, so nothing is known.
    Unknown,
}

/// The answer of [`crate::Fault::witness`]: a read-only check of the world, never of the injector's own record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Sighting {
    /// Whether the fault is there.
    pub presence: Presence,
    /// What was seen.
    pub evidence: Evidence,
}

impl Sighting {
    /// The fault is there, and this shows it.
    pub fn present(evidence: Evidence) -> Self {
        Self { presence: Presence::Present, evidence }
    }

    /// The fault is not there, and this shows it.
    pub fn absent(evidence: Evidence) -> Self {
        Self { presence: Presence::Absent, evidence }
    }

    /// The look failed, for the reason given.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self { presence: Presence::Unknown, evidence: Evidence::new(why) }
    }
}
