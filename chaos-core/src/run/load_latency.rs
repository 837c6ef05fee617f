//! The times of many requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The times of many requests, in milliseconds; empty without requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyReport {
    /// Requests.
    pub count: u64,
    /// Shortest.
    pub min_ms: f64,
    /// Mean.
    pub mean_ms: f64,
    /// Longest.
    pub max_ms: f64,
    /// Percentiles, ascending, within 0.1 % of the truth.
    pub percentiles: Vec<PercentileMs>,
}

impl LatencyReport {
    /// A percentile (0 to 100) that the report holds.
    pub fn percentile(&self, percentile: f64) -> Option<f64> {
        let row = self.percentiles.iter().find(|row| row.percentile.total_cmp(&percentile).is_eq())?;
        Some(row.ms)
    }
}

/// One percentile, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PercentileMs {
    /// Which one, 0 to 100.
    pub percentile: f64,
    /// Its value.
    pub ms: f64,
}
