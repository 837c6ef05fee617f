//! Measures links beside toxiproxy's own server, in one run: `cargo bench -p chaos-links --bench compare -- [PART…]`.
//!
//! Parts: `trip` (1 byte there and back), `answer` (64 KiB for 1 byte), `bulk`, `late` (the error of a latency toxic), `http` (small
//! requests on one connection; HTTP links with the feature `http`), `control`
//! (calls of the control API beside 1,000 connections that nobody reads). Each
//! proxy is a process of its own; client and server are in this one. Links and toxiproxy are driven by the same HTTP calls.
//! noxious is published as a library only, so a small program around it (`benches/noxious`) is started for each proxy.
//! toxiproxy is taken from `TOXIPROXY_SERVER`, noxious from `NOXIOUS_PEER`; each is skipped by name without it. Figures go to
//! `benches/README.md`.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on may as well stop there")]

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chaos_links::{ApiServer, Links};
use rustix::net::sockopt::set_socket_recv_buffer_size;

/// What a bulk transfer moves, in MiB.
const BULK: u32 = 2048;

/// A call of the control API that takes longer hangs.
const HANGS: Duration = Duration::from_secs(5);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if words.first().is_some_and(|word| word == "serve") {
        return serve(words[1].parse().unwrap());
    }
    let asked = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    println!("load average before: {}", load.trim());
    let peers = peers();
    for (part, run) in [
        ("trip", trip as fn(&[Peer])),
        ("answer", answer),
        ("bulk", bulk),
        ("late", late),
        ("http", http),
        ("control", control),
    ] {
        if asked(part) {
            run(&peers);
        }
    }
}

/// This binary is also the proxy that is measured.
fn serve(address: SocketAddr) {
    let _api = ApiServer::start(Arc::new(Links::start(1).unwrap()), address).unwrap();
    // Until the bench goes away.
    let _ = std::io::stdin().read(&mut [0]);
}

struct Peer {
    name: &'static str,
    by: By,
}

/// What forwards.
enum By {
    Nobody,
    /// A process with a control API.
    Server(Running, SocketAddr),
    /// A program that is started for each proxy, and the one that runs.
    Program(OsString, RefCell<Option<Running>>),
}

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(mut command: Command, listens: SocketAddr) -> Self {
        let process = Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap());
        while TcpStream::connect(listens).is_err() {
            std::thread::yield_now();
        }
        process
    }
}

