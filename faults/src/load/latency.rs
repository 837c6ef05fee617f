//! From the engine's latencies to those of a report.

use std::time::Duration;

use chaos_core::{LatencyReport, PercentileMs};
use chaos_load::Latency;

pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(super) fn latency(latency: &Latency) -> LatencyReport {
    let known = |time: Option<Duration>| ms(time.unwrap_or_default());
    let row = |(percentile, time)| PercentileMs { percentile, ms: ms(time) };
    LatencyReport {
        count: latency.count(),
        min_ms: known(latency.min()),
        mean_ms: known(latency.mean()),
        max_ms: known(latency.max()),
        percentiles: latency.percentiles().map(row).collect(),
    }
}
