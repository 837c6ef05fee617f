//! The control API under made and spoilt requests, while connections go through its links: it always answers, and never panics.
//!
//! 20,000 requests; `LINKS_FUZZ_REQUESTS=1000000` and `LINKS_TEST_SEED` for a long form. Not a byte leaves this machine.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chaos_links::{ApiServer, LinkSpec, Links};
use serde_json::Value;

#[path = "support/dice.rs"]
mod dice;
#[path = "support/requests.rs"]
mod requests;

use dice::{Dice, number_of, seed};
use requests::{Made, Maker};

/// Longer than this, and a call hangs.
const HANGS: Duration = Duration::from_mins(1);

/// How many connections go through links at a time.
const CONNECTIONS: usize = 16;

/// What the API may answer at all.
const STATUSES: [u16; 10] = [200, 201, 204, 400, 403, 404, 405, 409, 413, 500];

/// Panics of threads and tasks, which nobody else would tell.
static PANICS: AtomicU64 = AtomicU64::new(0);
static FIRST_PANIC: Mutex<String> = Mutex::new(String::new());

fn count_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if PANICS.fetch_add(1, Ordering::SeqCst) == 0 {
            *FIRST_PANIC.lock().unwrap() = panic.to_string();
        }
        usual(panic);
    }));
}

struct Answer {
    status: u16,
    content_type: String,
    body: Vec<u8>,
    closes: bool,
}

/// One client of the API that keeps its connection.
struct Client {
    api: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    fn send(&mut self, made: &Made) -> Answer {
        let stream = self.stream.get_or_insert_with(|| BufReader::new(connect(self.api)));
        let head = format!(
            "{} {} HTTP/1.1\r\nHost: links\r\nContent-Length: {}\r\n\r\n",
            made.method,
            made.path,
            made.body.len()
        );
        stream.get_mut().write_all(&[head.as_bytes(), &made.body].concat()).unwrap();
        let answer = answer(stream, made.method == "HEAD");
        if answer.closes {
            self.stream = None;
        }
        answer
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(HANGS)).unwrap();
    stream
}

fn answer(stream: &mut BufReader<TcpStream>, is_head: bool) -> Answer {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).map(|status| status.parse().unwrap());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        assert_ne!(stream.read_line(&mut line).unwrap(), 0, "the answer is cut off");
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; if is_head { 0 } else { length }];
    stream.read_exact(&mut body).unwrap();
    let content_type = headers.get("content-type").cloned().unwrap_or_default();
    let closes = headers.get("connection").is_some_and(|value| value == "close");
    Answer { status: status.unwrap_or_default(), content_type, body, closes }
}

/// What must hold for every answer.
fn check(made: &Made, answer: &Answer) {
    let text = String::from_utf8_lossy(&answer.body);
    let of =
        || format!("{} {} {:?}: {} {text}", made.method, made.path, String::from_utf8_lossy(&made.body), answer.status);
    assert!(STATUSES.contains(&answer.status), "{}", of());
    let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let is_cut = made.method == "HEAD";
    if answer.content_type.starts_with("application/json") && !is_cut {
        assert!(json.is_some(), "{}", of());
    }
    if let Some(error) = json.as_ref().and_then(|json| json.get("error")?.as_str()) {
        assert_eq!(json.as_ref().unwrap()["status"], answer.status, "{}", of());
        // The system may refuse an address; nothing else is the server's own fault.
        assert!(answer.status != 500 || error.starts_with("listen tcp "), "{}", of());
    } else {
        assert!(answer.status != 500 || is_cut, "{}", of());
    }
}

