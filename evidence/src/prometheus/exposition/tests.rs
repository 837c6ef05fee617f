use chaos_core::fnv1a;

use super::*;
use MetricKind::{Counter, Gauge, Unknown};

const TEXT: &str = r#"# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9
metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero"} +Inf -3982045
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05",} 24054
http_request_duration_seconds_bucket{ le = "+Inf" } 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320
# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.99"} NaN
rpc_duration_seconds_sum 1.7560473e+07
# TYPE temperature gauge
	temperature -Inf
{"my.metric","my label"="é"} 1
"#;

const OPEN: &str = r#"# TYPE acme_http_router_request_seconds summary
# UNIT acme_http_router_request_seconds seconds
# HELP acme_http_router_request_seconds Latency though all of ACME's HTTP request router.
acme_http_router_request_seconds_sum{path="/api/v1",method="GET"} 9036.32
acme_http_router_request_seconds_count{path="/api/v1",method="GET"} 807283.0
acme_http_router_request_seconds_created{path="/api/v1",method="GET"} 1605281325.0
# TYPE foo counter
foo_total 17.0 1520879607.789 # {trace_id="KOO5S4vxi0o"} 0.67 1520879607.5
foo_created 1520872607.123
# TYPE bar gauge
bar 4 # {a="b"} 1
# EOF
"#;

fn seen(text: &str, open: bool) -> Exposition<'_> {
    parse(text.as_bytes(), open)
}

#[test]
fn the_text_format_is_read_as_its_document_shows_it() {
    let seen = seen(TEXT, false);
    assert_eq!((seen.unread, seen.first_unread), (0, None));
    let of = |name: &str| seen.samples.iter().find(|sample| sample.name == name).unwrap();
    let requests = of("http_requests_total");
    assert_eq!((requests.kind, requests.value, requests.at), (Counter, 1027.0, Some(1_395_066_363.0)));
    assert_eq!(requests.labels, [("method".into(), "post".into()), ("code".into(), "200".into())]);
    let dos = of("msdos_file_access_time_seconds");
    assert_eq!((dos.labels[0].1.as_ref(), dos.kind), (r"C:\DIR\FILE.TXT", Unknown));
    assert_eq!(dos.labels[1].1, "Cannot find file:\n\"FILE.TXT\"");
    assert_eq!((of("something_weird").value, of("something_weird").at), (f64::INFINITY, Some(-3_982.045)));
    let buckets: Vec<_> = seen.samples.iter().filter(|sample| sample.name.ends_with("_bucket")).collect();
    assert_eq!(
        buckets.iter().map(|one| (one.kind, &*one.labels[0].1)).collect::<Vec<_>>(),
        [(Counter, "0.05"), (Counter, "+Inf")]
    );
    assert_eq!((of("rpc_duration_seconds").kind, of("rpc_duration_seconds").value.is_nan()), (Gauge, true));
    assert_eq!((of("rpc_duration_seconds_sum").kind, of("temperature").kind), (Counter, Gauge));
    assert_eq!(of("my.metric").labels, [("my label".into(), "é".into())]);
}

#[test]
fn openmetrics_is_read_with_its_beginnings_and_without_its_exemplars() {
    let seen = seen(OPEN, true);
    assert_eq!((seen.unread, seen.ended), (0, true), "{:?}", seen.first_unread);
    let of = |name: &str| seen.samples.iter().find(|sample| sample.name == name).unwrap();
    let foo = of("foo_total");
    assert_eq!(
        (foo.kind, foo.value, foo.at, foo.began),
        (Counter, 17.0, Some(1_520_879_607.789), Some(1_520_872_607.123))
    );
    assert_eq!(of("acme_http_router_request_seconds_count").began, Some(1_605_281_325.0));
    assert_eq!((of("bar").kind, of("bar").value, of("bar").began), (Gauge, 4.0, None));
}

