//! A server on a thread of its own that notes when each request was complete.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";

/// A running recorder; its thread ends with the process.
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    arrivals: Arc<Mutex<Vec<Instant>>>,
}

/// A time after the first request at which the whole server blocks once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stall {
    pub(crate) after: Duration,
    pub(crate) length: Duration,
}

impl Recorder {
    pub(crate) fn start(stall: Option<Stall>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let arrivals = Arc::new(Mutex::new(Vec::with_capacity(1 << 20)));
        let shared = arrivals.clone();
        thread::spawn(move || {
            let mut core = CpuSet::new();
            core.set(0);
            let _ = sched_setaffinity(None, &core);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, shared, stall));
        });
        Self { address, arrivals }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Takes the arrivals noted so far.
    pub(crate) fn take(&self) -> Vec<Instant> {
        std::mem::take(&mut *self.arrivals.lock().unwrap())
    }
}

async fn serve(listener: std::net::TcpListener, arrivals: Arc<Mutex<Vec<Instant>>>, stall: Option<Stall>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let pending = Arc::new(Mutex::new(stall));
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (arrivals, pending) = (arrivals.clone(), pending.clone());
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            let mut held = 0;
            while let Ok(read @ 1..) = stream.read(&mut buffer[held..]).await {
                held += read;
                if !buffer[..held].ends_with(b"\r\n\r\n") {
                    continue;
                }
                held = 0;
                note(&arrivals, &pending);
                if stream.write_all(ANSWER).await.is_err() {
                    break;
                }
            }
        });
    }
}

fn note(arrivals: &Mutex<Vec<Instant>>, pending: &Mutex<Option<Stall>>) {
    let now = Instant::now();
    let first = {
        let mut arrivals = arrivals.lock().unwrap();
        arrivals.push(now);
        arrivals[0]
    };
    let due = pending.lock().unwrap().take_if(|stall| now - first >= stall.after);
    if let Some(stall) = due {
        // The whole server is blocked: that is what is measured. Parking may end early, so go on until it is over.
        let end = now + stall.length;
        while Instant::now() < end {
            thread::park_timeout(end - Instant::now());
        }
    }
}
