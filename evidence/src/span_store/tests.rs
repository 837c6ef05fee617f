use std::borrow::Cow;
use std::time::Duration;

use super::*;
use crate::span::{AttributeValue, SpanId, SpanKind, SpanStatus, TraceId};
use crate::window::Window;

const EVER: Window = Window { from: Moment(i64::MIN), to: Moment(i64::MAX) };

fn span(number: u64, start: i64, name: &'static str) -> SpanRecord<'static> {
    SpanRecord {
        trace_id: TraceId([1; 16]),
        span_id: SpanId(number.to_be_bytes()),
        parent: SpanId::default(),
        name: name.into(),
        kind: SpanKind::Internal,
        status: SpanStatus::Unset,
        start: Moment(start),
        duration: Duration::from_millis(5),
        links: 0,
        attributes: vec![("peer".into(), AttributeValue::Text("n3".into())), ("waited".into(), AttributeValue::Int(7))],
    }
}

fn service(name: &'static str) -> Attributes<'static> {
    vec![("service.name".into(), AttributeValue::Text(name.into()))]
}

fn opened(bounds: SpanBounds) -> SpanStore {
    let store = SpanStore::default();
    store.open("app", bounds);
    store
}

fn count(store: &SpanStore, query: SpanQuery<'_>) -> u64 {
    store.find(query).count
}

#[test]
fn each_part_of_a_query_narrows_it() {
    let store = opened(SpanBounds::default());
    let mut failed = span(3, 30, "digest");
    failed.status = SpanStatus::Error;
    failed.duration = Duration::from_secs(1);
    failed.attributes =
        vec![("ratio".into(), AttributeValue::Double(7.0)), ("list".into(), AttributeValue::Json("[1]".into()))];
    store.add("app", Moment(35), &service("a"), [span(1, 10, "digest"), span(2, 20, "join"), failed]);
    store.add("app", Moment(45), &service("b"), [span(4, 40, "digest")]);
    let all = SpanQuery::all(EVER);
    let found = store.find(all);
    let (first, last) = (found.first.unwrap(), found.last.unwrap());
    assert_eq!((found.count, first.start, last.start, last.service.as_str()), (4, Moment(10), Moment(40), "b"));
    assert_eq!((first.span_id, first.arrival, found.missing), (SpanId(1_u64.to_be_bytes()), Moment(35), None));

    let within = |from, to| SpanQuery { window: Window { from: Moment(from), to: Moment(to) }, ..all };
    // The last one began in the second window, and had not arrived by its end.
    assert_eq!(
        [count(&store, within(20, 45)), count(&store, within(20, 44)), count(&store, within(46, 90))],
        [3, 2, 0]
    );
    let asked = |key: &str, value: AttributeValue<'static>| {
        count(&store, SpanQuery { attributes: &[(key.to_owned(), value)], ..all })
    };
    let text = |text: &'static str| AttributeValue::Text(Cow::Borrowed(text));
    let rows = [
        ("peer", text("n3"), 3),
        ("peer", text("7"), 0),
        ("waited", AttributeValue::Int(7), 3),
        ("waited", AttributeValue::Double(7.0), 3),
        ("waited", text("7"), 0),
        ("ratio", AttributeValue::Int(7), 1),
        ("list", AttributeValue::Json("[1]".into()), 1),
        ("list", text("[1]"), 0),
        // Of the resource.
        ("service.name", text("b"), 1),
        ("absent", AttributeValue::Bool(true), 0),
    ];
    for (key, value, want) in rows {
        assert_eq!(asked(key, value.clone()), want, "{key} {value:?}");
    }
    let digests = |name: &str| name == "digest";
    let of_b = |name: &str| name == "b";
    assert_eq!(count(&store, SpanQuery { name: Some(&digests), ..all }), 3);
    assert_eq!(count(&store, SpanQuery { name: Some(&digests), service: Some(&of_b), ..all }), 1);
    assert_eq!(count(&store, SpanQuery { status: Some(SpanStatus::Error), ..all }), 1);
    assert_eq!(count(&store, SpanQuery { duration_above: Some(Duration::from_millis(5)), ..all }), 1);
    assert_eq!(count(&store, SpanQuery { duration_below: Some(Duration::from_millis(6)), ..all }), 3);
    assert_eq!(count(&store, SpanQuery { source: Some("other"), ..all }), 0);
}

#[test]
fn an_attribute_of_one_span_is_not_its_neighbours() {
    let store = opened(SpanBounds::default());
    let mut bare = span(2, 2, "b");
    bare.attributes.clear();
    store.add("app", Moment(9), &service("a"), [span(1, 1, "a"), bare, span(3, 3, "c")]);
    let peer = [("peer".to_owned(), AttributeValue::Text("n3".into()))];
    assert_eq!(count(&store, SpanQuery { attributes: &peer, ..SpanQuery::all(EVER) }), 2);
}

#[test]
fn attributes_are_found_in_any_order_and_under_a_repeated_key() {
    let text = |key: &'static str, value: &'static str| (key.into(), AttributeValue::Text(value.into()));
    let with = |number, attributes| SpanRecord { attributes, ..span(number, 10, "digest") };
    let asked = |store: &SpanStore, value: &'static str| {
        let attributes = [("peer".to_owned(), AttributeValue::Text(value.into()))];
        count(store, SpanQuery { attributes: &attributes, ..SpanQuery::all(EVER) })
    };
    let store = opened(SpanBounds::default());
    let orders = [
        with(1, vec![text("peer", "n3"), text("zone", "a")]),
        with(2, vec![text("zone", "a"), text("peer", "n3")]),
        with(3, vec![text("zone", "n3")]),
        with(4, vec![text("zone", "b"), text("rack", "c"), text("peer", "n4")]),
        with(5, vec![text("peer", "n3")]),
    ];
    store.add("app", Moment(20), &service("a"), orders);
    assert_eq!([asked(&store, "n3"), asked(&store, "n4"), asked(&store, "a")], [3, 1, 0]);
    // One span that names a key twice has both.
    store.add("app", Moment(20), &service("a"), [with(6, vec![text("peer", "n3"), text("peer", "n4")])]);
    assert_eq!([asked(&store, "n3"), asked(&store, "n4")], [4, 2]);
}

