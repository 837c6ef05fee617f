//! Where and how the requests of a run go.

use std::net::SocketAddr;
use std::path::PathBuf;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::call::ConnectionReport;
use crate::clock::since;
use crate::error::LoadError;
use crate::failure::{Failure, FailureKind};
use crate::localhost::is_localhost;
use crate::plan::{Buckets, LoadPlan};
use crate::random::Random;
use crate::request::Request;
#[cfg(feature = "std-client")]
use crate::standard_plan::StandardPlan;
use crate::wire::Wire;

/// Where and how the requests of a run go, shared by its clients.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a switch of the plan's, independent of the rest")]
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
    /// The addresses are those of one machine: where one refuses, the next one is tried (RFC 8305).
    one_machine: bool,
    pub(crate) unix_socket: Option<PathBuf>,
    pub(crate) timeout: Duration,
    pub(crate) keep_alive: bool,
    pub(crate) half_close: bool,
    pub(crate) reuse: Option<(u64, u64)>,
    pub(crate) seed: u64,
    trace_seed: Option<u64>,
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
            one_machine: load.url.host_str().is_some_and(is_localhost),
            unix_socket: load.unix_socket.clone(),
            timeout: load.timeout,
            keep_alive: load.keep_alive,
            half_close: transport.half_close && !load.keep_alive,
            reuse: load.reuse,
            seed: load.seed,
            trace_seed: load.trace_context,
            buckets: load.buckets,
        })
    }

    /// Gives the address of the next connection: each in turn, or of one machine the one that was last reached.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let count = self.addresses.len();
        if count == 0 || self.unix_socket.is_some() {
            return None;
        }
        let step = usize::from(!self.one_machine);
        Some(self.addresses[self.turn.fetch_add(step, Ordering::Relaxed) % count])
    }

    /// Opens a connection to the next address and notes how that went.
    pub(crate) async fn connect(&self, report: &mut ConnectionReport) -> Result<Wire, Failure> {
        let address = self.address();
        let start = Instant::now();
        report.attempt(address);
        let wire = match (&self.unix_socket, address) {
            (Some(path), _) => Wire::unix(path).await.map_err(Failure::from),
            (None, Some(address)) if self.one_machine => self.dial_any(address).await,
            (None, Some(address)) => self.dial(address).await,
            (None, None) => return Err(Failure::new(FailureKind::Unreachable, "the target has no address")),
        };
        report.attempted(since(start));
        wire
    }

    /// Dials the addresses of one machine until one is there; none of them says more than the first.
    async fn dial_any(&self, first: SocketAddr) -> Result<Wire, Failure> {
        let failed = match self.dial(first).await {
            Err(failure) if is_elsewhere(&failure) => failure,
            result => return result,
        };
        for (index, address) in self.addresses.iter().enumerate().filter(|(_, address)| **address != first) {
            match self.dial(*address).await {
                Err(failure) if is_elsewhere(&failure) => {}
                result => {
                    self.turn.store(index, Ordering::Relaxed);
                    return result;
                }
            }
        }
        Err(failed)
    }

    async fn dial(&self, address: SocketAddr) -> Result<Wire, Failure> {
        let stream = Wire::tcp(address).await?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Ok(Wire::Tls(Box::new(tls.wrap(stream).await?)));
        }
        Ok(Wire::Tcp(stream))
    }

    /// What the ids of one connection's requests are drawn from, where they carry trace context.
    pub(crate) fn traces(&self, index: usize) -> Option<Random> {
        self.trace_seed.map(|seed| Random::new(seed, index as u64))
    }

    /// Makes the report of a connection.
    pub(crate) fn report(&self, index: usize) -> ConnectionReport {
        ConnectionReport::new(index, &self.buckets)
    }
}

/// Whether nothing is at the address, so that another one of the machine may be meant.
fn is_elsewhere(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Refused | FailureKind::Unreachable)
}
