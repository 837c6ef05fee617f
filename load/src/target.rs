//! A small HTTP server for demonstrations and tests.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Largest head of a request that is read.
const MAX_HEAD: usize = 16 * 1024;

/// A delay that is as good as none ending, and can still be added up.
const LONGEST_DELAY: Duration = Duration::from_hours(24);

/// What the server does with each request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Behaviour {
    /// Status of each answer.
    pub status: u16,
    /// Body of each answer.
    pub body: String,
    /// Time before each answer.
    pub delay: Duration,
    /// Answers on one connection before it is closed; `None` keeps it.
    pub requests_per_connection: Option<u64>,
    /// Requests that are served at a time, each for `delay`; more wait in one queue. `None` serves all at once.
    pub workers: Option<NonZeroUsize>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            status: 200,
            body: "ok\n".to_owned(),
            delay: Duration::ZERO,
            requests_per_connection: None,
            workers: None,
        }
    }
}

impl Behaviour {
    /// Answers 200 with a small body, at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes the status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Changes the time before each answer.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Serves so many requests at a time: at most `workers / delay` a second, whatever is asked.
    #[must_use]
    pub fn workers(mut self, workers: NonZeroUsize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Closes each connection after so many answers, as the last one says.
    #[must_use]
    pub fn requests_per_connection(mut self, requests: u64) -> Self {
        self.requests_per_connection = Some(requests);
        self
    }
}

/// A running server; dropping it closes its sockets.
#[derive(Debug)]
#[must_use = "dropping the handle stops the server"]
pub struct Target {
    address: SocketAddr,
    counts: Arc<Counts>,
    stop: watch::Sender<bool>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Counts {
    requests: AtomicU64,
    connections: AtomicU64,
    status: AtomicU16,
    /// When each worker is free again; empty where all requests are served at once.
    free: Mutex<BinaryHeap<Reverse<Instant>>>,
}

impl Counts {
    /// When a request that comes now is served: by the worker that is free first, after the requests before it.
    ///
    /// Kept as instants, so that the coarseness of the sleeps never adds up: the rate is `workers / delay` exactly.
    fn served_at(&self, delay: Duration) -> Instant {
        let delay = delay.min(LONGEST_DELAY);
        let now = Instant::now();
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Reverse(first)) = free.pop() else { return now + delay };
        let done = first.max(now) + delay;
        free.push(Reverse(done));
        done
    }
}

impl Target {
    /// Gives the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives its URL.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Counts the requests that it has read.
    pub fn requests(&self) -> u64 {
        self.counts.requests.load(Ordering::Relaxed)
    }

    /// Counts the connections that it has accepted.
    pub fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// Changes the status of the answers to come.
    pub fn set_status(&self, status: u16) {
        self.counts.status.store(status, Ordering::Relaxed);
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A server that panicked is gone all the same.
            let _ = thread.join();
        }
    }
}

/// Serves on an address (port 0 takes a free one) from a thread of its own.
///
/// # Errors
///
/// The address cannot be bound, or the system refuses a thread.
pub fn serve(address: SocketAddr, behaviour: Behaviour) -> io::Result<Target> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let counts = Arc::new(Counts {
        requests: AtomicU64::new(0),
        connections: AtomicU64::new(0),
        status: AtomicU16::new(behaviour.status),
        free: Mutex::new(vec![Reverse(Instant::now()); behaviour.workers.map_or(0, NonZeroUsize::get)].into()),
    });
    let (stop, stopped) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shared = counts.clone();
    let thread = thread::Builder::new().name("load-target".to_owned()).spawn(move || {
        runtime.block_on(accept(listener, Arc::new(behaviour), shared, stopped));
    })?;
    Ok(Target { address, counts, stop, thread: Some(thread) })
}

async fn accept(
    listener: std::net::TcpListener,
    behaviour: Arc<Behaviour>,
    counts: Arc<Counts>,
    mut stopped: watch::Receiver<bool>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    counts.connections.fetch_add(1, Ordering::Relaxed);
                    let (behaviour, counts) = (behaviour.clone(), counts.clone());
                    tokio::spawn(async move {
                        // A client that goes away ends its connection, nothing else.
                        let _ = answer(&stream, &behaviour, &counts).await;
                    });
                }
                // Out of files, say: wait for some to be closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::select! {
        _ = stopped.wait_for(|stop| *stop) => {}
        () = accepting => {}
    }
}

async fn answer(stream: &TcpStream, behaviour: &Behaviour, counts: &Counts) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut held = Vec::new();
    let mut served = 0;
    while let Some(length) = request(stream, &mut held).await? {
        held.drain(..length);
        counts.requests.fetch_add(1, Ordering::Relaxed);
        if !behaviour.delay.is_zero() {
            tokio::time::sleep_until(counts.served_at(behaviour.delay).into()).await;
        }
        served += 1;
        let last = behaviour.requests_per_connection.is_some_and(|most| served >= most);
        let status = counts.status.load(Ordering::Relaxed);
        let body = &behaviour.body;
        let close = if last { "Connection: close\r\n" } else { "" };
        let text = format!(
            "HTTP/1.1 {status} Answer\r\nContent-Length: {}\r\n{close}Content-Type: text/plain\r\n\r\n{body}",
            body.len()
        );
        write_all(stream, text.as_bytes()).await?;
        if last {
            break;
        }
    }
    Ok(())
}

/// Reads one request and gives its length; `None` at the end of the connection.
async fn request(stream: &TcpStream, held: &mut Vec<u8>) -> io::Result<Option<usize>> {
    loop {
        if let Some(length) = length(held)?
            && held.len() >= length
        {
            return Ok(Some(length));
        }
        stream.readable().await?;
        let mut piece = [0; 4096];
        match stream.try_read(&mut piece) {
            Ok(0) => return Ok(None),
            Ok(read) => held.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Length of the request at the front, with its body; `None` while its head is incomplete.
fn length(held: &[u8]) -> io::Result<Option<usize>> {
    let mut lines = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut lines);
    match parsed.parse(held) {
        Ok(httparse::Status::Complete(end)) => {
            let body = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
            let body = body.and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse::<usize>().ok());
            Ok(Some(end.saturating_add(body.unwrap_or(0))))
        }
        Ok(httparse::Status::Partial) if held.len() < MAX_HEAD => Ok(None),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_request_includes_its_body() {
        assert_eq!(length(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap(), Some(27));
        assert_eq!(length(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab").unwrap(), Some(41));
        assert_eq!(length(b"GET / HT").unwrap(), None);
        assert_eq!(length(b"\0\0\0").unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
