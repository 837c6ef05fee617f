use std::collections::BTreeMap;

use super::client::Client;
use super::*;
use crate::log_store::{LogQuery, LogStore};
use crate::metric_store::{Ask, MetricQuery, MetricStore};

/// Labels beside the one that all points have.
type Labels<'a> = &'a [(&'a str, &'a str)];

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

impl Up {
    async fn send(&self, path: &str, body: serde_json::Value) -> serde_json::Value {
        let reply = Client::http1(self.port()).await.send("POST", path, JSON, body.to_string().into_bytes()).await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        serde_json::from_slice(&reply.body).unwrap()
    }

    /// The last value of each series of that name.
    fn last(&self, name: &str) -> Vec<(String, BTreeMap<String, String>, f64)> {
        let labels = BTreeMap::new();
        let window = Window { from: Moment(i64::MIN), to: Moment::now(self.scope.cx().clock()) };
        let query = MetricQuery {
            name,
            labels: &labels,
            source: Some("app"),
            origin: None,
            without: &[],
            ask: Ask::Value,
            window,
        };
        let answer = self.scope.cx().services().get::<MetricStore>().ask(&query);
        let series = answer.series.into_iter();
        series.map(|series| (series.origin, series.labels, series.bounds.low)).collect()
    }
}

fn resource() -> serde_json::Value {
    let pair = |key, value| json!({"key": key, "value": {"stringValue": value}});
    json!({"attributes": [pair("service.name", "shop"), pair("service.instance.id", "n2")]})
}

fn nanos(before: u64) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    (now - u128::from(before) * 1_000_000).to_string()
}

#[tokio::test]
async fn metrics_of_every_type_become_samples() {
    let up = Up::new().await;
    let point = |value: serde_json::Value| {
        let mut point = json!({
            "startTimeUnixNano": nanos(5_000), "timeUnixNano": nanos(10),
            "attributes": [{"key": "code", "value": {"intValue": "500"}}],
        });
        point.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        json!([point])
    };
    let buckets = json!({
        "count": "6", "sum": 1.5, "min": 0.05, "max": 1.25, "bucketCounts": ["1", "2", "3"], "explicitBounds": [0.1, 1.0],
    });
    // One zero, one in (1, 2], two in (4, 8]; one in [-4, -2).
    let exponential = json!({
        "count": "5", "sum": 2.5, "scale": 0, "zeroCount": "1", "min": -3.0, "max": 5.5,
        "positive": {"offset": 0, "bucketCounts": ["1", "0", "2"]}, "negative": {"offset": 1, "bucketCounts": ["1"]},
    });
    let summary = json!({"count": "9", "sum": 3.0, "quantileValues": [{"quantile": 0.99, "value": 0.7}]});
    let body = json!({"resourceMetrics": [{"resource": resource(), "scopeMetrics": [{"metrics": [
        {"name": "depth", "gauge": {"dataPoints": point(json!({"asDouble": 2.5}))}},
        {"name": "errors", "sum": {"dataPoints": point(json!({"asInt": "7"})), "aggregationTemporality": 2, "isMonotonic": true}},
        {"name": "steps", "sum": {"dataPoints": point(json!({"asInt": "3"})), "aggregationTemporality": 1, "isMonotonic": true}},
        {"name": "time", "histogram": {"dataPoints": point(buckets), "aggregationTemporality": 2}},
        {"name": "size", "exponentialHistogram": {"dataPoints": point(exponential), "aggregationTemporality": 2}},
        {"name": "old", "summary": {"dataPoints": point(summary)}},
        // What can't be kept: no temporality, and no value.
        {"name": "bad", "sum": {"dataPoints": point(json!({"asInt": "7"})), "isMonotonic": true}},
        {"name": "empty", "gauge": {"dataPoints": point(json!({}))}},
    ]}]}]});
    let answer = up.send("/v1/metrics", body).await;
    assert_eq!(answer["partialSuccess"]["rejectedDataPoints"], 2, "{answer}");
    let labels = |more: &[(&str, &str)]| {
        let all = [("code", "500")].into_iter().chain(more.iter().copied());
        all.map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>()
    };
    let rows: [(&str, Labels<'_>, f64); 14] = [
        ("depth", &[], 2.5),
        ("errors", &[], 7.0),
        ("steps", &[], 3.0),
        ("time_count", &[], 6.0),
        ("time_sum", &[], 1.5),
        ("time_min", &[], 0.05),
        ("time_max", &[], 1.25),
        ("size_min", &[], -3.0),
        ("size_max", &[], 5.5),
        ("size_count", &[], 5.0),
        ("size_sum", &[], 2.5),
        ("old", &[("quantile", "0.99")], 0.7),
        ("old_count", &[], 9.0),
        ("old_sum", &[], 3.0),
    ];
    for (name, more, value) in rows {
        assert_eq!(up.last(name), [("n2".to_owned(), labels(more), value)], "{name}");
    }
    let buckets = |name: &str| {
        let end = |labels: &BTreeMap<String, String>| labels["le"].parse::<f64>().unwrap();
        let mut all: Vec<_> = up.last(name).into_iter().map(|(_, labels, value)| (end(&labels), value)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all
    };
    assert_eq!(buckets("time_bucket"), [(0.1, 1.0), (1.0, 3.0), (f64::INFINITY, 6.0)]);
    let size = [
        (-4.0, 0.0),
        (-2.0, 1.0),
        (-5e-324, 1.0),
        (5e-324, 2.0),
        (1.0, 2.0),
        (2.0, 3.0),
        (4.0, 3.0),
        (8.0, 5.0),
        (f64::INFINITY, 5.0),
    ];
    assert_eq!(buckets("size_bucket"), size);
    assert!(up.last("bad").is_empty() && up.last("empty").is_empty());
    let end = up.running.stop().await;
    assert_eq!((end.taken, end.dropped), (20, 2));
}

#[tokio::test]
async fn log_records_become_lines() {
    let up = Up::new().await;
    let record = json!({
        "timeUnixNano": nanos(20), "severityNumber": 17, "body": {"stringValue": "disk full"},
        "attributes": [{"key": "errno", "value": {"intValue": "28"}}],
    });
    let map = json!({"body": {"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": true}}]}}});
    let body = json!({"resourceLogs": [{"resource": resource(), "scopeLogs": [{"logRecords": [record, map]}]}]});
    assert_eq!(up.send("/v1/logs", body).await, json!({}));
    let store = up.scope.cx().services().get::<LogStore>();
    let window = Window { from: Moment(i64::MIN), to: Moment::now(up.scope.cx().clock()) };
    let query = LogQuery { source: Some("app"), origin: Some("n2"), without: &[], window };
    let mut lines = Vec::new();
    let answer = store.ask(&query, |line| {
        lines.push(line.clone());
        true
    });
    assert_eq!((answer.certain, answer.holes.len()), (2, 0));
    let (full, map) = (&lines[0], &lines[1]);
    assert_eq!(
        (&*full.text, full.severity, &*full.attributes[0].0, &*full.attributes[0].1),
        ("disk full", Some(17), "errno", "28")
    );
    assert!(full.at < map.at, "the second has no time of its own");
    assert_eq!((&*map.text, map.severity), ("{\"a\":true}", None));
    let reply = Client::http1(up.port()).await.send("POST", "/v1/logs", JSON, b"{".to_vec()).await;
    assert_eq!((reply.status, store.losses("app").count()), (400, 1));
}

