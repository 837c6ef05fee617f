use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::{Bounds, Window};

fn at(seconds: f64) -> Moment {
    Moment::at(Duration::from_secs_f64(seconds))
}

fn sample<'a>(name: &'a str, labels: &[(&'a str, &'a str)], kind: MetricKind, value: f64) -> Sample<'a> {
    let labels = labels.iter().map(|(key, value)| (Cow::from(*key), Cow::from(*value))).collect();
    Sample { name: name.into(), labels, kind, reading: Reading::Is(value), at: None, began: None }
}

fn scrape(store: &MetricStore, origin: &str, seconds: f64, samples: Vec<Sample<'_>>) -> Recorded {
    store.record(Batch { source: "app", origin, at: at(seconds), whole: true }, samples)
}

/// A counter `c` of one target, at these seconds.
fn counted(samples: &[(f64, f64)]) -> MetricStore {
    let store = MetricStore::default();
    for (seconds, value) in samples {
        scrape(&store, "n1", *seconds, vec![sample("c", &[], MetricKind::Counter, *value)]);
    }
    store
}

fn ask(store: &MetricStore, name: &str, ask: Ask, from: f64, to: f64) -> MetricAnswer {
    let window = Window { from: if from < 0.0 { Moment(i64::MIN) } else { at(from) }, to: at(to) };
    let labels = BTreeMap::new();
    store.ask(&MetricQuery { name, labels: &labels, source: None, origin: None, without: &[], ask, window })
}

fn bounds(store: &MetricStore, what: Ask, from: f64, to: f64) -> (f64, f64) {
    let answer = ask(store, "c", what, from, to);
    let [one] = answer.series.as_slice() else { panic!("{answer:?}") };
    (one.bounds.low, one.bounds.high)
}

const MORE: f64 = f64::INFINITY;

#[test]
fn an_increase_lies_between_what_was_in_the_window_and_what_was_since_the_sample_before_it() {
    let store = counted(&[(1.0, 10.0), (2.0, 12.0), (3.0, 12.0), (4.0, 15.0)]);
    let rows = [
        (2.0, 5.0, (3.0, 3.0)),
        (1.5, 5.0, (3.0, 5.0)),
        (2.5, 5.0, (3.0, 3.0)),
        (-1.0, 5.0, (5.0, 5.0)),
        (3.5, 5.0, (0.0, 3.0)),
    ];
    for (from, to, want) in rows {
        assert_eq!(bounds(&store, Ask::Increase, from, to), want, "from {from}");
    }
    assert_eq!(bounds(&store, Ask::Increase, 4.5, 5.0), (0.0, MORE));
    assert_eq!(bounds(&store, Ask::Rate, 2.0, 5.0), (1.5, 1.5));
    assert_eq!(bounds(&store, Ask::Rate, 3.5, 5.0), (0.0, MORE));
}

#[test]
fn a_counter_that_starts_anew_has_risen_at_least_by_what_it_shows() {
    let store = counted(&[(1.0, 10.0), (2.0, 12.0), (3.0, 4.0), (4.0, 5.0)]);
    assert_eq!(bounds(&store, Ask::Increase, 1.0, 4.0), (7.0, MORE));
    assert_eq!(bounds(&store, Ask::Increase, 3.0, 4.0), (1.0, 1.0));
    assert_eq!(bounds(&store, Ask::Increase, 2.5, 4.0), (1.0, MORE));
}

#[test]
fn a_counter_that_an_earlier_whole_answer_did_not_have_was_zero_then() {
    let store = counted(&[(1.0, 0.0), (2.0, 0.0)]);
    let new =
        || vec![sample("c", &[], MetricKind::Counter, 0.0), sample("e", &[("code", "500")], MetricKind::Counter, 1.0)];
    scrape(&store, "n1", 3.0, new());
    let rose = |store: &MetricStore, name, from| ask(store, name, Ask::Increase, from, 4.0).series[0].bounds;
    assert_eq!(rose(&store, "e", 1.5), Bounds::exact(1.0));
    // Of a gauge, and where the answer was not whole, nothing is known.
    scrape(&store, "n1", 3.5, vec![sample("g", &[], MetricKind::Gauge, 1.0)]);
    assert_eq!(rose(&store, "g", 1.5), Bounds::NOT_NEGATIVE);
    let part = Batch { source: "otlp", origin: "svc", at: at(1.0), whole: false };
    store.record(part, [sample("x", &[], MetricKind::Counter, 1.0)]);
    store.record(Batch { at: at(3.0), ..part }, [sample("p", &[], MetricKind::Counter, 7.0)]);
    assert_eq!(rose(&store, "p", 1.5), Bounds { low: 0.0, high: 7.0 });
}

