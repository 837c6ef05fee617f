//! A service on loopback for runs that make load.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Answers every request alike; gone when dropped.
#[derive(Debug)]
pub(crate) struct Service {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    open: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts one.
    pub(crate) fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, over) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
        let (seen, open) = (Arc::clone(&over), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&open);
        let thread = thread::spawn(move || {
            for connection in listener.incoming() {
                if seen.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(connection) = connection {
                    count.fetch_add(1, Ordering::Relaxed);
                    let count = Arc::clone(&count);
                    // It ends with its peer.
                    thread::spawn(move || {
                        answer(&connection);
                        count.fetch_sub(1, Ordering::Relaxed);
                    });
                }
            }
        });
        Ok(Self { address, over, open, thread: Some(thread) })
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Service {
    /// Whether somebody is connected.
    pub(crate) fn is_connected(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }
}

fn answer(mut connection: &TcpStream) {
    let mut lines = BufReader::new(connection).lines();
    while let Some(Ok(line)) = lines.next() {
        if line.is_empty() && connection.write_all(ANSWER).is_err() {
            return;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes it.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
