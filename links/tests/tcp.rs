//! TCP links between real sockets: what the client and the server see is the evidence.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chaos_links::*;

/// A server for one connection.
fn server<T: Send + 'static>(serve: impl FnOnce(TcpStream) -> T + Send + 'static) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, std::thread::spawn(move || serve(listener.accept().unwrap().0)))
}

/// A server that answers with what it gets, for any number of connections.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            std::thread::spawn(move || std::io::copy(&mut client.try_clone().unwrap(), &mut client));
        }
    });
    address
}

/// Longer than this without an event that must come, and something hangs.
const HANGS: Duration = Duration::from_mins(2);

fn link(upstream: SocketAddr) -> Links {
    linked(upstream, 1, Vec::new())
}

fn linked(upstream: SocketAddr, seed: u64, toxics: Vec<ToxicSpec>) -> Links {
    let links = Links::start(seed).unwrap();
    let spec = LinkSpec::new("link", "127.0.0.1:0", upstream.to_string());
    links.create(&LinkSpec { toxics, ..spec }).unwrap();
    links
}

fn connect(links: &Links) -> TcpStream {
    let client = TcpStream::connect(links.get("link").unwrap().listen).unwrap();
    client.set_read_timeout(Some(HANGS)).unwrap();
    client
}

fn down(kind: ToxicKind) -> ToxicSpec {
    ToxicSpec::new(kind, Direction::Downstream)
}

fn latency(latency: i64) -> ToxicKind {
    ToxicKind::Latency(LatencyToxic { latency, ..LatencyToxic::default() })
}

fn say(client: &mut TcpStream, text: &[u8]) -> Vec<u8> {
    client.write_all(text).unwrap();
    let mut answer = vec![0; text.len()];
    client.read_exact(&mut answer).unwrap();
    answer
}