/// A request that is not HTTP, or only half of one: it is refused or dropped, at once.
fn send_spoilt(api: SocketAddr, made: &Made, dice: &mut Dice) {
    let lie = made.body.len() + dice.below(100);
    let head = match dice.below(8) {
        0 => format!("{} {} HTTP/9.9\r\n\r\n", made.method, made.path),
        1 => format!("{} {} HTTP/1.0\r\nContent-Length: {lie}\r\n\r\n", made.method, made.path),
        2 => format!("{} {} HTTP/1.1\r\nHost: x\r\nContent-Length: {lie}\r\n\r\n", made.method, made.path),
        3 => format!("{} {} HTTP/1.1\r\nContent-Length: -1\r\n\r\n", made.method, made.path),
        4 => format!("POST {} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{lie:x}\r\n", made.path),
        5 => format!("{} {} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: {lie}\r\n\r\n", made.method, made.path),
        6 => format!("CONNECT {} HTTP/1.1\r\nHost: x\r\n\r\n", made.path),
        _ => "x".repeat(dice.below(20_000)),
    };
    let mut stream = connect(api);
    // It may be refused before all of it is written.
    let _ = stream.write_all(&[head.as_bytes(), &made.body].concat());
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{head:?} hangs"),
    }
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{head:?}: {:?}", String::from_utf8_lossy(&answer));
}

/// A server that answers with what it gets.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            // Small stacks: many connections of the past are still being closed.
            let thread = std::thread::Builder::new().stack_size(64 * 1024);
            thread.spawn(move || std::io::copy(&mut client.try_clone()?, &mut client)).unwrap();
        }
    });
    address
}

/// Sends something through a link, so that its toxics have something to act on.
fn use_a_link(links: &Links, open: &mut Vec<TcpStream>, dice: &mut Dice) {
    let all = links.list();
    let Some(link) = (!all.is_empty()).then(|| dice.pick(&all)).filter(|link| link.enabled) else { return };
    let Ok(address) = link.listen.replace("[::]", "127.0.0.1").parse() else { return };
    // A black hole accepts nothing.
    if let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_millis(20)) {
        stream.set_nonblocking(true).unwrap();
        // A link may be about to close it.
        let _ = stream.write(&vec![7; dice.below(30_000)]);
        open.push(stream);
    }
    if open.len() > CONNECTIONS {
        open.swap_remove(dice.below(open.len()));
    }
}

#[test]
fn every_request_is_answered_whatever_it_asks() {
    count_panics();
    let requests = number_of("LINKS_FUZZ_REQUESTS").unwrap_or(20_000);
    let echo = echo();
    let links = Arc::new(Links::start(seed()).unwrap());
    let api = ApiServer::start(links.clone(), "127.0.0.1:0".parse().unwrap()).unwrap();
    let mut client = Client { api: api.address(), stream: None };
    let mut maker = Maker::new(Dice::of(seed()), echo.to_string());
    let mut other = Dice::of(!seed());
    let mut open = Vec::new();
    let mut seen: BTreeMap<u16, u64> = BTreeMap::new();
    let (start, mut slowest) = (Instant::now(), Duration::ZERO);
    for number in 0..requests {
        let made = maker.request();
        if other.below(200) == 0 {
            send_spoilt(api.address(), &made, &mut other);
            *seen.entry(0).or_default() += 1;
        } else {
            let sent = Instant::now();
            let answer = client.send(&made);
            slowest = slowest.max(sent.elapsed());
            check(&made, &answer);
            *seen.entry(answer.status).or_default() += 1;
        }
        if number % 64 == 0 {
            use_a_link(&links, &mut open, &mut other);
        }
        if number % 1000 == 999 {
            // Names that were spoilt would add up.
            links.list().iter().for_each(|link| links.remove(&link.name).unwrap());
        }
        let panics = PANICS.load(Ordering::SeqCst);
        assert_eq!(panics, 0, "request {number}: {} {}: {}", made.method, made.path, FIRST_PANIC.lock().unwrap());
    }
    println!(
        "{requests} requests in {:?}, the slowest took {slowest:?}; answers by status, 0 where it was not HTTP: {seen:?}",
        start.elapsed()
    );
    let of = |status: u16| seen.get(&status).copied().unwrap_or_default() * 100 / requests;
    assert!(of(200) + of(201) + of(204) > 25, "too few are valid: {seen:?}");
    assert!(of(400) > 3 && of(404) > 3 && of(409) > 0, "too few are spoilt: {seen:?}");
    // It still does its work.
    links.list().iter().for_each(|link| links.remove(&link.name).unwrap());
    let link = links.create(&LinkSpec::new("last", "127.0.0.1:0", echo.to_string())).unwrap();
    let mut stream = connect(link.listen.parse().unwrap());
    stream.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
}
