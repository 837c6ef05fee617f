use std::borrow::Cow;
use std::time::Duration;

use chaos_core::Stage;
use chaos_evidence::{Batch, ExponentialBuckets, MetricKind, Moment, Reading, Sample};
use chaos_test::run_context;

use super::*;

/// A sample's name, labels and value.
type Exposed<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

fn scrape(cx: &RunContext, target: &str, samples: &[Exposed<'_>]) {
    let at = Moment::now(cx.clock());
    let sample = |(name, labels, value): &(&'static str, &[(&str, &str)], f64)| Sample {
        name: Cow::from(*name),
        labels: labels
            .iter()
            .map(|(key, value)| (Cow::from((*key).to_owned()), Cow::from((*value).to_owned())))
            .collect(),
        kind: MetricKind::Counter,
        reading: Reading::Is(*value),
        at: None,
        began: None,
    };
    let samples: Vec<_> = samples
        .iter()
        .map(|(name, labels, value)| {
            let name: &'static str = Box::leak((*name).to_owned().into_boxed_str());
            sample(&(name, labels, *value))
        })
        .collect();
    cx.services().get::<MetricStore>().record(Batch { source: "app", origin: target, at, whole: true }, samples);
}

fn probe(keys: &serde_json::Value) -> Metric {
    let mut all = json!({"metric": "changes_total"});
    all.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    serde_json::from_value(all).unwrap()
}

async fn pass(cx: &RunContext, seconds: u64) {
    cx.clock().sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_rise_before_the_fault_detects_nothing_and_one_after_it_does() {
    let scope = run_context().virtual_time().scope();
    let entry = scope.entry("chaos_spec/0", "kill");
    let cx = entry.cx();
    let rose = json!({"value": "increase", "above": 0});
    let answer = async |keys: &serde_json::Value| probe(keys).observe(cx).await.answer;
    assert_eq!(answer(&rose).await, Answer::Unknown, "there is no such series");
    scrape(cx, "n2", &[("changes_total", &[], 1.0)]);
    pass(cx, 1).await;
    scrape(cx, "n2", &[("changes_total", &[], 2.0)]);
    assert_eq!(answer(&rose).await, Answer::Yes);
    pass(cx, 1).await;
    entry.edge(Stage::InForce);
    assert_eq!(answer(&rose).await, Answer::Unknown, "no sample yet");
    pass(cx, 1).await;
    scrape(cx, "n2", &[("changes_total", &[], 2.0)]);
    assert_eq!(answer(&rose).await, Answer::No);
    pass(cx, 1).await;
    scrape(cx, "n2", &[("changes_total", &[], 3.0)]);
    let seen = probe(&rose).observe(cx).await;
    assert_eq!((seen.answer, &seen.value), (Answer::Yes, &json!(1.0)));
    assert_eq!(seen.detail, "increase of `changes_total` is 1 of `n2`");
    assert_eq!(answer(&json!({"value": "increase", "equals": 1})).await, Answer::Yes);
    assert_eq!(answer(&json!({"value": "rate", "above": 0.25, "below": 2})).await, Answer::Yes);
    // A target that falls silent may have risen by more, but not by less.
    cx.services().get::<MetricStore>().gap("app", "n2", Moment::now(cx.clock()), "connection refused");
    assert_eq!(answer(&rose).await, Answer::Yes);
    assert_eq!(answer(&json!({"value": "increase", "below": 5})).await, Answer::Unknown);
    assert_eq!(answer(&json!({"above": 0})).await, Answer::Unknown);
}

#[tokio::test(start_paused = true)]
async fn several_series_are_one_as_the_author_says() {
    let scope = run_context().virtual_time().scope();
    let cx = scope.cx();
    for (target, first, last) in [("n1", 1.0, 2.0), ("n2", 1.0, 4.0)] {
        scrape(cx, target, &[("changes_total", &[], first)]);
        pass(cx, 1).await;
        scrape(cx, target, &[("changes_total", &[], last)]);
    }
    let rows = [
        (json!({"value": "increase", "equals": 4}), Answer::Yes),
        (json!({"value": "increase", "aggregate": "max", "equals": 3}), Answer::Yes),
        (json!({"value": "increase", "aggregate": "min", "equals": 1}), Answer::Yes),
        (json!({"above": 3}), Answer::Unknown),
        (json!({"above": 3, "aggregate": "any"}), Answer::Yes),
        (json!({"above": 3, "aggregate": "all"}), Answer::No),
        (json!({"above": 3, "target": "n1"}), Answer::No),
        (json!({"above": 3, "source": "other"}), Answer::Unknown),
    ];
    for (keys, want) in &rows {
        assert_eq!(probe(keys).observe(cx).await.answer, *want, "{keys}");
    }
    // A target that has never answered may be anything.
    cx.services().get::<MetricStore>().expect("app", "n3");
    let rows = [
        (json!({"above": 3, "aggregate": "any"}), Answer::Yes),
        (json!({"above": 1, "aggregate": "all"}), Answer::Unknown),
        (json!({"value": "increase", "above": 3}), Answer::Yes),
        (json!({"value": "increase", "below": 9}), Answer::Unknown),
    ];
    for (keys, want) in &rows {
        assert_eq!(probe(keys).observe(cx).await.answer, *want, "{keys}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quantile_lies_in_a_bucket() {
    let scope = run_context().virtual_time().scope();
    let cx = scope.cx();
    let buckets = |name, counts: [f64; 3]| {
        let ends: [&[(&str, &str)]; 3] = [&[("le", "0.1")], &[("le", "0.5")], &[("le", "+Inf")]];
        scrape(
            cx,
            name,
            &[("s_bucket", ends[0], counts[0]), ("s_bucket", ends[1], counts[1]), ("s_bucket", ends[2], counts[2])],
        );
    };
    let answer = async |keys: &str| {
        let keys: serde_json::Value = serde_json::from_str(keys).unwrap();
        let mut keys = keys;
        keys["metric"] = json!("s");
        probe(&keys).observe(cx).await.answer
    };
    buckets("n1", [0.0; 3]);
    pass(cx, 1).await;
    assert_eq!(answer(r#"{"quantile": 0.5, "below": 9}"#).await, Answer::Unknown, "nothing was counted");
    buckets("n1", [50.0, 98.0, 100.0]);
    let rows = [
        (r#"{"quantile": 0.5, "below": 0.1}"#, Answer::Yes),
        (r#"{"quantile": 0.9, "below": 0.5}"#, Answer::Yes),
        (r#"{"quantile": 0.9, "above": 0.1}"#, Answer::Yes),
        (r#"{"quantile": 0.9, "above": 0.3}"#, Answer::Unknown),
        (r#"{"quantile": 0.99, "below": 0.5}"#, Answer::No),
    ];
    for (keys, want) in rows {
        assert_eq!(answer(keys).await, want, "{keys}");
    }
}

#[test]
fn what_asks_nothing_is_refused() {
    let rows = [(json!({}), "has no limit"), (json!({"above": 1, "quantile": 2}), "out of bounds")];
    for (keys, want) in rows {
        let error = probe(&keys).reach().unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
}

/// A sample of the exponential histogram `s`.
fn spread(cx: &RunContext, reading: fn(Box<ExponentialBuckets>) -> Reading, buckets: ExponentialBuckets) {
    let at = Moment::now(cx.clock());
    let sample = Sample {
        name: "s_bucket".into(),
        labels: Vec::new(),
        kind: MetricKind::Counter,
        reading: reading(Box::new(buckets)),
        at: None,
        began: None,
    };
    let recorded =
        cx.services().get::<MetricStore>().record(Batch { source: "app", origin: "n1", at, whole: false }, [sample]);
    assert_eq!(recorded.taken, 1);
}

/// So many zeros, and so many in each bucket.
fn buckets(scale: i32, zero_count: u64, positive: &[(i64, u64)], negative: &[(i64, u64)]) -> ExponentialBuckets {
    let (positive, negative) = (positive.to_vec(), negative.to_vec());
    ExponentialBuckets { scale, zero_count, zero_threshold: 0.0, positive, negative }
}

async fn of_quantile(cx: &RunContext, quantile: f64) -> (f64, f64) {
    let seen = probe(&json!({"metric": "s", "quantile": quantile, "above": 0})).observe(cx).await;
    let number = |value: &serde_json::Value| value.as_f64().unwrap_or_else(|| panic!("{seen:?}"));
    match &seen.value {
        serde_json::Value::Object(map) => (number(&map["low"]), number(&map["high"])),
        one => (number(one), number(one)),
    }
}

#[tokio::test(start_paused = true)]
async fn a_quantile_of_an_exponential_histogram_lies_in_a_bucket_of_its_scale() {
    let scope = run_context().virtual_time().scope();
    let entry = scope.entry("chaos_spec/0", "kill");
    let cx = entry.cx();
    // Before the fault: a thousand above 1 and up to 2, at four buckets for each power of 2.
    spread(cx, Reading::Spread, buckets(2, 0, &[(0, 400), (3, 600)], &[]));
    pass(cx, 1).await;
    spread(cx, Reading::Spread, buckets(2, 0, &[(0, 400), (3, 600)], &[]));
    entry.edge(Stage::InForce);
    pass(cx, 1).await;
    // In force: 10 below -1, 10 zeros, 70 up to 2 more, 9 up to 4, one up to 8; at a coarser scale by then.
    spread(cx, Reading::Spread, buckets(0, 10, &[(0, 1_070), (1, 9), (2, 1)], &[(0, 10)]));
    let rows = [
        (0.0, (-2.0, -1.0)),
        (0.1, (-2.0, -1.0)),
        (0.15, (0.0, 0.0)),
        (0.5, (1.0, 2.0)),
        (0.9, (1.0, 2.0)),
        (0.95, (2.0, 4.0)),
        (0.99, (2.0, 4.0)),
        (1.0, (4.0, 8.0)),
    ];
    for (quantile, (low, high)) in rows {
        let seen = of_quantile(cx, quantile).await;
        assert!((seen.0 - low).abs() < 1e-12 && (seen.1 - high).abs() < 1e-12, "{quantile}: {seen:?}");
    }
    for (keys, want) in [
        (json!({"quantile": 0.99, "below": 4}), Answer::Yes),
        (json!({"quantile": 0.99, "above": 2}), Answer::Yes),
        (json!({"quantile": 0.99, "above": 3}), Answer::Unknown),
        (json!({"quantile": 0.99, "below": 2}), Answer::No),
        (json!({"quantile": 0.15, "equals": 0}), Answer::Yes),
    ] {
        let mut keys = keys;
        keys["metric"] = json!("s");
        assert_eq!(probe(&keys).observe(cx).await.answer, want, "{keys}");
    }
    // It started anew: at least what was seen, so where a quantile lies is not known.
    pass(cx, 1).await;
    spread(cx, Reading::Spread, buckets(0, 0, &[(0, 1)], &[]));
    assert_eq!(probe(&json!({"metric": "s", "quantile": 0.5, "above": 0})).observe(cx).await.answer, Answer::Unknown);
}

#[tokio::test(start_paused = true)]
async fn increments_of_an_exponential_histogram_add_up_whatever_their_scales() {
    let scope = run_context().virtual_time().scope();
    let cx = scope.cx();
    spread(cx, Reading::AddsSpread, buckets(1, 0, &[(0, 1), (1, 1)], &[]));
    pass(cx, 1).await;
    // Two in (1, 2] so far, in two buckets; two more there and four in (2, 4].
    spread(cx, Reading::AddsSpread, buckets(0, 0, &[(0, 2), (1, 4)], &[]));
    pass(cx, 1).await;
    spread(cx, Reading::AddsSpread, buckets(3, 0, &[(7, 6)], &[]));
    // Six more up to 2. Of the twelve since the first sample, eight are up to 2; what the second brought may be older than the window.
    let store = cx.services().get::<MetricStore>();
    let labels = BTreeMap::new();
    let window = Window { from: Moment(1), to: Moment::now(cx.clock()) };
    let (name, ask) = ("s_bucket", Ask::Increase);
    let query = MetricQuery { name, labels: &labels, source: None, origin: None, without: &[], ask, window };
    let mut ends: Vec<(f64, f64, f64)> = store
        .ask(&query)
        .series
        .iter()
        .map(|series| (series.labels["le"].parse().unwrap(), series.bounds.low, series.bounds.high))
        .collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let want = [(1.0, 0.0, 0.0), (2.0, 6.0, 8.0), (4.0, 6.0, 12.0), (f64::INFINITY, 6.0, 12.0)];
    assert_eq!(ends.split_off(2), want);
}
