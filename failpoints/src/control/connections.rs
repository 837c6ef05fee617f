//! The connections that are open: how many there may be, and which one goes when there are too many.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, TcpStream},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use rustix::net::{
    Shutdown, shutdown,
    sockopt::{Timeout, set_socket_timeout},
};

use super::request::Response;

/// Connections open at once; control traffic is a few requests a second.
pub(super) const CONNECTIONS: usize = 32;
/// Connections open at once of one peer.
pub(super) const OF_ONE_PEER: usize = 16;
/// How long a client may take over its request, and again over reading the answer.
const EXCHANGE: Duration = Duration::from_secs(5);

/// Who is at the other end, as far as the kernel knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Address(IpAddr),
    /// 0 is every process outside our pid namespace.
    Process(i32),
}

/// A connection of either form.
pub(super) trait Stream: Read + Write + AsFd + From<OwnedFd> + Send + 'static {
    /// Names the peer; an error where it is not one to talk to.
    fn peer(&self) -> io::Result<Peer>;

    fn another(&self) -> io::Result<Self> {
        self.as_fd().try_clone_to_owned().map(Self::from)
    }

    fn limit(&self, time: Duration) -> io::Result<()> {
        set_socket_timeout(self, Timeout::Recv, Some(time))?;
        Ok(set_socket_timeout(self, Timeout::Send, Some(time))?)
    }

    fn close(&self) {
        // It may be closed already.
        let _ = shutdown(self, Shutdown::Both);
    }
}

impl Stream for TcpStream {
    fn peer(&self) -> io::Result<Peer> {
        Ok(Peer::Address(self.peer_addr()?.ip()))
    }
}

impl Stream for UnixStream {
    fn peer(&self) -> io::Result<Peer> {
        let of = getsockopt(self, PeerCredentials)?;
        // The mode of the socket says the same, unless somebody has changed it since.
        if of.uid() != rustix::process::geteuid().as_raw() && of.uid() != 0 {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        Ok(Peer::Process(of.pid()))
    }
}

/// A stream whose reads and writes all end by one deadline, however slowly the other end goes on.
pub(super) struct Timed<'a, S> {
    stream: &'a mut S,
    end: Instant,
}

impl<'a, S: Stream> Timed<'a, S> {
    pub(super) fn new(stream: &'a mut S) -> Self {
        Self { stream, end: Instant::now() + EXCHANGE }
    }

    fn limit(&self) -> io::Result<()> {
        match self.end.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => self.stream.limit(left),
            _ => Err(io::Error::from(io::ErrorKind::TimedOut)),
        }
    }
}

impl<S: Stream> Read for Timed<'_, S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.limit()?;
        self.stream.read(bytes)
    }
}

impl<S: Stream> Write for Timed<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.limit()?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

const READING: u8 = 0;
const BUSY: u8 = 1;
const WRITING: u8 = 2;
const EVICTED: u8 = 3;

/// How far a connection has got.
#[derive(Debug, Default)]
pub(super) struct Stage(AtomicU8);

impl Stage {
    /// Goes from reading to answering; false where the connection has been told to go.
    pub(super) fn answers(&self) -> bool {
        self.0.compare_exchange(READING, BUSY, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    pub(super) fn writes(&self) {
        self.0.store(WRITING, Ordering::Release);
    }

    fn evict(&self, from: u8) -> bool {
        self.0.compare_exchange(from, EVICTED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

struct Open<S> {
    peer: Peer,
    stage: Arc<Stage>,
    stream: S,
}

/// All connections that are open, the oldest first.
pub(super) struct Connections<S>(Mutex<Vec<Open<S>>>);

impl<S> Default for Connections<S> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<S: Stream> Connections<S> {
    /// Takes a connection in. Where there are too many, the oldest that waits for its client goes, so that one which
    /// is idle costs nobody else anything; where all are being answered, this one is told to come back.
    pub(super) fn admit(&self, stream: &S) -> Option<Arc<Stage>> {
        // A peer that is not allowed hears nothing.
        let peer = stream.peer().ok()?;
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = open.iter().filter(|other| other.peer == peer).count();
        let room = if of_peer >= OF_ONE_PEER {
            evict(&mut open, |other| other.peer == peer)
        } else {
            open.len() < CONNECTIONS || evict(&mut open, |_| true)
        };
        let taken = if room { stream.another().ok() } else { None };
        let Some(copy) = taken else {
            drop(open);
            refuse(stream);
            return None;
        };
        let stage = Arc::new(Stage::default());
        open.push(Open { peer, stage: Arc::clone(&stage), stream: copy });
        Some(stage)
    }

    pub(super) fn leave(&self, stage: &Arc<Stage>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|other| !Arc::ptr_eq(&other.stage, stage));
    }
}

/// Closes the oldest of these connections that waits for its client; false where there is none.
fn evict<S: Stream>(open: &mut Vec<Open<S>>, of: impl Fn(&Open<S>) -> bool) -> bool {
    for at in 0..open.len() {
        if !of(&open[at]) {
            continue;
        }
        if open[at].stage.evict(READING) {
            refuse(&open.remove(at).stream);
            return true;
        }
        if open[at].stage.evict(WRITING) {
            open.remove(at).stream.close();
            return true;
        }
    }
    false
}

/// Says that there is no room, and closes.
fn refuse<S: Stream>(stream: &S) {
    if let Ok(mut to) = stream.another() {
        // Nothing was sent before, so that this fits in the socket's buffer; a client that has gone does not hear it.
        let _ = to.limit(Duration::from_millis(100));
        let _ = to.write_all(&Response::new(503, "too many connections\n").bytes());
    }
    stream.close();
}