#[tokio::test]
async fn what_comes_in_and_what_can_not_be_read_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let scope = run_context().workspace(folder.path()).scope();
    let up = Up::within(scope, json!({"max_spans": 9, "max_bytes": 100_000, "record": "past.jsonl"})).await;
    let mut client = Client::http1(up.port()).await;
    for path in ["/v1/traces", "/v1/metrics", "/v1/logs"] {
        assert_eq!(client.send("POST", path, JSON, b"{".to_vec()).await.status, 400);
    }
    let spans = serde_json::to_vec(&request()).unwrap();
    assert_eq!(client.send("POST", "/v1/traces", JSON, spans).await.status, 200);
    let (point, record) = (json!({"asDouble": 2.5}), json!({"body": {"stringValue": "disk full"}}));
    let gauge = json!([{"metrics": [{"name": "depth", "gauge": {"dataPoints": [point, {}]}}]}]);
    up.send("/v1/metrics", json!({"resourceMetrics": [{"resource": resource(), "scopeMetrics": gauge}]})).await;
    let logs = json!([{"logRecords": [record]}]);
    up.send("/v1/logs", json!({"resourceLogs": [{"resource": resource(), "scopeLogs": logs}]})).await;
    let end = up.running.stop().await;
    assert_eq!((end.taken, end.dropped), (7, 4), "{end:?}");
    let path = folder.path().join("past.jsonl");
    let want =
        ["began", "unreadable", "lost_samples", "lost_lines", "spans", "samples", "lost_samples", "lines", "ended"];
    assert_eq!(crate::recording::kinds_of(&path), want);
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(r#""kept":{"spans":9,"span_bytes":100000}"#), "{text}");
}
