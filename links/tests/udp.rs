//! UDP links: what arrives at the server and at the clients is the evidence.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use chaos_links::*;

struct Rig {
    links: Links,
    server: UdpSocket,
    client: UdpSocket,
}

/// Longer than this without a datagram that must come, and something hangs.
const HANGS: Duration = Duration::from_mins(1);

/// How long something is waited for that need not come.
const SILENT: Duration = Duration::from_millis(300);

/// The number of datagrams that only show whether any pass.
const PROBE: u16 = u16::MAX;

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(HANGS)).unwrap();
    socket
}

impl Rig {
    fn new(toxics: Vec<ToxicSpec>) -> Self {
        let (links, server, client) = (Links::start(3).unwrap(), socket(), socket());
        let spec = LinkSpec::new("link", "127.0.0.1:0", server.local_addr().unwrap().to_string());
        let link = links.create(&LinkSpec { protocol: Protocol::Udp, toxics, ..spec }).unwrap();
        client.connect(link.listen).unwrap();
        Self { links, server, client }
    }

    /// Sends numbered datagrams, a few at a time, and returns those that arrive, in order.
    fn send(&self, number: u16) -> Vec<u16> {
        let mut arrived = Vec::new();
        for first in (0..number).step_by(50) {
            let some = first..number.min(first + 50);
            let before = self.links.get("link").unwrap().counts;
            for n in some.clone() {
                self.client.send(&n.to_be_bytes()).unwrap();
            }
            // Each has gone through the toxics; only a second copy may still be on its way.
            let bytes = 2 * some.len() as u64;
            self.counted(|counts| through(counts) >= through(before) + bytes);
            while let Some((datagram, _)) = self.received(SILENT) {
                arrived.push(u16::from_be_bytes([datagram[0], datagram[1]]));
            }
        }
        arrived.retain(|n| *n != PROBE);
        arrived
    }

    /// Waits until a change is in force that lets datagrams pass.
    fn passes(&self) {
        let arrives = || {
            self.client.send(&PROBE.to_be_bytes()).unwrap();
            self.received(SILENT).is_some()
        };
        assert!((0..200).any(|_| arrives()), "nothing passes");
    }

    /// Waits until the link has counted so.
    fn counted(&self, so: impl Fn(Counts) -> bool) {
        let counts = || self.links.get("link").unwrap().counts;
        let began = Instant::now();
        while !so(counts()) {
            assert!(began.elapsed() < HANGS, "{:?}", counts());
            std::thread::yield_now();
        }
    }

    fn receive(&self) -> Option<(Vec<u8>, SocketAddr)> {
        self.received(HANGS)
    }

