//! Exact latencies as they stand in a result file.

use std::time::Duration;

use chaos_load::Latency;
use serde::{Deserialize, Serialize};

/// Latencies as they stand in a result file, in seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct LatencyData {
    /// Calls.
    pub count: u64,
    /// Shortest.
    pub min: f64,
    /// Mean.
    pub mean: f64,
    /// Longest.
    pub max: f64,
    /// Percentiles, exact to 0.1 %.
    pub percentiles: Vec<LatencyRow>,
}

/// One percentile, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct LatencyRow {
    /// Which one.
    pub percentile: f64,
    /// Its value.
    pub value: f64,
}

impl LatencyData {
    /// What a result file holds of a latency.
    pub fn of(latency: &Latency) -> Self {
        let seconds = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64();
        let row = |(percentile, value): (f64, Duration)| LatencyRow { percentile, value: value.as_secs_f64() };
        Self {
            count: latency.count(),
            min: seconds(latency.min()),
            mean: seconds(latency.mean()),
            max: seconds(latency.max()),
            percentiles: latency.percentiles().map(row).collect(),
        }
    }
}
