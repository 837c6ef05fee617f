//! The experiment's own target: plain, sending everybody elsewhere, or full of instructions.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::table::{KEY, Target};

/// A small server on a port of loopback, for as long as the test runs.
pub(crate) struct Service {
    port: u16,
    is: Arc<Mutex<Target>>,
    requests: Arc<AtomicUsize>,
    keys: Arc<AtomicUsize>,
}

impl Service {
    /// Serves; a redirect to another port of this host names `other`.
    pub(crate) fn start(other: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let is = Arc::new(Mutex::new(Target::Plain));
        let requests = Arc::new(AtomicUsize::new(0));
        let keys = Arc::default();
        let served =
            Served { is: Arc::clone(&is), requests: Arc::clone(&requests), keys: Arc::clone(&keys), port, other };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = served.clone();
                thread::spawn(move || answer(&stream, &served));
            }
        });
        Self { port, is, requests, keys }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many requests were read so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// How many lines of requests had the key in them.
    pub(crate) fn keys(&self) -> usize {
        self.keys.load(Ordering::SeqCst)
    }

    pub(crate) fn becomes(&self, target: Target) {
        *self.is.lock().unwrap() = target;
    }
}

/// What a connection needs to know.
#[derive(Clone)]
struct Served {
    is: Arc<Mutex<Target>>,
    requests: Arc<AtomicUsize>,
    keys: Arc<AtomicUsize>,
    port: u16,
    other: u16,
}

/// Answers every request of a connection; `None` at its end.
fn answer(stream: &TcpStream, served: &Served) -> Option<()> {
    let port = served.port;
    let mut lines = BufReader::new(stream);
    loop {
        loop {
            let mut line = String::new();
            let read = lines.read_line(&mut line).ok()?;
            served.keys.fetch_add(usize::from(line.contains(KEY)), Ordering::SeqCst);
            match read {
                0 => return None,
                _ if line.trim_end().is_empty() => break,
                _ => {}
            }
        }
        served.requests.fetch_add(1, Ordering::SeqCst);
        let (status, header, body) = match *served.is.lock().unwrap() {
            Target::Plain | Target::Renamed => (200, String::new(), "ok"),
            Target::Redirects(status) => (status, format!("Location: http://127.0.0.2:{port}/\r\n"), ""),
            Target::Sends(status, to) => {
                let to = to.replace("PORT", &port.to_string()).replace("OTHER", &served.other.to_string());
                (status, format!("Location: {to}\r\n"), "")
            }
            Target::Speaks(text) => (200, String::new(), text),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status} Answer\r\n{header}Content-Length: {length}\r\n\r\n");
        let mut stream = stream;
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).ok()?;
    }
}
