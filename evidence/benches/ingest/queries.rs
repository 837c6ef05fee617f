//! What a question costs that looks at every span.

use std::time::Instant;

use chaos_evidence::{AttributeValue, Moment, SpanQuery, SpanStatus, SpanStore, Window};

/// Prints the slowest and the median of several questions over all spans.
pub(crate) fn ask(store: &SpanStore, rounds: usize) {
    let fits = |name: &str| name == "digest";
    let of = |service: &str| service.starts_with('n');
    let attributes = [("key-3".to_owned(), AttributeValue::Text("value-43".into()))];
    let window = Window { from: Moment(i64::MIN), to: Moment(i64::MAX) };
    let all = SpanQuery::all(window);
    let rows: [(&str, SpanQuery<'_>); 4] = [
        ("every span", all),
        ("name", SpanQuery { name: Some(&fits), ..all }),
        (
            "service, name, attribute",
            SpanQuery { name: Some(&fits), service: Some(&of), attributes: &attributes, ..all },
        ),
        ("attribute, status", SpanQuery { attributes: &attributes, status: Some(SpanStatus::Unset), ..all }),
    ];
    for (what, query) in rows {
        let ask = |_| {
            let start = Instant::now();
            let found = store.find(query);
            (start.elapsed().as_secs_f64() * 1e3, found.count)
        };
        let mut times: Vec<(f64, u64)> = (0..rounds).map(ask).collect();
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
        println!("query by {what}: median {:.1} ms, slowest {:.1} ms, {} fit", median.0, slowest.0, median.1);
    }
}
