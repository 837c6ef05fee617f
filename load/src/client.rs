//! The clients that make a worker's calls.

mod fast;
#[cfg(feature = "std-client")]
mod standard;
mod tcp;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::call::{ConnectionReport, Outcome};
use crate::error::LoadError;
use crate::failure::{Failure, FailureKind};
use crate::plan::{Buckets, LoadPlan};
use crate::request::Request;
use crate::wire::Wire;

use fast::FastClient;
use tcp::TcpClient;

/// Where and how the calls of a run go, shared by its clients.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) request: Request,
    pub(crate) body: Vec<u8>,
    tcp: bool,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::Tls>,
    #[cfg(feature = "std-client")]
    standard: Option<Arc<standard::StandardPlan>>,
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
            tcp: load.url.scheme() == "tcp",
            #[cfg(feature = "tls")]
            tls: crate::tls::Tls::of(load)?,
            #[cfg(feature = "std-client")]
            standard: standard_plan(load)?,
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

    fn report(&self, index: usize) -> ConnectionReport {
        ConnectionReport::new(index, &self.buckets)
    }
}

/// The client of one connection.
pub(crate) enum Client {
    /// HTTP/1.1 over our own framing.
    Fast(FastClient),
    /// Bytes and their echo.
    Tcp(TcpClient),
    /// hyper.
    #[cfg(feature = "std-client")]
    Standard(Box<standard::StandardClient>),
}

impl Client {
    /// Makes the client of connection `index`; it connects with its first call.
    pub(crate) fn new(destination: Arc<Destination>, index: usize) -> Self {
        if destination.tcp {
            return Self::Tcp(TcpClient::new(destination, index));
        }
        #[cfg(feature = "std-client")]
        if let Some(plan) = destination.standard.clone() {
            return Self::Standard(Box::new(standard::StandardClient::new(destination, plan, index)));
        }
        Self::Fast(FastClient::new(destination, index))
    }

    /// Makes one call, which takes at most the timeout of the plan.
    pub(crate) async fn call(&mut self, sent: Instant) -> Outcome {
        match self {
            Self::Fast(client) => client.call(sent).await,
            Self::Tcp(client) => client.call(sent).await,
            #[cfg(feature = "std-client")]
            Self::Standard(client) => client.call(sent).await,
        }
    }

    /// Ends the client and gives what its connection went through.
    pub(crate) fn into_report(self) -> ConnectionReport {
        match self {
            Self::Fast(client) => client.into_report(),
            Self::Tcp(client) => client.into_report(),
            #[cfg(feature = "std-client")]
            Self::Standard(client) => client.into_report(),
        }
    }
}

/// Opens a connection to the next address and notes how that went.
async fn connect(destination: &Destination, report: &mut ConnectionReport) -> Result<Wire, Failure> {
    let address = destination.address();
    let start = Instant::now();
    report.attempt(address);
    let wire = match (&destination.unix_socket, address) {
        (Some(path), _) => Wire::unix(path).await.map_err(Failure::from),
        (None, Some(address)) => destination.dial(address).await,
        (None, None) => return Err(Failure::new(FailureKind::Unreachable, "the target has no address")),
    };
    report.attempted(since(start));
    wire
}

#[cfg(feature = "std-client")]
fn standard_plan(load: &LoadPlan) -> Result<Option<Arc<standard::StandardPlan>>, LoadError> {
    use hyper::header::{HeaderName, HeaderValue};
    if !load.needs_standard_client() {
        return Ok(None);
    }
    let bad = |field, given: &str, expected| LoadError::BadPlan { field, given: given.to_owned(), expected };
    let method = crate::request::method(load);
    let mut headers = hyper::HeaderMap::new();
    for (name, value) in crate::request::headers(load, &method) {
        let key = HeaderName::from_bytes(name.as_bytes());
        let key = key.map_err(|_| bad("headers", &name, "it must be the name of a header"))?;
        let value = HeaderValue::from_bytes(value.as_bytes());
        headers.append(key, value.map_err(|_| bad("headers", &name, "its value must be printable"))?);
    }
    if load.transport.compression {
        headers.insert(hyper::header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let method = hyper::Method::from_bytes(method.as_bytes());
    Ok(Some(Arc::new(standard::StandardPlan {
        url: load.url.clone(),
        method: method.map_err(|_| bad("method", "", "it must be a word such as GET"))?,
        headers,
        h2: load.transport.h2,
        follow: load.transport.follow_redirects,
        compression: load.transport.compression,
    })))
}

/// Seconds since an instant.
fn since(start: Instant) -> f64 {
    crate::clock::seconds(crate::clock::nanos(start.elapsed()))
}
