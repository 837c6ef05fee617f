//! Connections that come and go while toxics are put on them, changed and removed at random: nothing leaks, and every byte that
//! should arrive arrives in order.
//!
//! 2,000 connections; `LINKS_CHURN_CONNECTIONS=10000` and `LINKS_TEST_SEED` for a long form. One test in its own process, whose
//! descriptors, threads and memory are only its own.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chaos_links::*;

#[path = "support/dice.rs"]
mod dice;

use dice::{Dice, number_of, seed};

/// Longer than this without a byte, and a connection hangs.
const HANGS: Duration = Duration::from_mins(2);

/// How many connections are open at a time.
const CLIENTS: u64 = 16;

/// Memory that an allocator may keep of what was in use at the same time, in KiB; a leak of 1 % of what is moved is more.
const KEPT_KIB: u64 = 48 * 1024;

/// Two links to one server: toxics of the one only delay, toxics of the other also drop, cut and reset.
const GENTLE: &str = "gentle";
const HARSH: &str = "harsh";

/// What both ends of a connection have agreed upon: it tells a lost, doubled or displaced byte.
fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut dice = Dice::of(seed);
    (0..len.div_ceil(8)).flat_map(|_| dice.number().to_le_bytes()).take(len).collect()
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3))
}

/// Bytes that were sent and came in whole, as the ends count them: from clients, from the server.
#[derive(Default)]
struct Tally {
    gentle: [AtomicU64; 2],
    cut: AtomicU64,
}

/// Reads until the end; what came in until it was cut off counts, too.
fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) => assert_ne!(error.kind(), ErrorKind::WouldBlock, "a connection hangs after {} bytes", all.len()),
    }
    all
}

/// Reads a question (whose seed is its first 8 bytes), and answers with as many bytes of another pattern.
fn serve(mut stream: TcpStream) {
    let question = read_all(&mut stream);
    let Some(seed) = question.get(..8).map(|seed| u64::from_le_bytes(seed.try_into().unwrap())) else { return };
    let body = &question[8..];
    assert!(body == pattern(seed, body.len()), "a question of {} bytes was changed", body.len());
    let answer = pattern(!seed, body.len());
    // A link may have broken off.
    let _ = stream.write_all(&checksum(body).to_le_bytes()).and_then(|()| stream.write_all(&answer));
}

/// A server of [`serve`].
fn server() -> (SocketAddr, Arc<AtomicBool>, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let asked = ended.clone();
    let thread = std::thread::spawn(move || {
        std::thread::scope(|scope| {
            for stream in listener.incoming() {
                if asked.load(Ordering::SeqCst) {
                    return;
                }
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(HANGS)).unwrap();
                stream.set_write_timeout(Some(HANGS)).unwrap();
                scope.spawn(move || serve(stream));
            }
        });
    });
    (address, ended, thread)
}

/// One connection: a question, its end, and the whole answer.
fn ask(link: &LinkView, seed: u64, len: usize, tally: &Tally) {
    let is_gentle = link.name == GENTLE;
    let mut stream = TcpStream::connect(&link.listen).unwrap();
    stream.set_read_timeout(Some(HANGS)).unwrap();
    stream.set_write_timeout(Some(HANGS)).unwrap();
    let question = [&seed.to_le_bytes()[..], &pattern(seed, len)].concat();
    let sent = stream.write_all(&question).and_then(|()| stream.shutdown(Shutdown::Write));
    let answer = read_all(&mut stream);
    let whole = [&checksum(&question[8..]).to_le_bytes()[..], &pattern(!seed, len)].concat();
    if is_gentle {
        sent.unwrap();
        assert!(answer == whole, "{} of {} bytes came back, or others", answer.len(), whole.len());
        tally.gentle[0].fetch_add(question.len() as u64, Ordering::Relaxed);
        tally.gentle[1].fetch_add(whole.len() as u64, Ordering::Relaxed);
        return;
    }
    if answer != whole {
        tally.cut.fetch_add(1, Ordering::Relaxed);
    }
    // The server may have got only the beginning of the question, and answered that: its checksum is another one then, but what
    // it sends is a beginning of the same pattern.
    if let Some(body) = answer.get(8..) {
        assert!(whole[8..].starts_with(body), "{} bytes of an answer were changed", body.len());
    }
}