#[test]
fn a_counter_whose_beginning_is_told_counts_from_zero() {
    let store = MetricStore::default();
    let batch = |seconds| Batch { source: "otlp", origin: "svc", at: at(seconds), whole: false };
    let began = |value, began| Sample { began: Some(at(began)), ..sample("c", &[], MetricKind::Counter, value) };
    store.record(batch(1.0), [sample("x", &[], MetricKind::Counter, 1.0)]);
    store.record(batch(5.0), [began(3.0, 4.0)]);
    assert_eq!(bounds(&store, Ask::Increase, 2.0, 6.0), (3.0, 3.0));
    // Another process that has counted farther than the first: its beginning tells them apart.
    store.record(batch(9.0), [began(8.0, 7.0)]);
    assert_eq!(bounds(&store, Ask::Increase, 2.0, 9.0), (11.0, MORE));
}

#[test]
fn increments_are_added_up() {
    let store = MetricStore::default();
    let adds = |value| Sample { reading: Reading::Adds(value), ..sample("c", &[], MetricKind::Counter, 0.0) };
    for (seconds, value) in [(1.0, 2.0), (2.0, 3.0), (2.0, 1.0)] {
        store.record(Batch { source: "otlp", origin: "svc", at: at(seconds), whole: false }, [adds(value)]);
    }
    assert_eq!(bounds(&store, Ask::Value, -1.0, 3.0), (6.0, 6.0));
    assert_eq!(bounds(&store, Ask::Increase, -1.0, 3.0), (4.0, 4.0));
    let batch = Batch { source: "otlp", origin: "svc", at: at(4.0), whole: false };
    assert_eq!(store.record(batch, [adds(f64::NAN)]), Recorded { taken: 0, dropped: 1 });
}

#[test]
fn a_value_is_unknown_while_the_target_is_silent_and_before_its_first_sample_in_the_window() {
    let store = counted(&[(1.0, 10.0)]);
    assert_eq!(bounds(&store, Ask::Value, 0.5, 2.0), (10.0, 10.0));
    assert_eq!(ask(&store, "c", Ask::Value, 1.5, 2.0).series[0].bounds, Bounds::ANY);
    store.gap("app", "n1", at(2.0), "connection refused");
    assert_eq!(ask(&store, "c", Ask::Value, -1.0, 2.5).series[0].why, Some("the target does not answer"));
    assert_eq!(bounds(&store, Ask::Increase, -1.0, 2.5), (0.0, MORE));
    scrape(&store, "n1", 3.0, vec![sample("c", &[], MetricKind::Counter, 11.0)]);
    assert_eq!(bounds(&store, Ask::Value, -1.0, 3.0), (11.0, 11.0));
    // What was in the gap, nobody knows; after it, all is known.
    assert_eq!(bounds(&store, Ask::Increase, -1.0, 3.0), (1.0, MORE));
    assert_eq!(bounds(&store, Ask::Increase, 3.0, 3.0), (0.0, 0.0));
    assert_eq!(ask(&store, "c", Ask::Value, -1.0, 400.0).series[0].bounds, Bounds::ANY);
}

#[test]
fn a_series_that_a_whole_answer_does_not_have_is_over() {
    let store = counted(&[(1.0, 10.0)]);
    scrape(&store, "n1", 2.0, vec![sample("other", &[], MetricKind::Gauge, 1.0)]);
    assert_eq!(ask(&store, "c", Ask::Value, -1.0, 2.0).series, []);
}

#[test]
fn a_target_that_has_never_answered_is_a_hole_and_not_an_absence() {
    let store = counted(&[(1.0, 10.0)]);
    store.expect("app", "n2");
    store.gap("app", "n2", at(1.0), "connection refused");
    let holes = ask(&store, "c", Ask::Value, -1.0, 2.0).holes;
    assert_eq!(holes, ["`n2` has not answered yet: connection refused"]);
    let labels = BTreeMap::new();
    let window = Window { from: Moment(i64::MIN), to: at(2.0) };
    let without = ["n2".to_owned()];
    let query = MetricQuery {
        name: "c",
        labels: &labels,
        source: None,
        origin: None,
        without: &without,
        ask: Ask::Value,
        window,
    };
    assert_eq!(store.ask(&query).holes.len(), 0);
    assert_eq!(store.ask(&MetricQuery { origin: Some("n1"), without: &[], ..query }).holes.len(), 0);
}

