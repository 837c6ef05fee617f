//! Calls of the control API while connections are blocked, and after toxiproxy's deadlock recipes (#159, #210, #412, #558).
//!
//! The bar is 50 ms a call. Machines that run tests are loaded, so the figure is printed, and the assertion is a call that
//! takes longer than any scheduler: what hung, hung for ever.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chaos_links::{ApiServer, LinkSpec, Links};
use rustix::net::sockopt::set_socket_recv_buffer_size;

/// Longer than this, and a call hangs.
const HANGS: Duration = Duration::from_mins(1);

struct Control {
    api: SocketAddr,
    slowest: Duration,
    calls: u32,
}

impl Control {
    fn call(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let start = Instant::now();
        let mut stream = TcpStream::connect(self.api).unwrap();
        stream.set_read_timeout(Some(HANGS)).unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: links\r\nConnection: close\r\n");
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap_or_else(|error| panic!("{method} {path} hangs: {error}"));
        self.slowest = self.slowest.max(start.elapsed());
        self.calls += 1;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn ok(&mut self, method: &str, path: &str, body: &str) {
        let (status, body) = self.call(method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {body}");
    }
}

const TOXICS: [(&str, &str); 9] = [
    ("latency", r#"{"latency":3600000}"#),
    ("bandwidth", r#"{"rate":1}"#),
    ("slow_close", r#"{"delay":3600000}"#),
    ("timeout", r#"{"timeout":0}"#),
    ("slicer", r#"{"average_size":10,"delay":1000000}"#),
    ("limit_data", r#"{"bytes":1000000000}"#),
    ("loss", r#"{"probability":1}"#),
    ("black_hole", "{}"),
    ("reset_peer", r#"{"timeout":3600000}"#),
];

/// Writes what the other side will not read; how many bytes that were.
fn fill(client: &mut TcpStream) -> usize {
    client.set_nonblocking(true).unwrap();
    let block = vec![7; 65_536];
    (0..8).map(|_| client.write(&block).unwrap_or(0)).sum()
}

fn fill_all(sides: &mut [TcpStream]) -> usize {
    sides.iter_mut().map(fill).sum()
}

/// What the thread that accepts brings: the server's sides, and how many bytes they have sent.
type Accepted = std::thread::JoinHandle<(Vec<TcpStream>, usize)>;

/// Writes until every connection holds something back and nothing moves any more.
fn block(links: &Links, clients: &mut [TcpStream]) {
    let mut before = None;
    loop {
        fill_all(clients);
        let counts = links.get("link").unwrap().counts;
        let held = counts.received_bytes[0] - counts.sent_bytes[0];
        let is_blocked = counts.open == clients.len() as u64 && held >= counts.open;
        if is_blocked && before == Some(counts) {
            return;
        }
        before = Some(counts);
    }
}

/// A link whose server accepts and never reads, and clients that never read; both have written what `fill` does.
fn blocked(connections: usize, fill: fn(&mut TcpStream) -> usize) -> (ApiServer, Arc<Links>, Vec<TcpStream>, Accepted) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    // Small windows, so that little blocks a connection: a thousand of the usual size take all memory that TCP may have.
    set_socket_recv_buffer_size(&server, 4096).unwrap();
    let links = Arc::new(Links::start(1).unwrap());
    let upstream = server.local_addr().unwrap().to_string();
    let link = links.create(&LinkSpec::new("link", "127.0.0.1:0", upstream)).unwrap();
    let accepted = std::thread::spawn(move || {
        let mut sides: Vec<TcpStream> = (0..connections).map(|_| server.accept().unwrap().0).collect();
        let sent = sides.iter_mut().map(fill).sum();
        (sides, sent)
    });
    let clients = (0..connections)
        .map(|_| {
            let mut client = TcpStream::connect(&link.listen).unwrap();
            set_socket_recv_buffer_size(&client, 4096).unwrap();
            fill(&mut client);
            client
        })
        .collect();
    let api = ApiServer::start(links.clone(), "127.0.0.1:0".parse().unwrap()).unwrap();
    (api, links, clients, accepted)
}

/// Adds, lists, changes and removes every toxic on both streams, resets, disables and enables.
fn exercise(control: &mut Control) {
    for (kind, attributes) in TOXICS {
        for stream in ["upstream", "downstream"] {
            let body = format!(r#"{{"type":"{kind}","stream":"{stream}","attributes":{attributes}}}"#);
            control.ok("POST", "/proxies/link/toxics", &body);
            control.ok("GET", "/proxies", "");
            let toxic = format!("/proxies/link/toxics/{kind}_{stream}");
            control.ok("PATCH", &toxic, &format!(r#"{{"attributes":{attributes},"toxicity":0.5}}"#));
            control.ok("DELETE", &toxic, "");
        }
    }
}

#[test]
fn every_call_is_answered_while_a_thousand_connections_are_blocked() {
    let mut recipe = Recipe::of(1000, fill);
    recipe.block();
    let control = &mut recipe.control;
    for rate in [100, 1000, 100_000] {
        // Raising a rate on live connections took toxiproxy down.
        let body = format!(r#"{{"type":"bandwidth","attributes":{{"rate":{rate}}}}}"#);
        if rate == 100 {
            control.ok("POST", "/proxies/link/toxics", &body);
        }
        control.ok("PATCH", "/proxies/link/toxics/bandwidth_downstream", &body);
    }
    control.ok("POST", "/reset", "");
    exercise(control);
    control.ok("POST", "/reset", "");
    control.ok("GET", "/metrics", "");
    control.ok("PATCH", "/proxies/link", r#"{"enabled":false}"#);
    control.ok("PATCH", "/proxies/link", r#"{"enabled":true}"#);
    control.ok("DELETE", "/proxies/link", "");
    println!("{} calls beside 1,000 blocked connections, the slowest took {:?}", control.calls, control.slowest);
    assert!(control.slowest < HANGS);
}

/// Each of the recipes below has a thousand connections of its own, so they come one after the other.
static ALONE: Mutex<()> = Mutex::new(());

/// A thousand connections that nobody reads, in either way, and what is done to them.
struct Recipe {
    control: Control,
    links: Arc<Links>,
    clients: Vec<TcpStream>,
    servers: Vec<TcpStream>,
    /// Bytes that the server has sent.
    sent: usize,
    _api: ApiServer,
    _alone: MutexGuard<'static, ()>,
}

impl Recipe {
    /// Connections that are open, and what the first toxic of a recipe finds.
    fn of(connections: usize, fill: fn(&mut TcpStream) -> usize) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (api, links, clients, accepted) = blocked(connections, fill);
        let (servers, sent) = accepted.join().unwrap();
        let control = Control { api: api.address(), slowest: Duration::ZERO, calls: 0 };
        Self { control, links, clients, servers, sent, _api: api, _alone: alone }
    }

    /// Fills every connection until nothing moves any more.
    fn block(&mut self) {
        block(&self.links, &mut self.clients);
    }

    fn add(&mut self, name: &str, kind: &str, stream: &str, attributes: &str) {
        let body = format!(r#"{{"name":"{name}","type":"{kind}","stream":"{stream}","attributes":{attributes}}}"#);
        self.control.ok("POST", "/proxies/link/toxics", &body);
    }

    fn remove(&mut self, name: &str) {
        self.control.ok("DELETE", &format!("/proxies/link/toxics/{name}"), "");
    }

    /// What hung as well, once one call did; and the whole link goes away.
    fn others_answer(mut self, recipe: &str) {
        self.control.ok("GET", "/proxies", "");
        self.control.ok("GET", "/proxies/link", "");
        self.control.ok("POST", "/reset", "");
        self.control.ok("PATCH", "/proxies/link", r#"{"enabled":false}"#);
        self.control.ok("DELETE", "/proxies/link", "");
        println!("{recipe}: {} calls, the slowest took {:?}", self.control.calls, self.control.slowest);
        assert!(self.control.slowest < HANGS);
    }
}

/// Reads what waits; how many bytes that were.
fn take(stream: &mut TcpStream) -> usize {
    stream.read(&mut [0; 16_384]).unwrap_or(0)
}

/// toxiproxy #159: the toxic before a `timeout` wrote to it, the `timeout` never read, and the removal waited for that write.
#[test]
fn a_latency_before_a_timeout_is_removed_while_data_waits_in_it() {
    let mut recipe = Recipe::of(1000, fill);
    recipe.add("first", "latency", "upstream", r#"{"latency":500}"#);
    recipe.block();
    recipe.add("second", "timeout", "upstream", r#"{"timeout":0}"#);
    fill_all(&mut recipe.clients);
    recipe.remove("first");
    recipe.others_answer("#159");
}

/// toxiproxy #210: a bandwidth of 0 never finished the piece that it had, and the removal waited for it; the second round of it at
/// the latest.
#[test]
fn a_bandwidth_of_nothing_is_removed_while_it_holds_data_and_the_data_goes_on() {
    let mut recipe = Recipe::of(1000, |_| 0);
    for _ in 0..2 {
        recipe.add("half_open", "bandwidth", "downstream", r#"{"rate":0}"#);
        recipe.sent += recipe.servers.iter_mut().map(|side| side.write(&[7; 10_000]).unwrap()).sum::<usize>();
        recipe.remove("half_open");
    }
    assert_eq!(recipe.sent, 20_000_000);
    let start = Instant::now();
    let mut read = 0;
    recipe.clients.iter_mut().for_each(|client| client.set_nonblocking(true).unwrap());
    while read < recipe.sent {
        assert!(start.elapsed() < HANGS * 4, "{read} of {} bytes arrive", recipe.sent);
        read += recipe.clients.iter_mut().map(take).sum::<usize>();
    }
    assert_eq!(read, recipe.sent);
    recipe.others_answer("#210");
}

/// toxiproxy #412: clients broke off under load, their connections' last toxic had nobody left to write to, and the removal of the
/// toxic before it waited for ever.
#[test]
fn a_latency_is_removed_while_clients_break_off_with_data_on_its_way() {
    let mut recipe = Recipe::of(1000, fill);
    recipe.add("latency", "latency", "downstream", r#"{"latency":6000}"#);
    fill_all(&mut recipe.servers);
    let clients = std::mem::take(&mut recipe.clients);
    let breaking = std::thread::spawn(move || drop(clients));
    for _ in 0..20 {
        recipe.remove("latency");
        recipe.add("latency", "latency", "downstream", r#"{"latency":6000}"#);
        fill_all(&mut recipe.servers);
    }
    breaking.join().unwrap();
    recipe.remove("latency");
    let open = || recipe.links.get("link").unwrap().counts.open;
    let start = Instant::now();
    while open() > 0 {
        assert!(start.elapsed() < HANGS * 4, "{} connections outlive their clients", open());
        fill_all(&mut recipe.servers);
        std::thread::yield_now();
    }
    recipe.others_answer("#412");
}

/// toxiproxy #558: neither side read, so each toxic of the chain was blocked in its write, and the removal of any of them too.
#[test]
fn any_toxic_of_a_chain_is_removed_while_neither_side_reads() {
    let mut recipe = Recipe::of(1000, fill);
    recipe.block();
    for (number, (kind, attributes)) in TOXICS.iter().enumerate() {
        for stream in ["upstream", "downstream"] {
            recipe.add(&format!("{stream}{number}"), kind, stream, attributes);
        }
    }
    fill_all(&mut recipe.clients);
    fill_all(&mut recipe.servers);
    for number in 0..TOXICS.len() {
        for stream in ["downstream", "upstream"] {
            recipe.remove(&format!("{stream}{number}"));
        }
    }
    recipe.others_answer("#558");
}
