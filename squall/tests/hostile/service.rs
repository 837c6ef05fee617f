//! The experiment's own target: plain, sending everybody elsewhere, or full of instructions.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::table::Target;

/// A small server on a port of loopback, for as long as the test runs.
pub(crate) struct Service {
    port: u16,
    is: Arc<Mutex<Target>>,
    requests: Arc<AtomicUsize>,
}

impl Service {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let is = Arc::new(Mutex::new(Target::Plain));
        let requests = Arc::new(AtomicUsize::new(0));
        let (now, count) = (Arc::clone(&is), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (now, count) = (Arc::clone(&now), Arc::clone(&count));
                thread::spawn(move || answer(&stream, port, &now, &count));
            }
        });
        Self { port, is, requests }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many requests were read so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn becomes(&self, target: Target) {
        *self.is.lock().unwrap() = target;
    }
}

/// Answers every request of a connection; `None` at its end.
fn answer(stream: &TcpStream, port: u16, is: &Mutex<Target>, requests: &AtomicUsize) -> Option<()> {
    let mut lines = BufReader::new(stream);
    loop {
        loop {
            let mut line = String::new();
            match lines.read_line(&mut line).ok()? {
                0 => return None,
                _ if line.trim_end().is_empty() => break,
                _ => {}
            }
        }
        requests.fetch_add(1, Ordering::SeqCst);
        let (status, header, body) = match *is.lock().unwrap() {
            Target::Plain | Target::Renamed => (200, String::new(), "ok"),
            Target::Redirects(status) => (status, format!("Location: http://127.0.0.2:{port}/\r\n"), ""),
            Target::Speaks(text) => (200, String::new(), text),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status} Answer\r\n{header}Content-Length: {length}\r\n\r\n");
        let mut stream = stream;
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).ok()?;
    }
}
