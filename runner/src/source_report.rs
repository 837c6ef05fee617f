//! What a source of evidence took in, as the report says it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a source of a run took in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// Its `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it took from, in one clause.
    pub from: String,
    /// How many spans, samples, and lines it took in.
    pub taken: u64,
    /// How many of them were not kept, or could not be read.
    pub dropped: u64,
    /// What else is to be said, such as the first reason for a drop; empty where nothing is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}
