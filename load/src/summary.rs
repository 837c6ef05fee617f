//! The result of a run in a few lines for people and models.

use std::fmt;
use std::time::Duration;

use crate::result::{LatencyKind, LoadResult};

/// Most kinds of failures that are listed.
const SHOWN: usize = 5;

/// Writes a latency with three digits after the point, in milliseconds.
struct Millis(Option<Duration>);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(time) => write!(f, "{:.3} ms", time.as_secs_f64() * 1e3),
            None => f.write_str("-"),
        }
    }
}

/// Writes the summary: bounded in length, equal failures counted, never repeated.
impl fmt::Display for LoadResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cold) = &self.warmup_failure {
            return write!(f, "no load: the first request failed ({})", cold.cause);
        }
        if let Some(complaint) = &self.engine_failure {
            return write!(f, "no load: {complaint}");
        }
        let counts = &self.counts;
        let target = self.target_qps.map_or_else(|| "max".to_owned(), |qps| format!("{qps}"));
        let elapsed = Duration::from_millis(u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX));
        let cut = if self.interrupted { ", interrupted" } else { "" };
        writeln!(
            f,
            "{} requests in {elapsed:?}{cut}: target {target} qps, achieved {:.1}",
            counts.completed, self.achieved_qps
        )?;
        writeln!(
            f,
            "scheduled {}, started {}, completed {}, missed {}, ok {}, errors {}",
            counts.scheduled, counts.started, counts.completed, counts.missed, counts.ok, counts.errors
        )?;
        if counts.retries > 0 {
            writeln!(f, "retries {}: sent once more, as the server had not taken them", counts.retries)?;
        }
        for (name, kind) in [
            ("response", LatencyKind::Response),
            ("service", LatencyKind::Service),
            ("start lag", LatencyKind::StartLag),
        ] {
            let at = |percentile| Millis(self.percentile(kind, percentile));
            writeln!(f, "{name}: p50 {}, p99 {}, max {}", at(50.0), at(99.0), Millis(self.latency(kind).max()))?;
        }
        if self.saturated {
            writeln!(f, "saturated: requests waited for a connection, so the response time is what a user would feel")?;
        }
        for phase in &self.phases {
            let at = |percentile| Millis(phase.response.percentile(percentile));
            writeln!(
                f,
                "phase {}: {} ok, {} errors, response p50 {}, p99 {}",
                phase.name,
                phase.ok,
                phase.errors,
                at(50.0),
                at(99.0)
            )?;
        }
        for failure in self.failures.iter().take(SHOWN) {
            writeln!(f, "{} x {} (first: {})", failure.count, failure.kind, failure.first)?;
        }
        if self.failures.len() > SHOWN {
            writeln!(f, "and {} more kinds of failures", self.failures.len() - SHOWN)?;
        }
        Ok(())
    }
}
