//! The clients that make a worker's requests.

mod fast;
#[cfg(feature = "std-client")]
mod standard;
mod tcp;

use std::sync::Arc;
use std::time::Instant;

use crate::call::{ConnectionReport, Outcome};
use crate::destination::Destination;

use fast::FastClient;
use tcp::TcpClient;

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
        if destination.is_tcp {
            return Self::Tcp(TcpClient::new(destination, index));
        }
        #[cfg(feature = "std-client")]
        if let Some(plan) = destination.standard.clone() {
            return Self::Standard(Box::new(standard::StandardClient::new(destination, plan, index)));
        }
        Self::Fast(FastClient::new(destination, index))
    }

    /// Makes one request, which takes at most the timeout of the plan.
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
