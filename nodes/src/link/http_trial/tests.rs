use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::json;

use super::*;

const WAIT: Duration = Duration::from_mins(2);

fn rule(effect: &serde_json::Value) -> HttpRule {
    serde_json::from_value(json!({ "effect": effect })).unwrap()
}

/// Asks a server directly, without a link.
fn asked(rule: &HttpRule) -> HttpTrial {
    let (request, answer) = (TrialRequest::fitting(rule).unwrap(), TrialAnswer::to(rule).unwrap());
    let server = TrialServer::start(answer.clone(), WAIT).unwrap();
    let seen = client::ask(server.address(), None, &request, WAIT);
    trial(seen, server.served(), &answer)
}

#[test]
fn without_a_link_nothing_is_harmed() {
    for (effect, bytes, events) in [
        (json!({"delay": "1s"}), 1024, 0),
        (json!({"cut": {"after_bytes": 5000}}), 6024, 0),
        (json!({"cut": {"after_events": 2}}), 45, 5),
        (json!({"corrupt": 0.001}), 16_000, 0),
    ] {
        let trial = asked(&rule(&effect));
        assert_eq!((trial.served, trial.status, trial.error.clone()), (1, Some(200), None), "{effect}: {trial:?}");
        assert_eq!((trial.body_bytes, trial.body_events, trial.server_bytes), (bytes, events, bytes), "{effect}");
        assert!(trial.is_complete && trial.is_unchanged && !trial.has_other_headers, "{effect}: {trial:?}");
        assert!(trial.first_byte_us <= trial.last_byte_us && trial.last_byte_us <= trial.total_us, "{trial:?}");
    }
    for preset in chaos_core::HttpPreset::ALL {
        let trial = asked(&HttpRule { preset: Some(preset), ..HttpRule::default() });
        assert!(trial.is_complete && trial.is_unchanged && trial.served == 1, "{preset:?}: {trial:?}");
        assert!(trial.body_bytes <= HttpTrial::MOST_TEXT as u64, "the check reads the whole body of {preset:?}");
    }
}

#[test]
fn headers_that_a_rule_takes_away_are_there() {
    let trial = asked(&rule(&json!({"change": {"remove_headers": ["ETag", "content-type", "Date"]}})));
    assert_eq!(trial.headers.get("etag").map(String::as_str), Some("1"));
    assert!(!trial.has_other_headers && !trial.headers.contains_key("date"), "{trial:?}");
    let head: HttpRule =
        serde_json::from_value(json!({"match": {"method": "HEAD"}, "effect": {"close": true}})).unwrap();
    let trial = asked(&head);
    assert!(trial.is_complete && trial.body_bytes == 0 && trial.served == 1, "{trial:?}");
}

#[test]
fn what_would_be_too_long_is_not_tried() {
    for (effect, why) in [
        (json!({"cut": {"after_events": 10_001}}), "at most 10000 events"),
        (json!({"stall": {"after_bytes": u64::MAX}}), "at most 4194304 bytes"),
    ] {
        assert!(TrialAnswer::to(&rule(&effect)).unwrap_err().to_string().contains(why));
    }
}

/// What a client sees of a server that says this and goes, or says nothing more.
fn seen(says: &'static [u8], goes: bool, wait: Duration) -> Seen {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(says).unwrap();
        // Until the client has given up.
        while !goes && stream.read(&mut request).is_ok_and(|read| read > 0) {}
    });
    let seen = client::ask(address, None, &TrialRequest::fitting(&rule(&json!({"close": true}))).unwrap(), wait);
    server.join().unwrap();
    seen
}

#[test]
fn a_client_tells_how_far_an_answer_came() {
    type Row = (&'static [u8], Option<u16>, &'static [u8], Option<&'static str>);
    let rows: [Row; 9] = [
        (b"", None, b"", Some("without an answer")),
        (b"HTTP/1.1 200 OK\r\nconte", None, b"", Some("without an answer")),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234", Some(200), b"01234", Some("inside the body")),
        (b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno", Some(503), b"no", None),
        (b"HTTP/1.1 204 None\r\n\r\n", Some(204), b"", None),
        (b"HTTP/1.1 200 OK\r\n\r\nall", Some(200), b"all", None),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
            Some(200),
            b"abc",
            Some("inside the body"),
        ),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            Some(200),
            b"abcde",
            None,
        ),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            Some(200),
            b"",
            Some("framing of the body is broken"),
        ),
    ];
    for (says, status, body, error) in rows {
        let seen = seen(says, true, WAIT);
        let text = String::from_utf8_lossy(says);
        assert_eq!((seen.status, seen.body.as_slice(), seen.is_complete), (status, body, error.is_none()), "{text}");
        assert!(error.is_none_or(|why| seen.error.clone().unwrap().contains(why)), "{text}: {:?}", seen.error);
    }
}

#[test]
fn a_client_tells_of_silence_and_of_what_comes_behind_a_body() {
    let silent = seen(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234", false, Duration::from_secs(3));
    assert_eq!((silent.is_complete, silent.error.as_deref()), (false, Some("nothing more came within 3000 ms")));
    assert!(silent.total_us >= 3_000_000 && silent.body == b"01234");
    let says = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nGrpc-Status: 14\r\n\r\n";
    let trailed = seen(says, true, WAIT);
    assert_eq!(trailed.trailers.get("grpc-status").map(String::as_str), Some("14"));
    let answer = TrialAnswer::to(&rule(&json!({"close": true}))).unwrap();
    assert_eq!(trial(trailed, 1, &answer).grpc_status, Some(14));
}
