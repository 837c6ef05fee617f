//! What is left of connections of HTTP links that have ended. One test in its own process, whose descriptors are only its own.

#![cfg(feature = "http")]
#![expect(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chaos_links::{Direction, HttpToxic, LinkSpec, Links, Protocol, ToxicKind, ToxicSpec};
use serde_json::{Value, json};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Waits until so many descriptors are open.
fn until(expected: usize) -> usize {
    let patience = Instant::now();
    while descriptors() != expected && patience.elapsed() < Duration::from_mins(2) {
        std::thread::yield_now();
    }
    descriptors()
}

/// How many connections the server has.
static SERVED: AtomicUsize = AtomicUsize::new(0);

/// Answers one request on each connection with a body that has no end, until the other side leaves.
fn endless(server: &TcpListener) {
    for mut stream in server.incoming().flatten() {
        SERVED.fetch_add(1, Ordering::SeqCst);
        std::thread::spawn(move || {
            let _ = stream.read(&mut [0; 1024]);
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            let mut written = stream.write_all(head);
            while written.is_ok() {
                written = stream.write_all(b"9\r\ndata: 1\n\n\r\n");
                std::thread::park_timeout(Duration::from_millis(1));
            }
            drop(stream);
            SERVED.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// The descriptors that are open when nothing closes any more.
fn settled() -> usize {
    let (mut last, mut since) = (descriptors(), Instant::now());
    while since.elapsed() < Duration::from_millis(300) {
        let now = descriptors();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        std::thread::yield_now();
    }
    last
}

/// Asks, reads a little, and leaves.
fn thrown(address: &str) {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let _ = client.read(&mut [0; 64]);
}

fn toxic(rule: Value) -> ToxicSpec {
    let kind = ToxicKind::Http(HttpToxic(serde_json::from_value(rule).unwrap()));
    ToxicSpec { name: "rule".to_owned(), ..ToxicSpec::new(kind, Direction::Downstream) }
}

#[test]
fn no_descriptor_is_left_of_requests_that_rules_have_met() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = server.local_addr().unwrap().to_string();
    std::thread::spawn(move || endless(&server));
    let links = Links::start(1).unwrap();
    let spec = LinkSpec { protocol: Protocol::Http, ..LinkSpec::new("link", "127.0.0.1:0", upstream) };
    let link = links.create(&spec).unwrap();
    // Each worker has a timer once it has had a connection.
    for _ in 0..8 {
        thrown(&link.listen);
    }
    let counts = || links.get("link").unwrap().counts;
    while counts().accepted < 8 || counts().open > 0 || SERVED.load(Ordering::SeqCst) > 0 {
        std::thread::yield_now();
    }
    let idle = settled();
    let effects = [
        json!({"delay": "1ms"}),
        json!({"delay": "1h"}),
        json!({"close": true}),
        json!({"answer": {"status": 503, "body": "x"}}),
        json!({"change": {"status": 500}}),
        json!({"cut": {"after_events": 2}}),
        json!({"stall": {"after_bytes": 30}}),
        json!({"corrupt": 1}),
    ];
    for effect in effects {
        links.add_toxic("link", toxic(json!({ "effect": effect }))).unwrap();
        for _ in 0..20 {
            thrown(&link.listen);
        }
        links.remove_toxic("link", "rule").unwrap();
        assert_eq!(until(idle), idle, "{effect}");
    }
    // What the server says to nobody is read for as long as there is a link.
    links.add_toxic("link", toxic(json!({"effect": {"close": true, "after_server": true}}))).unwrap();
    let mut client = TcpStream::connect(&link.listen).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(client.read(&mut [0; 64]).unwrap(), 0);
    drop(client);
    while links.get("link").unwrap().counts.open > 0 {
        std::thread::yield_now();
    }
    assert_eq!(until(idle + 2), idle + 2, "both ends of one connection, as the server is in this process");
    links.remove("link").unwrap();
    assert_eq!(until(idle - 1), idle - 1);
}