#[test]
fn a_line_that_cannot_be_read_costs_that_line_alone() {
    let rows = [
        ("a{b=\"c\" 1", "labels are not separated by commas, or have no end"),
        ("a{b=\"c} 1", "a text in quotes has no end"),
        ("a{b=\"c\\", "a text in quotes has no end"),
        ("a{b=c} 1", "a label is not `name=\"value\"`"),
        ("a{b=\"1\",b=\"2\"} 1", "a label stands there twice"),
        ("a{\"b\"} 1", "it has two names"),
        ("a", "its value is not a number"),
        ("a +", "its value is not a number"),
        ("a 0x10", "its value is not a number"),
        ("a 1 2.5", "its time is not a number"),
        ("a 1 2 3", "there is text after its value"),
        ("a 1 # {x=\"y\"} 1", "there is text after its value"),
        ("{b=\"c\"} 1", "it does not begin with the name of a metric"),
        ("0a 1", "it does not begin with the name of a metric"),
        ("<html>", "it does not begin with the name of a metric"),
        ("# TYPE a", "a `# TYPE` lacks a name or a type"),
    ];
    for (line, why) in rows {
        let text = format!("one 1\n{line}\ntwo 2\n");
        let seen = seen(&text, false);
        assert_eq!((seen.samples.len(), seen.unread, seen.first_unread), (2, 1, Some((2, why))), "{line}");
    }
    let seen = parse(b"one 1\na{b=\"\xff\"} 1\n", false);
    assert_eq!((seen.samples.len(), seen.first_unread), (1, Some((2, "it is not UTF-8"))));
}

#[test]
fn an_openmetrics_answer_without_its_end_was_cut() {
    let cut = OPEN.strip_suffix("# EOF\n").unwrap();
    assert_eq!((seen(cut, true).unread, seen(cut, true).samples.len()), (1, 6));
    let more = format!("{OPEN}baz 1\n");
    assert_eq!(seen(&more, true).first_unread.map(|(_, why)| why), Some("there is text after `# EOF`"));
}

/// A number from 0 to `below` by position and round.
fn draw(round: u64, at: u64, below: usize) -> usize {
    let mut bytes = round.to_le_bytes().to_vec();
    bytes.extend(at.to_le_bytes());
    usize::try_from(fnv1a(&bytes) % below as u64).unwrap()
}

#[test]
fn ten_thousand_mutated_answers_do_no_harm() {
    let mut unread = 0;
    for round in 0..10_000 {
        let open = round % 2 == 0;
        let mut bytes = if open { OPEN } else { TEXT }.as_bytes().to_vec();
        for change in 0..=draw(round, 0, 8) as u64 {
            let (at, what) = (draw(round, 3 * change + 1, bytes.len()), draw(round, 3 * change + 2, 256));
            match draw(round, 3 * change + 3, 4) {
                0 => bytes[at] = u8::try_from(what).unwrap(),
                1 => bytes.truncate(at.max(1)),
                2 => bytes.insert(at, b"{}\"\\\n#=, \xff"[what % 10]),
                _ => drop(bytes.drain(at..(at + what % 9).min(bytes.len() - 1).max(at))),
            }
            if bytes.is_empty() {
                bytes.push(b'a');
            }
        }
        let lines = bytes.split(|byte| *byte == b'\n').count();
        let seen = parse(&bytes, open);
        assert!(seen.samples.len() <= lines && seen.unread <= lines as u64 + 1, "{round}");
        unread += u64::from(seen.unread > 0);
    }
    assert!(unread > 5_000, "the mutations hit what matters: {unread}");
}

#[test]
fn ten_times_as_much_is_ten_times_the_work() {
    let looked_at = |text: &str| {
        let before = super::cursor::LOOKED_AT.get();
        parse(text.as_bytes(), false);
        super::cursor::LOOKED_AT.get() - before
    };
    let long = |times: usize| format!("a{{b=\"{}\",c=\"{}\"}} 1\n", "x".repeat(100 * times), r"\\".repeat(100 * times));
    for (one, ten) in [(TEXT.repeat(10), TEXT.repeat(100)), (long(10), long(100))] {
        let (one, ten) = (looked_at(&one), looked_at(&ten));
        assert!(one > 0 && ten <= one * 11, "{one} and {ten}");
    }
}

#[test]
fn an_answer_has_a_bound_of_samples() {
    let text = "a 1\n".repeat(MOST_SAMPLES + 3);
    let seen = seen(&text, false);
    assert_eq!((seen.samples.len(), seen.unread), (MOST_SAMPLES, 3));
}