/// Whether the other side says nothing for a moment.
fn is_silent(client: &mut TcpStream) -> bool {
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let read = client.read(&mut [0; 16]);
    client.set_read_timeout(Some(HANGS)).unwrap();
    matches!(read, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

fn end(client: &mut TcpStream) -> Result<usize, ErrorKind> {
    client.read(&mut [0; 16]).map_err(|error| error.kind())
}

/// Bytes that tell a lost or displaced one.
fn pattern(len: usize) -> Vec<u8> {
    (0..len as u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < HANGS, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn bytes_pass_both_ways_and_are_counted_while_the_connection_lives() {
    let links = link(echo());
    let mut client = connect(&links);
    assert_eq!(say(&mut client, b"hello"), b"hello");
    until("the counters count", || links.get("link").unwrap().counts.sent_bytes == [5, 5]);
    let counts = links.get("link").unwrap().counts;
    assert_eq!((counts.accepted, counts.open, counts.received_bytes), (1, 1, [5, 5]));
    drop(client);
    until("the connection is gone", || links.get("link").unwrap().counts.open == 0);
}

#[test]
fn a_half_close_keeps_the_answer() {
    for toxics in [vec![], vec![down(latency(50))], vec![ToxicSpec::new(latency(30), Direction::Upstream)]] {
        let (address, _server) = server(|mut client| {
            let mut all = Vec::new();
            client.read_to_end(&mut all).unwrap();
            client.write_all(&all).unwrap();
        });
        let links = linked(address, 1, toxics);
        let mut client = connect(&links);
        client.write_all(b"question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"question");
    }
}

#[test]
fn no_byte_is_lost_or_displaced_while_toxics_come_and_go() {
    let sent = pattern(48 << 20);
    // A part for each change, however fast the machine is, and one more so that the link always has something to move.
    let (allow, allowed) = std::sync::mpsc::channel();
    allow.send(()).unwrap();
    let (address, reader) = server(|mut client| {
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        all
    });
    let links = link(address);
    let mut client = connect(&links);
    let text = sent.clone();
    let writer = std::thread::spawn(move || {
        for part in text.chunks(4 << 20) {
            allowed.recv().unwrap();
            client.write_all(part).unwrap();
        }
        client.shutdown(Shutdown::Write).unwrap();
        client
    });
    let kinds = [
        latency(1),
        ToxicKind::Slicer(Slicer { average_size: 1000, size_variation: 900, delay: 1 }),
        ToxicKind::Bandwidth(Bandwidth { rate: 200_000 }),
        ToxicKind::Loss(Loss { probability: 0.1, stall: 1, ..Loss::default() }),
        ToxicKind::BlackHole(BlackHoleToxic::default()),
    ];
    let mut changes = 0;
    while !writer.is_finished() {
        // The writer may have all that it needs.
        let _ = allow.send(());
        let kind = kinds[changes % kinds.len()].clone();
        links.add_toxic("link", ToxicSpec::new(kind.clone(), Direction::Upstream)).unwrap();
        let before = links.get("link").unwrap().counts.sent_bytes[0];
        // Let some bytes through each phase, so that both switches happen amid the stream.
        let start = Instant::now();
        while links.get("link").unwrap().counts.sent_bytes[0] < before + 200_000 && start.elapsed().as_millis() < 20 {
            std::thread::yield_now();
        }
        links.remove_toxic("link", &format!("{}_upstream", kind.type_name())).unwrap();
        let before = links.get("link").unwrap().counts.sent_bytes[0];
        let start = Instant::now();
        while links.get("link").unwrap().counts.sent_bytes[0] < before + 500_000 && start.elapsed().as_millis() < 20 {
            std::thread::yield_now();
        }
        changes += 1;
    }
    let _client = writer.join().unwrap();
    let read = reader.join().unwrap();
    assert_eq!(read.len(), sent.len());
    assert!(read == sent, "a byte is displaced");
    assert!(changes > kinds.len(), "{changes} changes");
}

#[test]
fn a_latency_delays_and_two_add_up_and_removal_lets_go() {
    let links = link(echo());
    let mut client = connect(&links);
    links.add_toxic("link", down(latency(60))).unwrap();
    links.add_toxic("link", ToxicSpec { name: "other".into(), ..down(latency(50)) }).unwrap();
    let start = Instant::now();
    assert_eq!(say(&mut client, b"x"), b"x");
    assert!(start.elapsed() >= Duration::from_millis(110), "{:?}", start.elapsed());
    links.replace_toxic("link", "other", ToxicSpec { name: "other".into(), ..down(latency(3_600_000)) }).unwrap();
    client.write_all(b"y").unwrap();
    assert!(is_silent(&mut client));
    links.remove_toxic("link", "other").unwrap();
    let mut answer = [0];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"y");
}

#[test]
fn bandwidth_holds_its_rate() {
    let links = linked(echo(), 1, vec![down(ToxicKind::Bandwidth(Bandwidth { rate: 1000 }))]);
    let mut client = connect(&links);
    let start = Instant::now();
    let text = pattern(200_000);
    assert!(say(&mut client, &text) == text);
    assert!(start.elapsed() >= Duration::from_millis(190), "{:?}", start.elapsed());
}

#[test]
fn slow_close_delays_the_end_only() {
    for (delay, is_removed) in [(3_600_000, true), (150, false)] {
        let (address, _server) = server(|mut client| client.write_all(b"all").unwrap());
        let links = linked(address, 1, vec![down(ToxicKind::SlowClose(SlowClose { delay }))]);
        let start = Instant::now();
        let mut client = connect(&links);
        client.read_exact(&mut [0; 3]).unwrap();
        if is_removed {
            assert!(is_silent(&mut client), "the stream is still open");
            links.remove_toxic("link", "slow_close_downstream").unwrap();
        }
        assert_eq!(end(&mut client), Ok(0));
        assert!(is_removed || start.elapsed() >= Duration::from_millis(150));
    }
}

#[test]
fn a_timeout_drops_and_closes_though_bytes_keep_coming() {
    let links = linked(echo(), 1, vec![down(ToxicKind::Timeout(Timeout { timeout: 200 }))]);
    let start = Instant::now();
    let mut client = connect(&links);
    loop {
        let _ = client.write_all(b"more");
        if !is_silent(&mut client) {
            break;
        }
    }
    assert!(start.elapsed() >= Duration::from_millis(190));
    until("the connection is gone", || links.get("link").unwrap().counts.open == 0);
    assert!(links.get("link").unwrap().counts.dropped_bytes[1] > 0);
}

#[test]
fn removing_a_timeout_closes_only_whom_it_cost_bytes() {
    let links = linked(echo(), 1, vec![down(ToxicKind::Timeout(Timeout { timeout: 0 }))]);
    let (mut hurt, mut unhurt) = (connect(&links), connect(&links));
    hurt.write_all(b"lost").unwrap();
    until("bytes are dropped", || links.get("link").unwrap().counts.dropped_bytes[1] == 4);
    links.remove_toxic("link", "timeout_downstream").unwrap();
    assert!(matches!(end(&mut hurt), Ok(0) | Err(ErrorKind::ConnectionReset)));
    assert_eq!(say(&mut unhurt, b"here"), b"here");
}

#[test]
fn reset_peer_resets_busy_idle_and_new_connections() {
    let links = link(echo());
    let (mut busy, mut idle) = (connect(&links), connect(&links));
    assert_eq!(say(&mut busy, b"x"), b"x");
    until("both are open", || links.get("link").unwrap().counts.open == 2);
    links.add_toxic("link", down(ToxicKind::ResetPeer(ResetPeer { timeout: 0 }))).unwrap();
    assert_eq!(end(&mut busy), Err(ErrorKind::ConnectionReset));
    assert_eq!(end(&mut idle), Err(ErrorKind::ConnectionReset));
    let mut new = connect(&links);
    assert_eq!(end(&mut new), Err(ErrorKind::ConnectionReset));
    assert_eq!(links.get("link").unwrap().counts.reset, 3);
}

#[test]
fn a_toxic_of_toxicity_zero_does_nothing_and_leaves_nothing() {
    let links = link(echo());
    let mut client = connect(&links);
    let kinds = [
        ToxicKind::ResetPeer(ResetPeer { timeout: 0 }),
        ToxicKind::Timeout(Timeout { timeout: 1 }),
        ToxicKind::LimitData(LimitData { bytes: 0 }),
        ToxicKind::BlackHole(BlackHoleToxic::default()),
        latency(3_600_000),
    ];
    for kind in kinds {
        links.add_toxic("link", ToxicSpec { toxicity: 0.0, ..down(kind.clone()) }).unwrap();
        assert_eq!(say(&mut client, b"during"), b"during", "{kind:?}");
        links.remove_toxic("link", &format!("{}_downstream", kind.type_name())).unwrap();
        assert_eq!(say(&mut client, b"after"), b"after", "{kind:?}");
    }
}

#[test]
fn one_seed_hits_the_same_connections_and_neighbours_move_nothing() {
    let upstream = echo();
    let hit = |seed: u64, has_neighbour: bool| -> Vec<bool> {
        let links = link_of_seed(upstream, seed);
        let mut clients: Vec<TcpStream> = (0..24)
            .map(|number| {
                let mut client = connect(&links);
                // Connections are numbered as they are accepted.
                assert_eq!(say(&mut client, b"x"), b"x");
                assert_eq!(links.get("link").unwrap().counts.accepted, number + 1);
                client
            })
            .collect();
        let reset = down(ToxicKind::ResetPeer(ResetPeer { timeout: 0 }));
        links.add_toxic("link", ToxicSpec { toxicity: 0.5, ..reset }).unwrap();
        if has_neighbour {
            links.add_toxic("link", ToxicSpec { toxicity: 0.5, ..down(latency(1)) }).unwrap();
            links.remove_toxic("link", "latency_downstream").unwrap();
        }
        let is_hit = |client: &mut TcpStream| {
            // It may have been reset already.
            let _ = client.write_all(b"y");
            end(client) != Ok(1)
        };
        clients.iter_mut().map(is_hit).collect()
    };
    let first = hit(7, false);
    assert!(first.contains(&true) && first.contains(&false), "{first:?}");
    assert_eq!(hit(7, true), first);
    assert_ne!(hit(8, false), first);
}

fn link_of_seed(upstream: SocketAddr, seed: u64) -> Links {
    linked(upstream, seed, Vec::new())
}

#[test]
fn limit_data_closes_after_exactly_so_many_bytes() {
    let links = link(echo());
    let mut client = connect(&links);
    assert_eq!(say(&mut client, b"before"), b"before");
    links.add_toxic("link", down(ToxicKind::LimitData(LimitData { bytes: 10 }))).unwrap();
    client.write_all(b"0123456789abc").unwrap();
    let mut got = Vec::new();
    let _ = client.read_to_end(&mut got);
    assert_eq!(got, b"0123456789");
}

#[test]
fn a_slicer_writes_small_pieces() {
    let slicer = down(ToxicKind::Slicer(Slicer { average_size: 10, size_variation: 0, delay: 3_600_000_000 }));
    let links = linked(echo(), 1, vec![slicer.clone()]);
    let mut client = connect(&links);
    client.write_all(&[5; 50]).unwrap();
    for _ in 0..5 {
        assert_eq!(client.read(&mut [0; 64]).unwrap(), 10);
        assert!(is_silent(&mut client));
        // Put anew, it lets the next piece go at once.
        links.replace_toxic("link", "slicer_downstream", slicer.clone()).unwrap();
    }
}

#[test]
fn a_disabled_link_refuses_closes_and_comes_back_on_its_port() {
    let links = link(echo());
    let address = links.get("link").unwrap().listen;
    let mut client = connect(&links);
    assert_eq!(say(&mut client, b"x"), b"x");
    let enabled = |enabled| LinkChange { enabled: Some(enabled), ..LinkChange::default() };
    for _ in 0..20 {
        links.update("link", &enabled(false)).unwrap();
        assert_eq!(TcpStream::connect(&address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        links.update("link", &enabled(true)).unwrap();
        assert_eq!(links.get("link").unwrap().listen, address);
    }
    assert!(matches!(end(&mut client), Ok(0) | Err(ErrorKind::ConnectionReset)));
    assert_eq!(say(&mut connect(&links), b"back"), b"back");
}

#[test]
fn a_hole_that_says_nothing_holds_every_byte() {
    let links = link(echo());
    let mut old = connect(&links);
    assert_eq!(say(&mut old, b"x"), b"x");
    links.add_toxic("link", down(ToxicKind::BlackHole(BlackHoleToxic::default()))).unwrap();
    let mut new = connect(&links);
    for client in [&mut old, &mut new] {
        client.write_all(b"held").unwrap();
        assert!(is_silent(client));
    }
    links.remove_toxic("link", "black_hole_downstream").unwrap();
    for client in [&mut old, &mut new] {
        let mut answer = [0; 4];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"held");
    }
}

#[test]
fn a_hole_that_accepts_nothing_answers_no_handshake() {
    let links = link(echo());
    let mut old = connect(&links);
    assert_eq!(say(&mut old, b"x"), b"x");
    let address: SocketAddr = links.get("link").unwrap().listen.parse().unwrap();
    let hole = BlackHoleToxic { mode: HoleMode::AcceptNothing };
    links.add_toxic("link", down(ToxicKind::BlackHole(hole))).unwrap();
    let tried = || TcpStream::connect_timeout(&address, Duration::from_millis(200));
    // The listener is told, not waited for: what came before that is in its queue.
    let mut early = Vec::new();
    until("handshakes are not answered", || match tried() {
        Ok(client) => {
            early.push(client);
            false
        }
        Err(error) => error.kind() == ErrorKind::TimedOut,
    });
    assert_eq!(tried().unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(say(&mut old, b"goes on"), b"goes on");
    links.remove_toxic("link", "black_hole_downstream").unwrap();
    assert_eq!(say(&mut connect(&links), b"back"), b"back");
}

#[test]
fn a_half_open_connection_lost_its_server_and_does_not_know() {
    let (address, server) = server(|mut client| {
        client.read_exact(&mut [0; 1]).unwrap();
        client.read(&mut [0; 16]).map_err(|error| error.kind())
    });
    let links = link(address);
    let mut client = connect(&links);
    client.write_all(b"x").unwrap();
    until("the byte has passed", || links.get("link").unwrap().counts.sent_bytes[0] == 1);
    links.add_toxic("link", down(ToxicKind::BlackHole(BlackHoleToxic { mode: HoleMode::HalfOpen }))).unwrap();
    assert!(matches!(server.join().unwrap(), Ok(0) | Err(ErrorKind::ConnectionReset)));
    client.write_all(b"to nobody").unwrap();
    assert!(is_silent(&mut client));
    links.remove_toxic("link", "black_hole_downstream").unwrap();
    assert_eq!(end(&mut client), Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_writer_is_held_back_when_the_reader_does_not_read() {
    for toxics in [vec![], vec![ToxicSpec::new(latency(1), Direction::Upstream)]] {
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let (address, _server) = server(move |client| {
            gone.recv().ok();
            drop(client);
        });
        let links = linked(address, 1, toxics);
        let mut client = connect(&links);
        client.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        let block = vec![0; 1 << 20];
        let mut written = 0_usize;
        while let Ok(some) = client.write(&block) {
            written += some;
            assert!(written < 256 << 20, "nothing holds the writer back");
        }
        let counts = links.get("link").unwrap().counts;
        let inside = counts.received_bytes[0] - counts.sent_bytes[0];
        assert!(inside <= 5 << 20, "{inside} bytes are held");
        drop(go);
    }
}
