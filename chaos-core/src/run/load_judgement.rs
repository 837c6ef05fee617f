//! How the response times of a load are judged: over the requests that were answered well, and those that were given up.
//!
//! A server that fails fast has short response times and serves nobody, so a failed request has no say in a percentile;
//! how many may fail is a bound of its own. A request that was given up took at least its timeout, perhaps for ever.

use std::fmt;

use super::load_latency::{LatencyReport, PercentileMs};
use super::load_report::{LoadFailure, LoadFailureKind, LoadReport};

/// The share of failed requests that an SLO of the response time allows where no bound is named: 1 %.
pub const DEFAULT_ERROR_RATIO: f64 = 0.01;

/// Causes that a text names; the others are "others".
const CAUSES: usize = 3;
/// A tail so many times the median is not the spread of one service.
const TAIL: f64 = 20.0;
/// A shorter tail than this, in milliseconds, is what busy machines do.
const LONG_MS: f64 = 500.0;

/// Failures in words, the most frequent first: `status 500 (1200), timeout (3)`.
#[derive(Debug, Clone, Copy)]
pub struct FailureCauses<'a>(pub &'a [LoadFailure]);

impl fmt::Display for FailureCauses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, failure) in self.0.iter().take(CAUSES).enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{} ({})", failure.cause, failure.count)?;
        }
        match self.0.iter().skip(CAUSES).map(|failure| failure.count).sum::<u64>() {
            0 => Ok(()),
            others => write!(f, ", others ({others})"),
        }
    }
}

/// Connections that wait while others are served at once, as a server with one worker for each connection leaves them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnservedConnections {
    /// Half of the requests took at most this long.
    pub median_ms: f64,
    /// One of a hundred took at least this long.
    pub tail_ms: f64,
    /// Connections that were offered.
    pub connections: u32,
}

impl fmt::Display for UnservedConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median_ms, tail_ms, connections } = self;
        write!(
            f,
            "half of the requests took {median_ms:.0} ms and 1 of 100 took {tail_ms:.0} ms or more, as when connections \
             wait that the server does not serve: it may serve fewer than {connections} at once; try a lower `concurrency`"
        )
    }
}

impl LoadReport {
    /// Failures of the requests that count: those after the warm-up, where there was one.
    pub fn judged_failures(&self) -> &[LoadFailure] {
        self.measured.as_ref().map_or(&self.failures, |part| &part.failures)
    }

    /// Response times of the requests that were answered well or given up, after the warm-up where there was one.
    ///
    /// Where so many were given up that a percentile lies among them, it is at least the timeout.
    pub fn judged_response(&self) -> LatencyReport {
        let (good, all, ok) = match &self.measured {
            Some(part) => (&part.ok_response, &part.response, part.ok),
            None => (&self.ok_response, &self.response, self.counts.ok),
        };
        let late = self.judged_timed_out();
        // Reports of earlier versions have no times of their own for what was answered well.
        let good = if good.count == 0 && ok > 0 { all } else { good };
        if late == 0 {
            return good.clone();
        }
        let count = ok + late;
        let timeout = self.timeout_ms;
        let row = |row: &PercentileMs| {
            let at = good.percentile(row.percentile).unwrap_or(0.0).max(row.ms);
            let given_up = share(late, count) > 1.0 - row.percentile / 100.0 + 1e-9;
            PercentileMs { percentile: row.percentile, ms: if given_up { at.max(timeout) } else { at } }
        };
        LatencyReport {
            count,
            min_ms: if ok > 0 { good.min_ms } else { all.min_ms },
            mean_ms: share(ok, count) * good.mean_ms + share(late, count) * timeout,
            max_ms: good.max_ms.max(all.max_ms),
            percentiles: all.percentiles.iter().map(row).collect(),
        }
    }

    /// Requests that were given up at the timeout, after the warm-up where there was one.
    pub fn judged_timed_out(&self) -> u64 {
        match &self.measured {
            Some(part) => part.timed_out(),
            None => self.counts.timed_out.max(self.failed_as(LoadFailureKind::Timeout)),
        }
    }

