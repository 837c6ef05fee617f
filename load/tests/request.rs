//! What an embedder writes in a plan is what a server gets, from either client.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

#[path = "support/canned.rs"]
mod canned;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use canned::{Canned, Reply};
use chaos_load::target::{Behaviour, serve};
use chaos_load::{FailureKind, LoadPlan, Rate, Stop, start};

/// A plan of one request.
fn once(url: &str) -> LoadPlan {
    let mut plan = LoadPlan::to(url).unwrap();
    plan.rate = Rate::Max;
    plan.stop = Stop::Count(1);
    plan.connections = NonZeroUsize::MIN;
    plan
}

/// The request that a server got for a plan of one, with lower-case names of headers, in order.
fn received(change: impl FnOnce(&mut LoadPlan)) -> (String, Vec<String>, String) {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let seen = bytes.clone();
    let server = Canned::start(move |_, request| {
        *seen.lock().unwrap() = request.to_vec();
        Reply { pieces: vec![b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()], close: false }
    });
    let mut plan = once(&format!("{}path?q=1", server.url()));
    plan.timeout = Duration::from_mins(1);
    change(&mut plan);
    let result = start(plan).unwrap().wait_blocking();
    assert_eq!((result.counts.ok, server.requests()), (1, 1), "{result}");
    let text = String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap().to_owned();
    let named = |line: &str| line.split_once(':').map(|(name, value)| format!("{}:{value}", name.to_ascii_lowercase()));
    let mut headers: Vec<String> = lines.filter_map(named).filter(|line| !line.starts_with("host:")).collect();
    headers.sort();
    (first, headers, body.to_owned())
}

#[test]
fn method_headers_and_body_are_those_of_the_plan() {
    for standard in [false, true] {
        if standard && cfg!(not(feature = "std-client")) {
            continue;
        }
        let (first, headers, body) = received(|plan| {
            plan.transport.standard = standard;
            plan.method = Some("PATCH".to_owned());
            plan.headers = vec![("X-Trace".to_owned(), "a b".to_owned()), ("User-Agent".to_owned(), "me".to_owned())];
            plan.body = br#"{"n":1}"#.to_vec();
            plan.content_type = Some("application/json".to_owned());
            plan.user = Some(("alice".to_owned(), "s3cret".to_owned()));
        });
        assert_eq!((first.as_str(), body.as_str()), ("PATCH /path?q=1 HTTP/1.1", r#"{"n":1}"#), "{standard}");
        let expected = [
            "authorization: Basic YWxpY2U6czNjcmV0",
            "content-length: 7",
            "content-type: application/json",
            "user-agent: me",
            "x-trace: a b",
        ];
        assert_eq!(headers, expected, "{standard}");
    }
}

#[test]
fn credentials_of_a_url_are_sent_decoded() {
    let (_, headers, _) = received(|plan| {
        let url = plan.url.as_str().replace("http://", "http://al%40ice:s%3Acret@");
        *plan = once(&url);
        assert!(!format!("{}", plan.url).contains("cret"));
    });
    // al@ice:s:cret
    assert!(headers.contains(&"authorization: Basic YWxAaWNlOnM6Y3JldA==".to_owned()), "{headers:?}");
}

#[test]
fn a_service_slower_than_the_usual_timeout_is_loaded_with_a_longer_one() {
    let delay = Duration::from_secs(5);
    let server = serve(([127, 0, 0, 1], 0).into(), Behaviour::new().delay(delay)).unwrap();
    let mut patient = once(&server.url());
    patient.timeout = Duration::from_mins(1);
    let (patient, hasty) = (start(patient).unwrap(), start(once(&server.url())).unwrap());
    let (patient, hasty) = (patient.wait_blocking(), hasty.wait_blocking());
    assert_eq!((patient.counts.ok, hasty.counts.ok), (1, 0), "{patient}\n{hasty}");
    // The longest of one, since the shortest is told as the lower end of what the histogram can't tell apart.
    assert!(patient.service.max().unwrap() >= delay, "{patient}");
    assert_eq!(hasty.failures[0].kind, FailureKind::Timeout);
}
