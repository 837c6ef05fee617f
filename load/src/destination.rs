//! Where and how the requests of a run go.

use std::net::SocketAddr;
use std::path::PathBuf;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::call::ConnectionReport;
use crate::clock::since;
use crate::error::LoadError;
use crate::failure::{Failure, FailureKind};
use crate::plan::{Buckets, LoadPlan};
use crate::request::Request;
#[cfg(feature = "std-client")]
use crate::standard_plan::StandardPlan;
use crate::wire::Wire;

/// Where and how the requests of a run go, shared by its clients.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) request: Request,
    pub(crate) body: Vec<u8>,
    pub(crate) is_tcp: bool,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::Tls>,
    #[cfg(feature = "std-client")]
    pub(crate) standard: Option<std::sync::Arc<StandardPlan>>,
    addresses: Vec<SocketAddr>,
    turn: AtomicUsize,
    pub(crate) unix_socket: Option<PathBuf>,
    pub(crate) timeout: Duration,
    pub(crate) keep_alive: bool,
    pub(crate) half_close: bool,
    pub(crate) reuse: Option<(u64, u64)>,
    pub(crate) seed: u64,
    buckets: Buckets,
}

impl Destination {
    /// Prepares the request of a plan for addresses that are known.
    pub(crate) fn new(load: &LoadPlan, addresses: Vec<SocketAddr>) -> Result<Self, LoadError> {
        if cfg!(not(feature = "tls")) && load.url.scheme() == "https" {
            return Err(LoadError::MissingFeature { what: "https", feature: "tls" });
        }
        if cfg!(not(feature = "std-client")) && load.needs_standard_client() {
            return Err(LoadError::MissingFeature { what: "the standard client", feature: "std-client" });
        }
        let transport = &load.transport;
        Ok(Self {
            request: Request::of(load),
            body: load.body.clone(),
            is_tcp: load.url.scheme() == "tcp",
            #[cfg(feature = "tls")]
            tls: crate::tls::Tls::of(load)?,
            #[cfg(feature = "std-client")]
            standard: StandardPlan::of(load)?.map(std::sync::Arc::new),
            addresses,
            turn: AtomicUsize::new(0),
            unix_socket: load.unix_socket.clone(),
            timeout: load.timeout,
            keep_alive: load.keep_alive,
            half_close: transport.half_close && !load.keep_alive,
            reuse: load.reuse,
            seed: load.seed,
            buckets: load.buckets,
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

    /// Opens a connection to the next address and notes how that went.
    pub(crate) async fn connect(&self, report: &mut ConnectionReport) -> Result<Wire, Failure> {
        let address = self.address();
        let start = Instant::now();
        report.attempt(address);
        let wire = match (&self.unix_socket, address) {
            (Some(path), _) => Wire::unix(path).await.map_err(Failure::from),
            (None, Some(address)) => self.dial(address).await,
            (None, None) => return Err(Failure::new(FailureKind::Unreachable, "the target has no address")),
        };
        report.attempted(since(start));
        wire
    }

    async fn dial(&self, address: SocketAddr) -> Result<Wire, Failure> {
        let stream = Wire::tcp(address).await?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            let wrapped = tls.wrap(stream).await;
            return match wrapped {
                Ok(stream) => Ok(Wire::Tls(Box::new(stream))),
                Err(error) => Err(Failure::new(FailureKind::Tls, error.to_string())),
            };
        }
        Ok(Wire::Tcp(stream))
    }

    /// Makes the report of a connection.
    pub(crate) fn report(&self, index: usize) -> ConnectionReport {
        ConnectionReport::new(index, &self.buckets)
    }
}
