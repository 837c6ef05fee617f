//! The clients that make a worker's calls.

mod fast;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::call::{ConnectionReport, Outcome};
use crate::error::LoadError;
use crate::plan::Load;
use crate::request::Request;

use fast::FastClient;

/// Where and how the calls of a run go, shared by its clients.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) request: Request,
    addresses: Vec<SocketAddr>,
    turn: AtomicUsize,
    pub(crate) unix_socket: Option<PathBuf>,
    pub(crate) timeout: Duration,
    pub(crate) keep_alive: bool,
    pub(crate) reuse: Option<(u64, u64)>,
    pub(crate) seed: u64,
    offset: f64,
    resolution: f64,
}

impl Destination {
    /// Prepares the request of a plan for addresses that are known.
    pub(crate) fn new(load: &Load, addresses: Vec<SocketAddr>) -> Result<Self, LoadError> {
        if load.url.scheme() != "http" {
            return Err(LoadError::MissingFeature { what: "https", feature: "tls" });
        }
        Ok(Self {
            request: Request::of(load),
            addresses,
            turn: AtomicUsize::new(0),
            unix_socket: load.unix_socket.clone(),
            timeout: load.timeout,
            keep_alive: load.keep_alive,
            reuse: load.reuse,
            seed: load.seed,
            offset: load.reporting.offset.as_secs_f64(),
            resolution: load.reporting.resolution,
        })
    }

    /// Gives the address of the next connection: each in turn.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let count = self.addresses.len();
        if count == 0 || self.unix_socket.is_some() {
            return None;
        }
        Some(self.addresses[self.turn.fetch_add(1, Ordering::Relaxed) % count])
    }

    fn report(&self, index: usize) -> ConnectionReport {
        ConnectionReport::new(index, self.offset, self.resolution)
    }
}

/// The client of one connection.
pub(crate) struct Client(FastClient);

impl Client {
    /// Makes the client of connection `index`; it connects with its first call.
    pub(crate) fn new(destination: Arc<Destination>, index: usize) -> Self {
        Self(FastClient::new(destination, index))
    }

    /// Makes one call, which takes at most the timeout of the plan.
    pub(crate) async fn call(&mut self, sent: Instant) -> Outcome {
        self.0.call(sent).await
    }

    /// Ends the client and gives what its connection went through.
    pub(crate) fn into_report(self) -> ConnectionReport {
        self.0.into_report()
    }
}

/// Seconds since an instant.
fn since(start: Instant) -> f64 {
    crate::clock::seconds(crate::clock::nanos(start.elapsed()))
}