#[test]
fn beyond_its_bound_the_oldest_are_forgotten_and_their_time_is_unknown() {
    let store = opened(SpanBounds { spans: 160, ..SpanBounds::default() });
    for number in 0..160_u64 {
        store.add("app", Moment(1_000), &service("a"), [span(number, number.cast_signed(), "x")]);
    }
    let found = store.find(SpanQuery::all(EVER));
    assert_eq!((found.count, found.missing), (160, None));
    store.add("app", Moment(1_000), &service("a"), [span(160, 160, "x")]);
    let found = store.find(SpanQuery::all(EVER));
    assert_eq!((found.count, found.first.unwrap().start), (151, Moment(10)));
    assert_eq!(found.missing.unwrap(), "the source `app` has lost spans of that time (10 in all)");
    let recent = SpanQuery { window: Window { from: Moment(10), to: Moment(2_000) }, ..SpanQuery::all(EVER) };
    assert_eq!(store.find(recent).missing, None);
    assert_eq!(store.figures("app"), SpanFigures { taken: 161, dropped: 10, bytes: store.figures("app").bytes });
}

#[test]
fn bytes_are_bounded_with_strings_that_never_come_twice() {
    let bounds = SpanBounds { spans: 1_000_000, bytes: 1 << 20 };
    let store = opened(bounds);
    for number in 0..20_000_u64 {
        let mut one = span(number, number.cast_signed(), "x");
        one.attributes.push(("id".into(), AttributeValue::Text(format!("{number:0100}").into())));
        assert_eq!(store.add("app", Moment(1 << 40), &service("a"), [one]), 0);
        assert!(store.figures("app").bytes <= bounds.bytes + bounds.bytes / SEGMENTS, "{:?}", store.figures("app"));
    }
    let figures = store.figures("app");
    let found = store.find(SpanQuery::all(EVER));
    assert_eq!((figures.taken, found.count + figures.dropped), (20_000, 20_000));
    assert!(found.count > 1_000 && figures.dropped > 1_000, "{figures:?}");
    assert_eq!(found.last.unwrap().start, Moment(19_999));
}

#[test]
fn a_span_that_is_larger_than_its_share_is_lost_alone() {
    let store = opened(SpanBounds { spans: 100, bytes: 64 << 10 });
    let mut large = span(2, 20, "x");
    large.attributes.push(("text".into(), AttributeValue::Text("y".repeat(8 << 10).into())));
    assert_eq!(store.add("app", Moment(50), &service("a"), [span(1, 10, "x"), large, span(3, 30, "x")]), 1);
    let all = SpanQuery::all(EVER);
    let within = |from, to| store.find(SpanQuery { window: Window { from: Moment(from), to: Moment(to) }, ..all });
    assert_eq!((within(0, 60).count, within(0, 60).missing.is_some()), (2, true));
    assert_eq!((within(21, 60).count, within(21, 60).missing), (1, None));
}

#[test]
fn what_was_not_readable_and_a_source_that_is_down_leave_it_unknown() {
    let store = SpanStore::default();
    assert_eq!(store.find(SpanQuery::all(EVER)).missing.unwrap(), "no source of spans has been started");
    assert_eq!(store.add("app", Moment(1), &service("a"), [span(1, 1, "x")]), 1);
    store.open("app", SpanBounds::default());
    store.unreadable("app", Moment(100), 1);
    let from = |from| SpanQuery { window: Window { from: Moment(from), to: Moment(500) }, ..SpanQuery::all(EVER) };
    assert!(store.find(from(100)).missing.is_some());
    assert_eq!(store.find(from(101)).missing, None);
    store.open("other", SpanBounds::default());
    store.close("other", "the listener failed");
    assert_eq!(store.find(from(101)).missing.unwrap(), "the source `other` is down: the listener failed");
    assert_eq!(store.find(SpanQuery { source: Some("app"), ..from(101) }).missing, None);
}
