//! What is left of connections that have ended. One test in its own process, whose descriptors are only its own.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use chaos_links::Direction;
use chaos_links::{LatencyToxic, LinkSpec, Links, ToxicKind, ToxicSpec};

/// How long something is waited for that must come.
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(2);

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The threads of this process; a test has two, one of them waits for the other.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn no_descriptor_is_left_of_links_and_connections_that_have_ended() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = server.local_addr().unwrap().to_string();
    // The runtime keeps what a process has once, such as its pipe for signals.
    drop(Links::start(1).unwrap());
    let patience = std::time::Instant::now();
    while threads() > 2 && patience.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    let before = descriptors();
    let links = Links::start(1).unwrap();
    let link = links.create(&LinkSpec::new("link", "127.0.0.1:0", upstream)).unwrap();
    let idle = descriptors();
    for round in 0..60 {
        if round == 30 {
            let latency = LatencyToxic { latency: 1, ..LatencyToxic::default() };
            links.add_toxic("link", ToxicSpec::new(ToxicKind::Latency(latency), Direction::Upstream)).unwrap();
        }
        let mut client = TcpStream::connect(&link.listen).unwrap();
        let (mut other, _) = server.accept().unwrap();
        let writer = std::thread::spawn(move || client.write_all(&vec![7; 600_000]));
        let mut all = Vec::new();
        other.read_to_end(&mut all).unwrap();
        writer.join().unwrap().unwrap();
        assert_eq!(all.len(), 600_000);
    }
    while links.get("link").unwrap().counts.open > 0 {
        std::thread::yield_now();
    }
    // Each worker keeps a pipe, two descriptors, for the next connection that needs one.
    let kept = descriptors() - idle;
    assert!(kept > 0 && kept <= 16, "{kept} descriptors for pipes: none means that nothing was spliced");
    drop(links);
    // The threads of the links end behind it.
    let patience = std::time::Instant::now();
    while descriptors() != before && patience.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    assert_eq!(descriptors(), before);
}