/// A toxic that only delays.
fn delaying(dice: &mut Dice) -> ToxicKind {
    let below = |dice: &mut Dice, bound| i64::try_from(dice.below(bound)).unwrap();
    match dice.below(6) {
        0 => {
            let distribution = *dice.pick(&[Distribution::Uniform, Distribution::Normal]);
            ToxicKind::Latency(LatencyToxic { latency: below(dice, 8), jitter: below(dice, 8), distribution })
        }
        1 => ToxicKind::Bandwidth(Bandwidth { rate: 2000 + below(dice, 100_000) }),
        2 => ToxicKind::SlowClose(SlowClose { delay: below(dice, 8) }),
        3 => {
            let average_size = 200 + below(dice, 2000);
            ToxicKind::Slicer(Slicer { average_size, size_variation: average_size / 2, delay: below(dice, 20) })
        }
        4 => ToxicKind::Loss(Loss { probability: 0.1, stall: below(dice, 4), ..Loss::default() }),
        _ => ToxicKind::BlackHole(BlackHoleToxic { mode: HoleMode::SayNothing }),
    }
}

/// A toxic that may also cost bytes or the connection.
fn costing(dice: &mut Dice) -> ToxicKind {
    match dice.below(6) {
        0 => ToxicKind::Timeout(Timeout { timeout: *dice.pick(&[0, 1, 10]) }),
        1 => ToxicKind::ResetPeer(ResetPeer { timeout: *dice.pick(&[0, 1, 10]) }),
        2 => ToxicKind::LimitData(LimitData { bytes: *dice.pick(&[0, 10, 10_000, 1_000_000]) }),
        3 => ToxicKind::BlackHole(BlackHoleToxic { mode: HoleMode::HalfOpen }),
        _ => delaying(dice),
    }
}

/// Adds, changes and removes toxics until it is asked to end; how many changes there were.
fn disturb(links: &Links, ended: &AtomicBool, mut dice: Dice) -> u64 {
    let mut changes = 0;
    while !ended.load(Ordering::SeqCst) {
        let name = *dice.pick(&[GENTLE, HARSH]);
        let toxics = links.toxics(name).unwrap();
        let kind = if name == GENTLE { delaying(&mut dice) } else { costing(&mut dice) };
        // Several that cost something would let hardly any connection come to its end.
        let toxicity = *dice.pick(if name == GENTLE { &[0.3_f32, 0.7, 1.0] } else { &[0.05, 0.1, 0.3] });
        if toxics.len() > 4 || !toxics.is_empty() && dice.percent(45) {
            let toxic = dice.pick(&toxics).clone();
            if dice.percent(50) {
                links.remove_toxic(name, &toxic.name).unwrap();
            } else {
                links.replace_toxic(name, &toxic.name.clone(), ToxicSpec { kind, ..toxic }).unwrap();
            }
        } else {
            let stream = *dice.pick(&Direction::BOTH);
            let name_of = format!("toxic-{changes}");
            links.add_toxic(name, ToxicSpec { name: name_of, toxicity, ..ToxicSpec::new(kind, stream) }).unwrap();
        }
        changes += 1;
        std::thread::park_timeout(Duration::from_millis(1));
    }
    for name in [GENTLE, HARSH] {
        for toxic in links.toxics(name).unwrap() {
            links.remove_toxic(name, &toxic.name).unwrap();
        }
    }
    changes
}

