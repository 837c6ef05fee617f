//! Named measures, computed from what the engine recorded and from nothing else.

use std::collections::BTreeMap;

use chaos_core::{Answer, ChaosResult, DurationText, Observation};
use serde_json::Value;

/// The measures of one step, by name; the unit is the end of the name.
pub type Measures = BTreeMap<String, f64>;

/// The unit of a measure, from its name: `ms`, `qps`, `ratio`, `s`, or `1` for a count.
pub(crate) fn unit(name: &str) -> &'static str {
    const ENDS: [(&str, &str); 4] = [("_ms", "ms"), ("_qps", "qps"), ("_ratio", "ratio"), ("_seconds", "s")];
    ENDS.into_iter().find(|(end, _)| name.ends_with(end)).map_or("1", |(_, unit)| unit)
}

/// The name of a percentile of the response time: `response_p99_ms`, `response_p999_ms`.
pub(crate) fn response(percentile: &str) -> String {
    format!("response_p{}_ms", percentile.replace('.', ""))
}

/// The measures of a fault's result. Those of a load with a warm-up are of the requests after it.
pub(crate) fn of_result(action: &Value, result: &ChaosResult) -> Measures {
    let mut measures = Measures::new();
    measures.insert("elapsed_seconds".into(), result.elapsed_time);
    if let Some(load) = &result.load {
        of_load(action, load, &mut measures);
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

fn of_load(action: &Value, load: &Value, measures: &mut Measures) {
    let ours = &load["ChaosLoad"];
    let (requests, errors, part) = if let Some(part) = ours.get("Measured") {
        let errors = number(&part["Errors"]);
        (number(&part["Ok"]).zip(errors).map(|(ok, errors)| ok + errors), errors, part)
    } else {
        (number(&ours["Completed"]), number(&load["ErrorsDurationHistogram"]["Count"]), ours)
    };
    let mut put = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            measures.insert(name.to_owned(), value);
        }
    };
    let target = load["RequestedQPS"].as_str().and_then(|qps| qps.parse().ok());
    let achieved = number(&load["ActualQPS"]);
    put("target_qps", target);
    put("achieved_qps", achieved);
    put("achieved_ratio", achieved.zip(target).map(|(achieved, target): (f64, f64)| achieved / target));
    put("requests", requests);
    put("errors", errors);
    put(
        "error_ratio",
        errors.zip(requests).filter(|(_, requests)| *requests > 0.0).map(|(errors, requests)| errors / requests),
    );
    put("started", number(&ours["Started"]));
    put("missed", number(&ours["Missed"]));
    put("connections", number(&load["NumThreads"]));
    put("generator_busy_ratio", number(&ours["GeneratorBusy"]));
    let planned = action["target"]["duration"].as_str().and_then(|text| text.parse::<DurationText>().ok());
    let took = number(&load["ActualDuration"]).map(|nanos| nanos / 1e6);
    put("backlog_ms", took.zip(planned).map(|(took, planned)| took - planned.get().as_secs_f64() * 1e3));
    latency("response", &part["Response"], &mut put);
    latency("service", &part["Service"], &mut put);
    latency("start_lag", &ours["StartLag"], &mut put);
}

fn latency(kind: &str, data: &Value, put: &mut impl FnMut(&str, Option<f64>)) {
    let millis = |value: &Value| number(value).map(|seconds| seconds * 1e3);
    if data["Count"].as_u64().unwrap_or(0) == 0 {
        return;
    }
    for (word, key) in [("mean", "Mean"), ("min", "Min"), ("max", "Max")] {
        put(&format!("{kind}_{word}_ms"), millis(&data[key]));
    }
    for row in data["Percentiles"].as_array().into_iter().flatten() {
        if let Some(percentile) = number(&row["Percentile"]) {
            put(&format!("{kind}_p{}_ms", percentile.to_string().replace('.', "")), millis(&row["Value"]));
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn load() -> Value {
        let times = |p99: f64| {
            json!({"Count": 10, "Min": 0.001, "Mean": 0.002, "Max": 0.02, "Percentiles": [
                {"Percentile": 99.0, "Value": p99}, {"Percentile": 99.9, "Value": 0.019}]})
        };
        json!({
            "RequestedQPS": "100", "ActualQPS": 99.0, "ActualDuration": 2_020_000_000_u64, "NumThreads": 4,
            "ErrorsDurationHistogram": {"Count": 7},
            "ChaosLoad": {
                "Completed": 200, "Started": 200, "Missed": 0, "GeneratorBusy": 0.1,
                "Response": times(0.5), "Service": times(0.4), "StartLag": times(0.001),
                "Measured": {"Ok": 98, "Errors": 2, "Response": times(0.01), "Service": times(0.009)},
            }
        })
    }

    #[test]
    fn figures_leave_the_warm_up_out() {
        let mut measures = Measures::new();
        of_load(&json!({"target": {"duration": "2s"}}), &load(), &mut measures);
        assert!((measures["response_p99_ms"] - 10.0).abs() < 1e-9);
        assert_eq!((measures["requests"], measures["error_ratio"]), (100.0, 0.02));
        assert_eq!((measures["achieved_ratio"], measures["response_p999_ms"]), (0.99, 19.0));
        assert!((measures["backlog_ms"] - 20.0).abs() < 1e-9);

        let mut whole = load();
        whole["ChaosLoad"].as_object_mut().unwrap().remove("Measured");
        let mut measures = Measures::new();
        of_load(&json!({}), &whole, &mut measures);
        assert_eq!((measures["response_p99_ms"], measures["errors"]), (500.0, 7.0));
        assert!(!measures.contains_key("backlog_ms"));
    }

    #[test]
    fn the_unit_is_the_end_of_the_name() {
        let rows = [("response_p99_ms", "ms"), ("achieved_qps", "qps"), ("error_ratio", "ratio"), ("requests", "1")];
        assert!(rows.iter().all(|(name, want)| unit(name) == *want));
        assert_eq!(response("99.9"), "response_p999_ms");
    }
}
