//! Why a call gave no health, and whether that says anything of the service.

use std::io;

use chaos_tls::in_words;
use chaos_tls::rustls::Error;

use super::status::Status;
use crate::asking::lacks_here;

/// Why a call gave no health.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("{0}")]
    Connect(io::Error),
    #[error("no TLS: {}", in_words(.0))]
    Tls(io::Error),
    #[error("it asked for a client certificate and then broke off, as a server does that does not accept ours: {0}")]
    AskedWhoWeAre(String),
    #[error("{0}")]
    Status(Status),
    #[error("no HTTP/2: {0}")]
    Http2(#[from] h2::Error),
    #[error("the server closed the connection before it had answered")]
    Closed,
    #[error("it answered HTTP status {0}")]
    Http(u16),
    #[error("its answer is not a message of `grpc.health.v1`: {0}")]
    Malformed(String),
}

impl CallError {
    /// Whether this says nothing of the service: it was not asked, does not talk to us, or may be another one.
    pub(super) fn is_no_answer(&self) -> bool {
        match self {
            Self::Connect(error) => lacks_here(error),
            Self::Tls(error) => is_distrust(error),
            Self::AskedWhoWeAre(_) => true,
            Self::Status(status) => status.is_no_answer(),
            Self::Http2(_) | Self::Closed | Self::Http(_) | Self::Malformed(_) => false,
        }
    }

    /// Whether the server, as far as we can tell, ended the connection.
    pub(super) fn is_broken_off(&self) -> bool {
        match self {
            Self::Tls(error) => !is_distrust(error),
            Self::Http2(error) => error.is_io(),
            Self::Closed => true,
            _ => false,
        }
    }
}

/// Whether a handshake failed since we don't trust the server: it may be another one than the one that is meant.
fn is_distrust(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    matches!(error, Some(Error::InvalidCertificate(_) | Error::NoCertificatesPresented))
}