    fn received(&self, within: Duration) -> Option<(Vec<u8>, SocketAddr)> {
        self.server.set_read_timeout(Some(within)).unwrap();
        let mut buffer = [0; 2048];
        match self.server.recv_from(&mut buffer) {
            Ok((len, from)) => Some((buffer[..len].to_vec(), from)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Bytes of clients that a link has passed on or dropped.
fn through(counts: Counts) -> u64 {
    counts.sent_bytes[0] + counts.dropped_bytes[0]
}

fn up(kind: ToxicKind) -> Vec<ToxicSpec> {
    vec![ToxicSpec::new(kind, Direction::Upstream)]
}

#[test]
fn each_client_has_its_own_flow_and_gets_its_own_answers() {
    let rig = Rig::new(Vec::new());
    let other = socket();
    other.connect(rig.links.get("link").unwrap().listen).unwrap();
    rig.client.send(b"one").unwrap();
    let (first, first_from) = rig.receive().unwrap();
    other.send(b"two").unwrap();
    let (second, second_from) = rig.receive().unwrap();
    assert_eq!((first.as_slice(), second.as_slice()), (b"one".as_slice(), b"two".as_slice()));
    assert_ne!(first_from, second_from);
    rig.server.send_to(b"to two", second_from).unwrap();
    rig.server.send_to(b"to one", first_from).unwrap();
    let mut buffer = [0; 16];
    for (client, expected) in [(&rig.client, b"to one"), (&other, b"to two")] {
        let len = client.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], expected);
    }
    // They are counted right after they were sent.
    rig.counted(|counts| (counts.open, counts.sent_bytes) == (2, [6, 12]));
}

#[test]
fn loss_drops_its_share_and_the_same_ones_for_a_seed() {
    let loss = || up(ToxicKind::Loss(Loss { probability: 0.3, ..Loss::default() }));
    let rig = Rig::new(loss());
    let arrived = rig.send(400);
    assert!((230..330).contains(&arrived.len()), "{} of 400", arrived.len());
    assert_eq!(rig.links.get("link").unwrap().counts.dropped_bytes[0], 2 * (400 - arrived.len() as u64));
    assert_eq!(Rig::new(loss()).send(400), arrived);
    assert_eq!(Rig::new(Vec::new()).send(400).len(), 400, "without the toxic, all arrive");
}

#[test]
fn duplicates_arrive_twice_and_reordered_ones_late() {
    let twice = Rig::new(up(ToxicKind::Duplicate(Duplicate { probability: 0.5 }))).send(100);
    let different: BTreeSet<u16> = twice.iter().copied().collect();
    assert_eq!(different.len(), 100);
    assert!((130..170).contains(&twice.len()), "{}", twice.len());
    let reordered = Rig::new(up(ToxicKind::Reorder(Reorder { probability: 0.3, delay: 50 }))).send(50);
    assert_eq!(reordered.len(), 50);
    assert!(!reordered.is_sorted());
    assert!(Rig::new(Vec::new()).send(50).is_sorted(), "without the toxic, all are in order");
}

#[test]
fn corruption_changes_one_bit_and_latency_delays() {
    let rig = Rig::new(up(ToxicKind::Corrupt(Corrupt { probability: 1.0 })));
    rig.client.send(&[0; 100]).unwrap();
    let (datagram, _) = rig.receive().unwrap();
    assert_eq!(datagram.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
    let rig = Rig::new(up(ToxicKind::Latency(LatencyToxic { latency: 100, ..LatencyToxic::default() })));
    let start = Instant::now();
    rig.client.send(b"x").unwrap();
    rig.receive().unwrap();
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_hole_swallows_and_the_link_comes_back_on_its_port() {
    let rig = Rig::new(up(ToxicKind::BlackHole(BlackHoleToxic::default())));
    assert!(rig.send(5).is_empty());
    rig.links.remove_toxic("link", "black_hole_upstream").unwrap();
    rig.passes();
    assert_eq!(rig.send(5).len(), 5);
    let address = rig.links.get("link").unwrap().listen;
    let enabled = |enabled| LinkChange { enabled: Some(enabled), ..LinkChange::default() };
    for _ in 0..20 {
        rig.links.update("link", &enabled(false)).unwrap();
        rig.links.update("link", &enabled(true)).unwrap();
    }
    assert_eq!(rig.links.get("link").unwrap().listen, address);
    rig.passes();
    assert_eq!(rig.send(5).len(), 5);
}

#[test]
fn a_toxic_of_the_other_protocol_is_refused_by_name() {
    let rig = Rig::new(Vec::new());
    let slicer = ToxicSpec::new(ToxicKind::Slicer(Slicer::default()), Direction::Upstream);
    let error = rig.links.add_toxic("link", slicer).unwrap_err();
    assert_eq!(error.to_string(), "toxic `slicer` does not act on udp links");
}

#[test]
fn flows_go_on_from_another_port_and_answers_to_the_old_one_are_lost() {
    let rig = Rig::new(Vec::new());
    rig.client.send(b"one").unwrap();
    let (_, before) = rig.receive().unwrap();
    rig.links.shift_ports("link").unwrap();
    rig.counted(|counts| (counts.open, counts.shifts) == (1, 1));
    rig.server.send_to(b"lost", before).unwrap();
    rig.client.send(b"two").unwrap();
    let (datagram, after) = rig.receive().unwrap();
    assert_eq!(datagram, b"two");
    assert_ne!(before, after);
    rig.server.send_to(b"back", after).unwrap();
    let mut buffer = [0; 16];
    let len = rig.client.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"back", "an answer to the old port arrives nowhere");
    // Without another shift it stays where it is.
    rig.client.send(b"three").unwrap();
    assert_eq!(rig.receive().unwrap().1, after);
    assert_eq!(rig.links.get("link").unwrap().counts.shifts, 1);
}

#[test]
fn what_waits_in_a_toxic_goes_out_from_the_other_port() {
    let rig = Rig::new(Vec::new());
    rig.client.send(b"one").unwrap();
    let (_, before) = rig.receive().unwrap();
    let late = LatencyToxic { latency: 600_000, ..LatencyToxic::default() };
    rig.links.add_toxic("link", up(ToxicKind::Latency(late)).remove(0)).unwrap();
    rig.client.send(b"late").unwrap();
    rig.counted(|counts| counts.received_bytes[0] == 7);
    rig.links.shift_ports("link").unwrap();
    rig.counted(|counts| counts.shifts == 1);
    rig.links.remove_toxic("link", "latency_upstream").unwrap();
    let (datagram, after) = rig.receive().unwrap();
    assert_eq!(datagram, b"late");
    assert_ne!(before, after);
}

#[test]
fn connections_have_no_flows_to_shift() {
    let links = Links::start(3).unwrap();
    links.create(&LinkSpec::new("link", "127.0.0.1:0", "127.0.0.1:9")).unwrap();
    let error = links.shift_ports("link").unwrap_err();
    assert_eq!(error.to_string(), "tcp links have no flows that could go on from another port");
}
