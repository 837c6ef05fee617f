//! W3C trace context in generated load, read by servers that hold it against the grammar of the recommendation.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

#[path = "support/canned.rs"]
#[expect(dead_code, reason = "how many requests came is not asked here")]
mod canned;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::thread;

use canned::{Canned, Reply};
use chaos_load::{FailureKind, LoadPlan, LoadResult, Rate, Stop, TracedRequest, start};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};

/// It says that it closes: a request that is sent meanwhile would be lost.
const REFUSED: &str = "HTTP/1.1 503 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Trace id and span id of a header value, by the grammar of Trace Context, section 3.2.2; `None` where it is invalid.
fn parsed(value: &str) -> Option<(String, String)> {
    let fields: Vec<&str> = value.split('-').collect();
    let [version, trace, span, flags] = fields.as_slice() else { return None };
    let hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let valid = *version == "00" && hex(trace, 32) && hex(span, 16) && *flags == "01";
    let set = |text: &str| text.bytes().any(|byte| byte != b'0');
    (valid && set(trace) && set(span)).then(|| ((*trace).to_owned(), (*span).to_owned()))
}

/// The one `traceparent` of a request over HTTP/1.
fn of_head(request: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(request).into_owned();
    let lines = text.split("\r\n\r\n").next()?.split("\r\n");
    let values: Vec<&str> = lines.filter_map(|line| line.strip_prefix("traceparent: ")).collect();
    let [value] = values.as_slice() else { return None };
    parsed(value)
}

/// The ids of each request, in the order in which they were kept.
type Seen = Arc<Mutex<Vec<Option<(String, String)>>>>;

/// A server that keeps the ids of each request, and refuses the fourth of those kept.
fn server() -> (Canned, Seen) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let server = Canned::start(move |_, request| {
        let number = {
            let mut kept = kept.lock().unwrap();
            kept.push(of_head(request));
            kept.len() - 1
        };
        let text = if number == 3 { REFUSED } else { OK };
        Reply { pieces: vec![text.as_bytes().to_vec()], close: number == 3 }
    });
    (server, seen)
}

fn run(url: &str, change: impl FnOnce(&mut LoadPlan)) -> LoadResult {
    let mut load = LoadPlan::to(url).unwrap();
    load.rate = Rate::Max;
    load.stop = Stop::Count(40);
    load.connections = NonZeroUsize::MIN.saturating_add(1);
    load.trace_context = Some(7);
    change(&mut load);
    start(load).unwrap().wait_blocking()
}

fn ids(requests: &[TracedRequest]) -> Vec<(String, String)> {
    requests.iter().map(|one| (one.ids.trace_id(), one.ids.span_id())).collect()
}

#[test]
fn every_request_carries_valid_ids_of_its_own_and_the_result_names_those_that_matter() {
    for (standard, body) in [(false, ""), (true, ""), (false, "an {uuid} here")] {
        let (server, seen) = server();
        let result = run(&server.url(), |load| {
            load.transport.standard = standard;
            load.body = body.as_bytes().to_vec();
        });
        let seen = seen.lock().unwrap().clone();
        let valid: Vec<_> = seen.iter().flatten().cloned().collect();
        assert_eq!((seen.len(), valid.len()), (40, 40), "{standard} {body}");
        for one in [|ids: &(String, String)| ids.0.clone(), |ids: &(String, String)| ids.1.clone()] {
            assert_eq!(valid.iter().map(one).collect::<BTreeSet<_>>().len(), 40, "{standard} {body}");
        }
        assert_eq!(ids(&result.exemplars.failed), [seen[3].clone().unwrap()], "{standard} {body}");
        assert_eq!(result.exemplars.failed[0].failure, Some(FailureKind::Status(503)));
        let slowest = &result.exemplars.slowest;
        assert!(slowest.len() == 5 && ids(slowest).iter().all(|ids| valid.contains(ids)), "{slowest:?}");
        assert!(slowest.is_sorted_by(|one, next| one.took >= next.took), "{slowest:?}");
    }
}

#[test]
fn the_ids_follow_from_their_seed_alone() {
    let draw = |seed: u64, other: u64| {
        let (server, seen) = server();
        run(&server.url(), |load| {
            load.connections = NonZeroUsize::MIN;
            load.stop = Stop::Count(3);
            load.seed = other;
            load.trace_context = Some(seed);
        });
        seen.lock().unwrap().clone()
    };
    let first = draw(1, 1);
    assert_eq!(first, draw(1, 2));
    assert!(first.iter().flatten().all(|ids| !draw(2, 1).contains(&Some(ids.clone()))));
}

#[test]
fn a_load_that_does_not_ask_for_it_sends_none() {
    let (server, seen) = server();
    let result = run(&server.url(), |load| load.trace_context = None);
    assert_eq!(seen.lock().unwrap().iter().flatten().count(), 0);
    assert_eq!(result.exemplars, chaos_load::Exemplars::default());
}

#[test]
fn what_can_carry_no_header_of_ours_is_refused() {
    let refused = |url: &str, header: Option<&str>| {
        let mut load = LoadPlan::to(url).unwrap();
        load.trace_context = Some(1);
        load.headers = header.map(|name| (name.to_owned(), "x".to_owned())).into_iter().collect();
        load.check().map_err(|error| error.to_string())
    };
    assert_eq!(refused("http://h/", None), Ok(()));
    assert!(refused("tcp://h:1", None).unwrap_err().contains("only requests of `http` and `https`"));
    assert!(refused("http://h/", Some("TraceParent")).unwrap_err().contains("set by hand as well"));
}

/// Speaks HTTP/2 in clear and keeps the ids of each request.
fn h2() -> (SocketAddr, Seen) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Seen::default());
    let kept = Arc::clone(&seen);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let answer = service_fn(move |request: Request<Incoming>| {
                        let values: Vec<_> = request.headers().get_all("traceparent").iter().collect();
                        let [value] = values.as_slice() else { panic!("one header a request: {values:?}") };
                        kept.lock().unwrap().push(value.to_str().ok().and_then(parsed));
                        async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::new()))) }
                    });
                    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let _ = builder.max_concurrent_streams(8).serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
    });
    (address, seen)
}

#[test]
fn requests_of_http_2_carry_it_as_well() {
    let (address, seen) = h2();
    let result = run(&format!("http://{address}/"), |load| load.transport.h2 = true);
    assert_eq!(result.counts.ok, 40);
    let valid: BTreeSet<_> = seen.lock().unwrap().iter().flatten().cloned().collect();
    assert_eq!(valid.len(), 40);
}

#[test]
fn the_grammar_of_this_test_refuses_what_the_recommendation_does() {
    let (trace, span) = ("a".repeat(32), "b".repeat(16));
    assert!(parsed(&format!("00-{trace}-{span}-01")).is_some());
    let invalid = [
        format!("00-{}-{span}-01", "0".repeat(32)),
        format!("00-{trace}-{}-01", "0".repeat(16)),
        format!("00-{}-{span}-01", "A".repeat(32)),
        format!("00-{trace}-{span}-01-x"),
        format!("ff-{trace}-{span}-01"),
        format!("00-{}-{span}-01", "a".repeat(31)),
    ];
    assert!(invalid.iter().all(|value| parsed(value).is_none()));
}
