//! Servers that misbehave: each run ends by itself, with what went wrong counted by its name.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

#[path = "support/canned.rs"]
mod canned;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;

use canned::{Canned, Reply};
use chaos_load::{FailureKind, LoadPlan, LoadResult, Rate, Stop, start};

const CALLS: u64 = 4;

fn run(url: &str, change: impl FnOnce(&mut LoadPlan)) -> LoadResult {
    let mut load = LoadPlan::to(url).unwrap();
    load.rate = Rate::Max;
    load.stop = Stop::Count(CALLS);
    load.connections = NonZeroUsize::MIN;
    load.timeout = Duration::from_mins(1);
    change(&mut load);
    start(load).unwrap().wait_blocking()
}

fn answering(bytes: Vec<u8>, close: bool) -> Canned {
    Canned::start(move |_, _| Reply { pieces: vec![bytes.clone()], close })
}

#[test]
fn every_misbehaviour_has_its_name() {
    let long_line = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(400_000));
    let many_lines = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(6000));
    let cases: [(&str, &[u8], bool, FailureKind); 14] = [
        ("nothing", b"", true, FailureKind::Closed),
        ("the start of a status line", b"HT", true, FailureKind::Truncated),
        ("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n", true, FailureKind::BadAnswer),
        ("silence", b"", false, FailureKind::Timeout),
        ("a head without end", b"HTTP/1.1 200 OK\r\n", false, FailureKind::Timeout),
        ("an endless line", long_line.as_bytes(), false, FailureKind::HeadTooLarge),
        ("endless lines", many_lines.as_bytes(), false, FailureKind::HeadTooLarge),
        ("a length too long", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", true, FailureKind::Truncated),
        (
            "a length too long, held open",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
            false,
            FailureKind::Timeout,
        ),
        (
            "two lengths",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
            true,
            FailureKind::BadAnswer,
        ),
        ("a negative length", b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi", true, FailureKind::BadAnswer),
        ("no chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", true, FailureKind::BadAnswer),
        (
            "chunks without end",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
            true,
            FailureKind::Truncated,
        ),
        ("an interim answer alone", b"HTTP/1.1 100 Continue\r\n\r\n", true, FailureKind::Truncated),
    ];
    for (name, bytes, close, kind) in cases {
        let server = answering(bytes.to_vec(), close);
        let result = run(&server.url(), |load| {
            if kind == FailureKind::Timeout {
                load.timeout = Duration::from_millis(300);
            }
        });
        let counts = result.counts;
        assert_eq!((counts.completed, counts.errors, counts.answered), (CALLS, CALLS, 0), "{name}");
        assert_eq!(result.failures.iter().map(|failure| failure.kind).collect::<Vec<_>>(), [kind], "{name}");
    }
}

#[test]
fn what_fortio_stumbles_over_is_read_right() {
    let big = format!("HTTP/1.1 200 OK\r\nContent-Length: 130000\r\n\r\n{}", "b".repeat(130_000));
    let chunk =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n{}\r\n0\r\n\r\n", "c".repeat(200_000));
    let cases: [(&str, &[u8], u64, u64); 6] = [
        // name, answer, sockets, interim answers
        ("a body larger than any buffer", big.as_bytes(), 1, 0),
        ("one chunk larger than any buffer", chunk.as_bytes(), 1, 0),
        ("a trailer", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: v\r\n\r\n", 1, 0),
        ("no length on 204", b"HTTP/1.1 204 No Content\r\n\r\n", 1, 0),
        (
            "interim answers",
            b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            1,
            2 * CALLS,
        ),
        (
            "a second answer that nobody asked for",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
            CALLS,
            0,
        ),
    ];
    for (name, bytes, sockets, interim) in cases {
        let server = answering(bytes.to_vec(), false);
        let result = run(&server.url(), |_| {});
        assert_eq!((result.counts.ok, result.counts.errors), (CALLS, 0), "{name}: {result}");
        assert_eq!((result.sockets[0], result.counts.interim, server.requests()), (sockets, interim, CALLS), "{name}");
    }
    let smuggled = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 X\r\n\r\n".to_vec(), false);
    assert_eq!(run(&smuggled.url(), |_| {}).bytes.stray, CALLS * "HTTP/1.1 500 X\r\n\r\n".len() as u64);
}

#[test]
fn an_answer_to_head_has_no_body_whatever_its_length_says() {
    let server = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n".to_vec(), false);
    let result = run(&server.url(), |load| load.method = Some("HEAD".to_owned()));
    assert_eq!((result.counts.ok, result.sockets[0]), (CALLS, 1));
}

#[test]
fn a_timeout_on_a_kept_connection_is_not_sent_twice() {
    let server = Canned::start(|index, _| {
        let answer = if index == 0 { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" } else { "" };
        Reply { pieces: vec![answer.into()], close: false }
    });
    let result = run(&server.url(), |load| {
        load.body = b"pay".to_vec();
        load.stop = Stop::Count(2);
        load.timeout = Duration::from_secs(2);
    });
    assert_eq!((result.counts.ok, result.main_failure().as_deref()), (1, Some("timeout")));
    assert_eq!((server.requests(), result.counts.retries), (2, 0));
}

#[test]
fn a_server_that_dies_in_half_of_its_requests_shows_it() {
    let rows = [("GET", false), ("PUT", false), ("POST", false), ("GET", true), ("POST", true)];
    for (method, standard) in rows.into_iter().filter(|(_, standard)| !standard || cfg!(feature = "std-client")) {
        // Each second request of a connection is taken, and dropped without a word.
        let server = Canned::start(|index, _| {
            if index % 2 == 1 {
                return Reply { pieces: Vec::new(), close: true };
            }
            Reply { pieces: vec![b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()], close: false }
        });
        let result = run(&server.url(), |load| {
            load.method = Some(method.to_owned());
            load.transport.standard = standard;
        });
        let counts = &result.counts;
        assert_eq!((counts.ok, counts.errors, counts.retries), (CALLS / 2, CALLS / 2, 0), "{method} {standard}");
        assert_eq!((server.requests(), result.failures[0].kind), (CALLS, FailureKind::Closed), "{method} {standard}");
    }
}

#[test]
fn random_bytes_end_every_run_with_counted_errors() {
    let server = Canned::start(|index, _| {
        // A small generator of its own: the answer must not depend on the engine's.
        let mut state = index.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let bytes = (0..state % 300).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_le_bytes()[5]
        });
        let mut text = if index % 3 == 0 { b"HTTP/1.1 200 OK\r\n".to_vec() } else { Vec::new() };
        text.extend(bytes);
        Reply { pieces: vec![text], close: true }
    });
    let result = run(&server.url(), |load| load.stop = Stop::Count(300));
    assert_eq!((result.counts.completed, result.counts.ok), (300, 0), "{result}");
    assert_eq!(result.failures.iter().map(|failure| failure.count).sum::<u64>(), 300);
}

#[test]
fn tcp_expects_its_bytes_back() {
    let serve = |echo: fn(&[u8]) -> Vec<u8>| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("tcp://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut bytes = [0; 1024];
                while let Ok(read @ 1..) = stream.read(&mut bytes) {
                    let back = echo(&bytes[..read]);
                    if back.is_empty() || stream.write_all(&back).is_err() {
                        break;
                    }
                }
            }
        });
        url
    };
    let good = run(&serve(<[u8]>::to_vec), |_| {});
    assert_eq!(
        (good.counts.ok, good.sockets[0], good.bytes.sent, good.bytes.received),
        (CALLS, 1, 24 * CALLS, 24 * CALLS)
    );
    let wrong = run(&serve(|bytes| vec![b'x'; bytes.len()]), |_| {});
    assert_eq!(wrong.failures[0].kind, FailureKind::BadAnswer);
    let gone = run(&serve(|_| Vec::new()), |_| {});
    assert_eq!(gone.failures[0].kind, FailureKind::Closed);
}

#[test]
fn a_socket_file_serves_every_connection() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = [0; 1024];
            // One answer, then the connection is closed: the next call must come here too.
            let _ = stream.read(&mut bytes);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let result = run("http://no-such-host.invalid/", |load| load.unix_socket = Some(path));
    assert_eq!((result.counts.ok, result.sockets[0], result.addresses.len()), (CALLS, CALLS, 0), "{result}");
}