    /// Whether it looks as if the server left connections unserved while it served others at once.
    pub fn unserved_connections(&self) -> Option<UnservedConnections> {
        let service = self.measured.as_ref().map_or(&self.service, |part| &part.service);
        let (median_ms, tail_ms) = (service.percentile(50.0)?, service.percentile(99.0)?);
        let apart = tail_ms >= LONG_MS && tail_ms >= TAIL * median_ms;
        (self.connections > 1 && apart).then_some(UnservedConnections {
            median_ms,
            tail_ms,
            connections: self.connections,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn times(count: u64, p50: f64, p99: f64) -> serde_json::Value {
        let rows = json!([{"percentile": 50.0, "ms": p50}, {"percentile": 99.0, "ms": p99}]);
        json!({"count": count, "min_ms": 1.0, "mean_ms": p50, "max_ms": p99, "percentiles": rows})
    }

    /// A load of 1,000 requests: of all of them, of those that were answered well, and how many were given up.
    fn load(all: &serde_json::Value, good: &serde_json::Value, late: u64) -> LoadReport {
        let ok = good["count"].as_u64().unwrap();
        serde_json::from_value(json!({
            "request": {"service_url": "http://h/"}, "generator": "embedded", "schedule": "open", "connections": 64,
            "started_at_ms": 0, "elapsed_seconds": 2.0, "achieved_qps": 99.0, "timeout_ms": 3000.0,
            "counts": {"scheduled": 1000, "started": 1000, "completed": 1000, "missed": 0, "ok": ok,
                "errors": 1000 - ok, "answered": 1000 - late, "late": 0, "timed_out": late, "retries": 0},
            "statuses": [], "failures": [], "bytes_sent": 0, "bytes_received": 0, "service": all,
            "service_buckets": [], "response": all, "ok_response": good, "start_lag": times(0, 0.0, 0.0),
            "backlog_ms": 0.0, "saturated": false, "generator_busy_ratio": 0.1,
        }))
        .unwrap()
    }

    #[test]
    fn failing_fast_has_no_say_in_a_percentile_and_giving_up_is_never_fast() {
        // Half of them failed within 1 ms.
        let p = |load: LoadReport, p: f64| load.judged_response().percentile(p);
        let half = || load(&times(1000, 1.0, 300.0), &times(500, 250.0, 400.0), 0);
        assert_eq!((p(half(), 50.0), p(half(), 99.0)), (Some(250.0), Some(400.0)));
        // All of them did.
        assert_eq!(
            p(
                load(
                    &times(1000, 1.0, 2.0),
                    &json!({"count": 0, "min_ms": 0.0, "mean_ms": 0.0, "max_ms": 0.0,
            "percentiles": []}),
                    0
                ),
                99.0
            ),
            None
        );
        // Every twentieth was given up, and 45 % failed fast beside it.
        let late = || load(&times(1000, 1.0, 2.0), &times(500, 10.0, 20.0), 50);
        assert_eq!((p(late(), 50.0), p(late(), 99.0)), (Some(10.0), Some(3000.0)));
    }

    #[test]
    fn a_tail_of_seconds_above_a_median_of_milliseconds_names_concurrency() {
        let seen = |p50, p99| load(&times(1000, p50, p99), &times(1000, p50, p99), 0).unserved_connections();
        let text = seen(10.0, 1800.0).unwrap().to_string();
        assert!(text.contains("fewer than 64 at once; try a lower `concurrency`"), "{text}");
        // Overload moves the median too, and 200 ms does not show a connection that waits.
        assert_eq!((seen(900.0, 1800.0), seen(2.0, 200.0)), (None, None));
    }

    #[test]
    fn causes_are_named_with_their_counts() {
        let row = |cause: &str, count| LoadFailure { cause: cause.to_owned(), count, ..LoadFailure::default() };
        let rows = [row("status 500", 1200), row("timeout", 3), row("connection reset", 2), row("answer cut short", 1)];
        assert_eq!(FailureCauses(&rows[..1]).to_string(), "status 500 (1200)");
        assert_eq!(
            FailureCauses(&rows).to_string(),
            "status 500 (1200), timeout (3), connection reset (2), others (1)"
        );
    }
}
