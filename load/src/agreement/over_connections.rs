//! Sends some thousands of the generated answers over real connections, to both clients.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use super::generate;
use crate::plan::{LoadPlan, Rate, Stop};
use crate::random::Random;
use crate::running::start;

/// How many answers go over real connections.
const SENT: u64 = 4_000;

/// Serves one generated answer a connection, in pieces; the same ones in the same order to each client.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut random = Random::new(8, 8);
        for stream in listener.incoming().flatten() {
            serve_one(stream, &mut random);
        }
    });
    url
}

fn serve_one(mut stream: TcpStream, random: &mut Random) {
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(read @ 1..) => request.extend_from_slice(&piece[..read]),
            // A connection without a request takes no answer from the row.
            _ => return,
        }
    }
    let answer = loop {
        let answer = generate(random);
        // Every request is a GET.
        if !answer.bodiless {
            break answer;
        }
    };
    let cut = usize::try_from(random.between(1, 200)).unwrap();
    for piece in answer.bytes.chunks(cut) {
        if stream.write_all(piece).is_err() {
            return;
        }
    }
}

#[test]
fn both_clients_count_the_same_over_real_connections() {
    let counted = |standard: bool| {
        let mut load = LoadPlan::to(&server()).unwrap();
        load.rate = Rate::Max;
        load.stop = Stop::Count(SENT);
        load.connections = NonZeroUsize::MIN;
        // Each answer ends its connection: a request that another one overtakes would be lost with it.
        load.keep_alive = false;
        load.timeout = Duration::from_secs(20);
        load.transport.standard = standard;
        start(load).unwrap().wait_blocking()
    };
    let (fast, standard) = (counted(false), counted(true));
    for result in [&fast, &standard] {
        let counts = &result.counts;
        assert_eq!((counts.completed, counts.ok + counts.errors), (SENT, SENT), "{result}");
        assert!(counts.ok > SENT / 4 && counts.errors > SENT / 4, "good ones and bad ones: {result}");
        let failed: u64 = result.failures.iter().map(|failure| failure.count).sum();
        assert_eq!(failed, counts.errors, "each error has its kind: {result}");
    }
    assert_eq!(fast.codes, standard.codes, "{fast}\n{standard}");
}
