//! A server that answers whatever a test tells it to, byte for byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What is done with one request.
pub(crate) struct Reply {
    /// Bytes that are sent, in pieces.
    pub(crate) pieces: Vec<Vec<u8>>,
    /// The connection is closed after them; otherwise the next request is awaited.
    pub(crate) close: bool,
}

/// A running server; its thread ends with the process.
pub(crate) struct Canned {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl Canned {
    /// Starts one; the closure gets the number of the request and its bytes.
    pub(crate) fn start(reply: impl Fn(u64, &[u8]) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicU64::new(0));
        let (counter, reply) = (requests.clone(), Arc::new(reply));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counter, reply) = (counter.clone(), reply.clone());
                thread::spawn(move || serve(stream, &counter, &*reply));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, counter: &AtomicU64, reply: &dyn Fn(u64, &[u8]) -> Reply) {
    while let Some(request) = read(&mut stream) {
        let reply = reply(counter.fetch_add(1, Ordering::SeqCst), &request);
        for piece in reply.pieces {
            if stream.write_all(&piece).is_err() {
                return;
            }
        }
        if reply.close {
            return;
        }
    }
}

/// Reads a head, and the body that its length announces.
fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut held = Vec::new();
    let mut byte = [0];
    while !held.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        held.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&held).to_ascii_lowercase();
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    held.extend(body);
    Some(held)
}
