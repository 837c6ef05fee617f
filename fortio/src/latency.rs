//! Exact latencies as they stand in a result file.

use std::time::Duration;

use chaos_load::Latency;
use serde::{Deserialize, Serialize};

/// Percentiles that every file holds.
const SHOWN: [f64; 9] = [1.0, 10.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99];

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
        let row = |&p: &f64| LatencyRow { percentile: p, value: seconds(latency.percentile(p)) };
        Self {
            count: latency.count(),
            min: seconds(latency.min()),
            mean: seconds(latency.mean()),
            max: seconds(latency.max()),
            percentiles: if latency.count() == 0 { Vec::new() } else { SHOWN.iter().map(row).collect() },
        }
    }
}