#[test]
fn the_oldest_samples_go_first_and_leave_no_upper_bound() {
    let store = MetricStore::default();
    store.set_bound(4);
    for second in 0..6_u8 {
        scrape(&store, "n1", f64::from(second), vec![sample("c", &[], MetricKind::Counter, f64::from(second))]);
    }
    assert_eq!(store.len(), 4);
    assert_eq!(bounds(&store, Ask::Increase, -1.0, 6.0), (3.0, MORE));
    assert_eq!(bounds(&store, Ask::Increase, 2.0, 6.0), (3.0, 3.0));
    store.set_bound(2);
    assert_eq!(store.bound(), 4, "the highest bound holds");
}

#[test]
fn series_differ_by_source_target_and_labels_in_whatever_order() {
    let store = MetricStore::default();
    let (one, two) = ([("a", "1"), ("b", "2")], [("b", "2"), ("a", "1")]);
    scrape(&store, "n1", 1.0, vec![sample("m", &one, MetricKind::Gauge, 1.0)]);
    scrape(&store, "n1", 2.0, vec![sample("m", &two, MetricKind::Gauge, 2.0)]);
    scrape(&store, "n2", 2.0, vec![sample("m", &[("a", "1")], MetricKind::Gauge, 3.0)]);
    let ask = |labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let window = Window { from: Moment(i64::MIN), to: at(2.0) };
        let query = MetricQuery {
            name: "m",
            labels: &labels,
            source: None,
            origin: None,
            without: &[],
            ask: Ask::Value,
            window,
        };
        store.ask(&query).series.iter().map(|series| (series.origin.clone(), series.bounds.low)).collect::<Vec<_>>()
    };
    assert_eq!(ask(&[("a", "1")]), [("n1".to_owned(), 2.0), ("n2".to_owned(), 3.0)]);
    assert_eq!(ask(&[("b", "2")]), [("n1".to_owned(), 2.0)]);
    assert_eq!(ask(&[("b", "3")]), []);
    assert_eq!(store.names(), ["m"]);
}

#[test]
fn what_contradicts_or_comes_too_late_is_dropped_and_counted() {
    let store = MetricStore::default();
    let told = |seconds: f64, value| Sample { at: Some(at(seconds)), ..sample("c", &[], MetricKind::Counter, value) };
    let both = scrape(&store, "n1", 5.0, vec![told(4.0, 1.0), told(4.000_5, 1.0)]);
    assert_eq!(both, Recorded { taken: 2, dropped: 0 });
    assert_eq!(store.len(), 1, "told twice, kept once");
    let late = scrape(&store, "n1", 6.0, vec![told(3.0, 1.0), told(4.0, 2.0), told(5.5, 3.0)]);
    assert_eq!(late, Recorded { taken: 1, dropped: 2 });
    let holes = ask(&store, "c", Ask::Value, -1.0, 7.0).holes;
    assert_eq!(
        holes,
        ["the source `app` lost 2 samples: a sample was older than the one before it, or contradicted it"]
    );
    assert_eq!(ask(&store, "c", Ask::Value, 6.5, 7.0).holes.len(), 0);
    let long = "x".repeat(LONGEST_TEXT + 1);
    assert_eq!(scrape(&store, "n1", 7.0, vec![sample(&long, &[], MetricKind::Gauge, 1.0)]).dropped, 1);
}

#[test]
fn memory_is_bounded_whatever_the_names() {
    let store = MetricStore::default();
    let names: Vec<String> = (0..MOST_SERIES + 10).map(|number| format!("m{number}")).collect();
    let samples = names.iter().map(|name| sample(name, &[], MetricKind::Gauge, 1.0));
    let recorded = store.record(Batch { source: "app", origin: "n1", at: at(1.0), whole: true }, samples);
    assert_eq!((recorded.taken, recorded.dropped), (100_000, 10));
    assert_eq!(store.losses("app").why(), "there was no room for more series");
}
