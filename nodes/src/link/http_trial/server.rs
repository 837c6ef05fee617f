//! A server that answers each request alike, and counts them.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use super::answer::TrialAnswer;

/// The most headers of a request.
const MOST_HEADERS: usize = 100;

/// A server on a port of its own, until it is dropped.
pub(super) struct TrialServer {
    address: SocketAddr,
    served: Arc<AtomicU32>,
    is_over: Arc<AtomicBool>,
}

impl TrialServer {
    /// Starts it; connections that are silent for that long are given up.
    pub(super) fn start(answer: TrialAnswer, wait: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (served, is_over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, over, answer) = (Arc::clone(&served), Arc::clone(&is_over), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (count, answer) = (Arc::clone(&count), Arc::clone(&answer));
                thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(wait));
                    let _ = stream.set_nodelay(true);
                    // A link that closes is what some rules are about.
                    let _ = serve(&stream, &answer, &count);
                });
            }
        });
        Ok(Self { address, served, is_over })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many whole requests it has got.
    pub(super) fn served(&self) -> u32 {
        self.served.load(Ordering::Relaxed)
    }
}

impl Drop for TrialServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // It waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: &TcpStream, answer: &TrialAnswer, count: &AtomicU32) -> io::Result<()> {
    let (mut got, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        while let Some((length, is_head)) = request(&got) {
            got.drain(..length);
            count.fetch_add(1, Ordering::Relaxed);
            stream.write_all(&answer.bytes(is_head))?;
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => got.extend(&buffer[..read]),
        }
    }
}

/// The bytes of the first request, and whether it is one of `HEAD`, once it is there as a whole.
fn request(got: &[u8]) -> Option<(usize, bool)> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(begins) = head.parse(got).ok()? else { return None };
    let value = |name: &str| {
        let field = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(field.value).ok()
    };
    let body = if value("transfer-encoding").is_some() {
        // The last chunk is empty; no body of ours has these bytes inside.
        5 + got[begins..].windows(5).position(|bytes| bytes == b"0\r\n\r\n")?
    } else {
        value("content-length").and_then(|text| text.parse::<usize>().ok()).unwrap_or_default()
    };
    let length = begins.checked_add(body)?;
    (got.len() >= length).then_some((length, head.method == Some("HEAD")))
}
