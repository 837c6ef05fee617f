//! A server that gives its answer byte by byte, without an end: every call ends at its deadline, whatever drips.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use chaos_load::{FailureKind, LoadPlan, Rate, Stop, start};

/// Starts a server that gives the beginning at once, and then the rest over and over, a byte at a time.
fn dripping(begin: &'static str, drop: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || drip(stream, begin, drop));
        }
    });
    url
}

/// Ends when the client has gone.
fn drip(mut stream: TcpStream, begin: &str, drop: &str) {
    stream.set_nodelay(true).unwrap();
    let _ = stream.read(&mut [0; 1024]);
    let mut bytes = drop.bytes().cycle();
    let mut written = stream.write_all(begin.as_bytes());
    while written.is_ok() {
        thread::park_timeout(Duration::from_millis(3));
        written = stream.write_all(&[bytes.next().unwrap()]);
    }
}

#[test]
fn every_call_ends_at_its_deadline_and_is_counted() {
    let cases = [
        ("a reason", "HTTP/1.1 200 ", "O"),
        ("a head", "HTTP/1.1 200 OK\r\nX: ", "y"),
        ("lines", "HTTP/1.1 200 OK\r\n", "A: b\r\n"),
        ("interim answers", "", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("a body", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "z"),
        ("a body without a length", "HTTP/1.1 200 OK\r\n\r\n", "z"),
        ("chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n"),
        ("the size of a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0"),
        ("a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: ", "v"),
    ];
    for (name, begin, drop) in cases {
        let url = dripping(begin, drop);
        for standard in [false, true] {
            let mut load = LoadPlan::to(&url).unwrap();
            load.rate = Rate::Max;
            load.stop = Stop::Count(4);
            load.connections = NonZeroUsize::MIN.saturating_add(1);
            // Our own framing gives up on a size that no number can hold; hyper reads on.
            let early = name == "the size of a chunk" && !standard;
            load.timeout = if early { Duration::from_mins(1) } else { Duration::from_millis(150) };
            load.transport.standard = standard;
            let result = start(load).unwrap().wait_blocking();
            let counts = result.counts;
            assert_eq!((counts.completed, counts.errors, counts.answered), (4, 4, 0), "{name}, standard: {standard}");
            let kinds: Vec<FailureKind> = result.failures.iter().map(|failure| failure.kind).collect();
            let kind = if early { FailureKind::BadAnswer } else { FailureKind::Timeout };
            assert_eq!(kinds, [kind], "{name}, standard: {standard}");
        }
    }
}