fn peers() -> Vec<Peer> {
    let mut peers = vec![Peer { name: "direct", by: By::Nobody }];
    let mut start = |name, command: Command, address: SocketAddr| {
        peers.push(Peer { name, by: By::Server(Running::start(command, address), address) });
    };
    let address = free();
    let mut links = Command::new(std::env::current_exe().unwrap());
    links.args(["serve", &address.to_string()]);
    start("links", links, address);
    match std::env::var_os("TOXIPROXY_SERVER") {
        Some(program) => {
            let address = free();
            let mut toxiproxy = Command::new(program);
            toxiproxy.args(["-host", "127.0.0.1", "-port", &address.port().to_string()]);
            start("toxiproxy", toxiproxy, address);
        }
        None => println!("skipped: needs TOXIPROXY_SERVER"),
    }
    match std::env::var_os("NOXIOUS_PEER") {
        Some(program) => peers.push(Peer { name: "noxious", by: By::Program(program, RefCell::default()) }),
        None => println!("skipped: needs NOXIOUS_PEER"),
    }
    peers
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Peer {
    fn call(&self, method: &str, path: &str, body: &str) -> String {
        self.tried(method, path, body).unwrap()
    }

    /// A call that may hang.
    fn tried(&self, method: &str, path: &str, body: &str) -> io::Result<String> {
        let By::Server(_, api) = &self.by else { return Err(io::ErrorKind::Unsupported.into()) };
        let mut stream = TcpStream::connect(api)?;
        stream.set_read_timeout(Some(HANGS))?;
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// The address under which a server is reached by way of this peer, with a latency toxic if one is asked for.
    fn way(&self, upstream: SocketAddr, latency: Option<u64>) -> SocketAddr {
        match &self.by {
            By::Nobody => return upstream,
            By::Server(..) => {}
            By::Program(program, runs) => {
                *runs.borrow_mut() = None;
                let (listen, mut command) = (free(), Command::new(program));
                command.args([listen, upstream].map(|address| address.to_string()));
                command.args(latency.map(|latency| latency.to_string()));
                *runs.borrow_mut() = Some(Running::start(command, listen));
                return listen;
            }
        }
        self.call("DELETE", "/proxies/bench", "");
        let body = format!(r#"{{"name":"bench","listen":"127.0.0.1:0","upstream":"{upstream}"}}"#);
        let answer = self.call("POST", "/proxies", &body);
        let listen = listens(&answer);
        if let Some(latency) = latency {
            let body = format!(r#"{{"type":"latency","attributes":{{"latency":{latency}}}}}"#);
            self.call("POST", "/proxies/bench/toxics", &body);
        }
        listen
    }

    /// Processor time of the proxy so far, in seconds.
    fn cpu(&self) -> f64 {
        match &self.by {
            By::Nobody => 0.0,
            By::Server(process, _) => cpu_of(process.0.id()),
            By::Program(_, runs) => cpu_of(runs.borrow().as_ref().unwrap().0.id()),
        }
    }
}

/// Where a link listens, by the answer of the control API.
fn listens(answer: &str) -> SocketAddr {
    answer.split("\"listen\":\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
}

/// Processor time of a process so far, in seconds.
fn cpu_of(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// A server that answers whatever it reads, at most so many bytes at once, with these bytes.
fn serving(at_once: usize, answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            client.set_nodelay(true).unwrap();
            let (mut asked, answer) = (vec![0; at_once], answer.clone());
            std::thread::spawn(move || {
                while client.read(&mut asked).is_ok_and(|read| read > 0) && client.write_all(&answer).is_ok() {}
            });
        }
    });
    address
}

fn trips(way: SocketAddr, size: usize, number: usize) -> Vec<Duration> {
    trips_after(Duration::ZERO, way, size, number)
}

/// The times of trips, before each of which everybody has been idle for that long.
#[expect(clippy::disallowed_methods, reason = "there is no clock but the real one here")]
fn trips_after(pause: Duration, way: SocketAddr, size: usize, number: usize) -> Vec<Duration> {
    let mut client = TcpStream::connect(way).unwrap();
    client.set_nodelay(true).unwrap();
    let mut answer = vec![0; size];
    let mut trip = || {
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
        let start = Instant::now();
        client.write_all(&[1]).unwrap();
        client.read_exact(&mut answer).unwrap();
        start.elapsed()
    };
    let _warm: Vec<Duration> = (0..number / 10).map(|_| trip()).collect();
    let mut times: Vec<Duration> = (0..number).map(|_| trip()).collect();
    times.sort();
    times
}

fn at(times: &[Duration], share: usize) -> f64 {
    times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e6
}

fn there_and_back(what: &str, peers: &[Peer], size: usize, latency: Option<u64>) {
    let server = serving(1, vec![1; size]);
    println!("{what}");
    for peer in peers {
        // noxious stalls for 44 ms in each large answer.
        let number = if peer.name == "noxious" && size > 1 { 200 } else { 5000 };
        let times = trips(peer.way(server, latency), size, number);
        println!("  {:<10} p50 {:>8.1} us   p99 {:>8.1} us", peer.name, at(&times, 50), at(&times, 99));
    }
}

fn trip(peers: &[Peer]) {
    there_and_back("1 byte there and back, no toxic", peers, 1, None);
    there_and_back("1 byte there and back, a latency toxic of 0", peers, 1, Some(0));
}

fn answer(peers: &[Peer]) {
    there_and_back("64 KiB for 1 byte, no toxic", peers, 65_536, None);
    there_and_back("64 KiB for 1 byte, a latency toxic of 0", peers, 65_536, Some(0));
}

fn bulk(peers: &[Peer]) {
    for latency in [None, Some(0)] {
        println!(
            "{} GiB downstream, {}",
            BULK / 1024,
            if latency.is_some() { "a latency toxic of 0" } else { "no toxic" }
        );
        for peer in peers {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let way = peer.way(listener.local_addr().unwrap(), latency);
            std::thread::spawn(move || {
                let block = vec![1; 1 << 20];
                // Whoever only looks whether the proxy is there goes away at once.
                let serve = |mut client: TcpStream| (0..BULK).try_for_each(|_| client.write_all(&block));
                listener.incoming().flatten().any(|client| serve(client).is_ok())
            });
            let (start, cpu, ends) = (Instant::now(), peer.cpu(), cpu_of(std::process::id()));
            let mut client = TcpStream::connect(way).unwrap();
            let mut block = vec![0; 1 << 20];
            let mut got = 0;
            let asked = (BULK as usize) << 20;
            while got < asked {
                match client.read(&mut block).unwrap() {
                    0 => break,
                    read => got += read,
                }
            }
            assert!(got == asked || peer.name != "links", "{got} of {asked} bytes came");
            let (time, cpu) = (start.elapsed().as_secs_f64(), peer.cpu() - cpu);
            let all = cpu + cpu_of(std::process::id()) - ends;
            let gib = f64::from(BULK) / 1024.0;
            let (rate, cost, total) = (gib * 1.073_741_824 / time, cpu / gib, all / gib);
            let lost = if got == asked { String::new() } else { format!("   {} bytes were lost", asked - got) };
            println!(
                "  {:<10} {rate:>5.2} GB/s   {cost:>5.2} s of CPU/GiB, {total:>5.2} s with client and server{lost}",
                peer.name
            );
        }
    }
}

/// How much later than asked a thread wakes.
#[expect(clippy::disallowed_methods, reason = "the kernel's own sleep is what is measured")]
fn slept_too_long(milliseconds: u64) -> Duration {
    let (start, asked) = (Instant::now(), Duration::from_millis(milliseconds));
    std::thread::sleep(asked);
    start.elapsed().saturating_sub(asked)
}

fn late(peers: &[Peer]) {
    println!(
        "error of a latency toxic; deducted is a direct trip after a pause as long as the latency, since idle cores wake slowly"
    );
    let server = serving(1, vec![1]);
    for latency in [0, 1, 5, 20, 100, 500] {
        let number = if latency > 50 { 20 } else { 200 };
        // What this machine's kernel is late by itself: no proxy can do better.
        let pause = Duration::from_millis(latency);
        let direct = trips_after(pause, server, 1, number);
        let mut slept: Vec<Duration> = (0..number).map(|_| slept_too_long(latency)).collect();
        slept.sort();
        let (half, most) = (at(&slept, 50) / 1e3, at(&slept, 99) / 1e3);
        println!("  {latency:>3} ms  {:<10} p50 {half:>+7.3} ms   p99 {most:>+7.3} ms", "a sleep");
        for peer in &peers[1..] {
            let times = trips_after(pause, peer.way(server, Some(latency)), 1, number);
            let off = |share| (at(&times, share) - at(&direct, 50)) / 1e3 - f64::from(u32::try_from(latency).unwrap());
            println!("  {latency:>3} ms  {:<10} p50 {:>+7.3} ms   p99 {:>+7.3} ms", peer.name, off(50), off(99));
        }
    }
}

/// What the HTTP server answers, whatever it is asked for.
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

fn http(peers: &[Peer]) {
    println!("a small request of HTTP/1.1 on an open connection");
    // Each read is one request.
    let server = serving(1024, ANSWER.into());
    let tell = |name: &str, way: SocketAddr| {
        let times = requests(way, 5000);
        println!("  {name:<16} p50 {:>8.1} us   p99 {:>8.1} us", at(&times, 50), at(&times, 99));
    };
    for peer in peers {
        tell(peer.name, peer.way(server, None));
        if peer.name != "links" || !cfg!(feature = "http") {
            continue;
        }
        for (name, rule) in
            [("links, http", None), ("links, a rule", Some(r#"{"match":{"path":"/other"},"effect":{"close":true}}"#))]
        {
            peer.call("DELETE", "/proxies/bench", "");
            let body = format!(r#"{{"name":"bench","listen":"127.0.0.1:0","upstream":"{server}","protocol":"http"}}"#);
            let way = listens(&peer.call("POST", "/proxies", &body));
            if let Some(rule) = rule {
                peer.call("POST", "/proxies/bench/toxics", &format!(r#"{{"type":"http","attributes":{rule}}}"#));
            }
            tell(name, way);
        }
    }
}

fn requests(way: SocketAddr, number: usize) -> Vec<Duration> {
    let mut client = TcpStream::connect(way).unwrap();
    client.set_nodelay(true).unwrap();
    let mut request = || {
        let start = Instant::now();
        client.write_all(b"GET /hello HTTP/1.1\r\nHost: bench\r\n\r\n").unwrap();
        let (mut answer, mut got) = ([0; 1024], 0);
        while !answer[..got].ends_with(b"\r\n\r\nok") {
            let read = client.read(&mut answer[got..]).unwrap();
            assert!(read > 0, "the connection ended behind {:?}", String::from_utf8_lossy(&answer[..got]));
            got += read;
        }
        start.elapsed()
    };
    let _warm: Vec<Duration> = (0..number / 10).map(|_| request()).collect();
    let mut times: Vec<Duration> = (0..number).map(|_| request()).collect();
    times.sort();
    times
}

/// Writes what the other side will not read.
fn fill(side: &mut TcpStream) {
    side.set_nonblocking(true).unwrap();
    let block = vec![1; 65_536];
    while side.write(&block).is_ok() {}
}

fn control(peers: &[Peer]) {
    println!("calls of the control API beside 1,000 connections that nobody reads");
    for peer in peers.iter().filter(|peer| matches!(peer.by, By::Server(..))) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // Small windows: a thousand of the usual size take all memory that TCP may have.
        set_socket_recv_buffer_size(&listener, 4096).unwrap();
        let way = peer.way(listener.local_addr().unwrap(), None);
        let pair = || {
            let client = TcpStream::connect(way).unwrap();
            set_socket_recv_buffer_size(&client, 4096).unwrap();
            [client, listener.accept().unwrap().0]
        };
        let mut sides: Vec<TcpStream> = (0..1000).flat_map(|_| pair()).collect();
        sides.iter_mut().for_each(fill);
        let mut times = Vec::new();
        let mut hung = None;
        for round in 0..20 {
            let toxic = |rate| format!(r#"{{"name":"t{round}","type":"bandwidth","attributes":{{"rate":{rate}}}}}"#);
            let at = format!("/proxies/bench/toxics/t{round}");
            let calls = [
                ("POST", "/proxies/bench/toxics", toxic(0)),
                ("GET", "/proxies", String::new()),
                ("POST", &at, toxic(1)),
                ("DELETE", &at, String::new()),
            ];
            for (method, path, body) in calls {
                let start = Instant::now();
                if hung.is_none() && peer.tried(method, path, &body).is_err() {
                    hung = Some(format!("{method} {path} of round {round} does not answer within {HANGS:?}"));
                }
                times.push(start.elapsed());
            }
        }
        times.sort();
        match hung {
            Some(hung) => println!("  {:<10} {hung}", peer.name),
            None => println!(
                "  {:<10} p50 {:>8.1} us   p99 {:>8.1} us   slowest {:>8.1} us",
                peer.name,
                at(&times, 50),
                at(&times, 99),
                at(&times, 100)
            ),
        }
    }
}
