//! What there is to take in, and what a probe needs of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a source takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// Spans of traces.
    Spans,
    /// Samples of metrics.
    Metrics,
    /// Lines and records of logs.
    Logs,
}

impl fmt::Display for EvidenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spans => "spans",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        })
    }
}

/// What a probe needs of the sources of its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EvidenceNeed {
    /// What a source must take in.
    pub kind: EvidenceKind,
    /// The name of the source; any one will do where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}