/// Opens and closes connections on both links while toxics change; comes back when all are closed.
fn churn(links: &Arc<Links>, connections: u64, seed: u64, tally: &Tally) -> u64 {
    let ended = AtomicBool::new(false);
    let next = AtomicU64::new(0);
    let (harsh, gentle) = (links.get(HARSH).unwrap(), links.get(GENTLE).unwrap());
    let changes = std::thread::scope(|scope| {
        let disturber = scope.spawn(|| disturb(links, &ended, Dice::of(seed)));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= connections {
                            return;
                        }
                        let mut dice = Dice::of(seed.wrapping_mul(1_000_003) ^ number);
                        // Now and then so much that it is spliced.
                        let bound = *dice.pick(&[10, 1000, 20_000, 20_000, 60_000, 60_000, 60_000, 400_000]);
                        let len = dice.below(bound);
                        ask(if dice.percent(50) { &gentle } else { &harsh }, dice.number(), len, tally);
                    }
                })
            })
            .collect();
        let failed = clients.into_iter().map(std::thread::ScopedJoinHandle::join).filter(Result::is_err).count();
        ended.store(true, Ordering::SeqCst);
        let changes = disturber.join().unwrap();
        assert_eq!(failed, 0, "clients have failed");
        changes
    });
    until("all connections are closed", || links.list().iter().all(|link| link.counts.open == 0));
    changes
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < HANGS, "{what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Descriptors, threads and resident memory (KiB) of this process.
fn held() -> (usize, usize, u64) {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident = resident.trim().trim_end_matches(" kB").parse().unwrap();
    (count("/proc/self/fd"), count("/proc/self/task"), resident)
}

#[test]
fn connections_that_come_and_go_under_changing_toxics_leave_nothing_and_lose_nothing() {
    let connections = number_of("LINKS_CHURN_CONNECTIONS").unwrap_or(2000);
    drop(Links::start(1).unwrap());
    // A thread that has been joined may be in the list for a moment; the test has two, one of them waits for the other.
    until("the threads of the links end", || held().1 <= 2);
    let (before, threads, _) = held();
    let (upstream, server_ends, server) = server();
    let links = Arc::new(Links::start(seed()).unwrap());
    for name in [GENTLE, HARSH] {
        links.create(&LinkSpec::new(name, "127.0.0.1:0", upstream.to_string())).unwrap();
    }
    let tally = Tally::default();
    let (_, threads_idle, _) = held();
    let threads_end = || until("the threads of all connections end", || held().1 == threads_idle);
    // What workers keep for good is there after the first connections.
    churn(&links, 500, !seed(), &tally);
    threads_end();
    let (descriptors_idle, _, memory_idle) = held();
    let start = Instant::now();
    let changes = churn(&links, connections, seed(), &tally);
    let took = start.elapsed();
    threads_end();
    let (descriptors, threads_now, memory) = held();
    let moved: u64 = links.list().iter().flat_map(|link| link.counts.sent_bytes).sum();
    let cut = tally.cut.load(Ordering::Relaxed);
    println!(
        "{connections} connections in {took:?} under {changes} changes, {} MB moved, {cut} cut short; descriptors {descriptors_idle} \
         then {descriptors}, threads {threads_idle} then {threads_now}, resident {memory_idle} then {memory} KiB",
        moved / 1_000_000
    );
    assert!(cut > connections / 50, "toxics that cost something have cost little: {cut}");
    // Each of at most four workers keeps a pipe, two descriptors, for the next connection that needs one.
    assert!(descriptors <= descriptors_idle + 8, "{descriptors_idle} then {descriptors} descriptors");
    assert!(memory <= memory_idle + KEPT_KIB, "{memory_idle} then {memory} KiB");

    // What the ends have counted is what the link has: nothing was lost, nothing was made up.
    let gentle = links.get(GENTLE).unwrap().counts;
    let counted = [0, 1].map(|way| tally.gentle[way].load(Ordering::Relaxed));
    assert_eq!((gentle.received_bytes, gentle.sent_bytes), (counted, counted));
    assert_eq!((gentle.dropped_bytes, gentle.reset, gentle.refused), ([0, 0], 0, 0));
    let accepted: u64 = links.list().iter().map(|link| link.counts.accepted).sum();
    assert_eq!(accepted, connections + 500);

    drop(links);
    server_ends.store(true, Ordering::SeqCst);
    drop(TcpStream::connect(upstream));
    server.join().unwrap();
    until("descriptors and threads are as before", || {
        let (descriptors, threads_now, _) = held();
        (descriptors, threads_now) == (before, threads)
    });
}
