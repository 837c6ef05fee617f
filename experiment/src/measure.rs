//! Named measures, computed from what the engine recorded and from nothing else.

use std::collections::BTreeMap;

use chaos_core::{Answer, ChaosResult, LatencyReport, LoadReport, Observation};

/// The measures of one step, by name; the unit is the end of the name.
pub type Measures = BTreeMap<String, f64>;

/// The unit of a measure, from its name: `ms`, `qps`, `ratio`, `s`, or `1` for a count.
pub(crate) fn unit(name: &str) -> &'static str {
    const ENDS: [(&str, &str); 4] = [("_ms", "ms"), ("_qps", "qps"), ("_ratio", "ratio"), ("_seconds", "s")];
    ENDS.into_iter().find(|(end, _)| name.ends_with(end)).map_or("1", |(_, unit)| unit)
}

/// The least and the greatest value that a measure can have.
pub(crate) fn bounds(name: &str) -> (f64, f64) {
    let most = if name == "error_ratio" { 1.0 } else { f64::INFINITY };
    (0.0, most)
}

/// The least and the greatest value that the difference of a measure can have.
pub(crate) fn difference_bounds(name: &str) -> (f64, f64) {
    let (_, most) = bounds(name);
    (-most, most)
}

/// The name of a percentile of the response time: `response_p99_ms`, `response_p999_ms`.
pub(crate) fn response(percentile: &str) -> String {
    format!("response_p{}_ms", percentile.replace('.', ""))
}

/// The measures of a fault's result. Those of a load with a warm-up are of the requests after it.
pub(crate) fn of_result(result: &ChaosResult) -> Measures {
    let mut measures = Measures::new();
    measures.insert("elapsed_seconds".into(), result.elapsed_time);
    if let Some(load) = &result.load {
        of_load(load, &mut measures);
    }
    measures.retain(|_, value| value.is_finite());
    measures
}

/// The measures of an observation: whether the answer was yes, and the value where it is a number.
pub(crate) fn of_observation(seen: &Observation) -> Measures {
    let mut measures = Measures::from([("answer_yes".to_owned(), f64::from(u8::from(seen.answer == Answer::Yes)))]);
    if let Some(value) = seen.value.as_f64() {
        measures.insert("value".into(), value);
    }
    measures
}

fn of_load(load: &LoadReport, measures: &mut Measures) {
    let (requests, errors, service) = match &load.measured {
        Some(part) => (part.ok + part.errors, part.errors, &part.service),
        None => (load.counts.completed, load.counts.errors, &load.service),
    };
    let target = f64::from(load.request.qps.get());
    let mut put = |name: &str, value: f64| {
        measures.insert(name.to_owned(), value);
    };
    put("target_qps", target);
    put("achieved_qps", load.achieved_qps);
    put("achieved_ratio", load.achieved_qps / target);
    put("requests", number(requests));
    put("errors", number(errors));
    put("error_ratio", number(errors) / number(requests));
    put("timed_out", number(load.judged_timed_out()));
    put("timeout_ms", load.timeout_ms);
    put("retries", number(load.counts.retries));
    put("started", number(load.counts.started));
    put("missed", number(load.counts.missed));
    put("connections", f64::from(load.connections));
    put("generator_busy_ratio", load.generator_busy_ratio);
    put("backlog_ms", load.backlog_ms);
    latency("response", &load.judged_response(), &mut put);
    latency("service", service, &mut put);
    latency("start_lag", &load.start_lag, &mut put);
}

fn latency(kind: &str, times: &LatencyReport, put: &mut impl FnMut(&str, f64)) {
    if times.count == 0 {
        return;
    }
    for (word, value) in [("mean", times.mean_ms), ("min", times.min_ms), ("max", times.max_ms)] {
        put(&format!("{kind}_{word}_ms"), value);
    }
    for row in &times.percentiles {
        put(&format!("{kind}_p{}_ms", row.percentile.to_string().replace('.', "")), row.ms);
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn load() -> LoadReport {
        let times = |p99: f64| {
            json!({"count": 10, "min_ms": 1.0, "mean_ms": 2.0, "max_ms": 20.0, "percentiles": [
                {"percentile": 99.0, "ms": p99}, {"percentile": 99.9, "ms": 19.0}]})
        };
        let report = json!({
            "request": {"service_url": "http://h/", "qps": 100, "duration": "2s"},
            "generator": "embedded", "schedule": "open", "connections": 4, "started_at_ms": 0,
            "elapsed_seconds": 2.02, "achieved_qps": 99.0,
            "counts": {"scheduled": 200, "started": 200, "completed": 200, "missed": 0, "ok": 193, "errors": 7,
                "answered": 200, "late": 0, "retried": 0},
            "statuses": [], "failures": [], "bytes_sent": 0, "bytes_received": 0, "service_buckets": [],
            "response": times(500.0), "service": times(400.0), "start_lag": times(1.0),
            "backlog_ms": 20.0, "saturated": false, "generator_busy_ratio": 0.1,
            "measured": {"name": "measured", "start_seconds": 1.0, "ok": 98, "errors": 2,
                "response": times(10.0), "service": times(9.0)},
        });
        serde_json::from_value(report).unwrap()
    }

    #[test]
    fn figures_leave_the_warm_up_out() {
        let mut measures = Measures::new();
        of_load(&load(), &mut measures);
        assert!((measures["response_p99_ms"] - 10.0).abs() < 1e-9);
        assert_eq!((measures["requests"], measures["error_ratio"]), (100.0, 0.02));
        assert_eq!((measures["achieved_ratio"], measures["response_p999_ms"]), (0.99, 19.0));
        assert!((measures["backlog_ms"] - 20.0).abs() < 1e-9);

        let mut whole = load();
        whole.measured = None;
        let mut measures = Measures::new();
        of_load(&whole, &mut measures);
        assert_eq!((measures["response_p99_ms"], measures["errors"]), (500.0, 7.0));
    }

    #[test]
    fn the_unit_is_the_end_of_the_name() {
        let rows = [("response_p99_ms", "ms"), ("achieved_qps", "qps"), ("error_ratio", "ratio"), ("requests", "1")];
        assert!(rows.iter().all(|(name, want)| unit(name) == *want));
        assert_eq!(response("99.9"), "response_p999_ms");
    }
}
