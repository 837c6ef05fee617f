//! What can go wrong with a link.

use std::io;

/// Why a link or a toxic could not be made, changed or found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// No link has this name.
    #[error("proxy not found")]
    LinkNotFound,
    /// Another link has this name already.
    #[error("proxy already exists")]
    LinkExists,
    /// The link has no toxic of this name.
    #[error("toxic not found")]
    ToxicNotFound,
    /// The link has a toxic of this name already.
    #[error("toxic already exists")]
    ToxicExists,
    /// There is no toxic of this type.
    #[error("invalid toxic type")]
    UnknownToxic,
    /// The toxic does not act on links of this protocol.
    #[error("toxic `{0}` does not act on {1} links")]
    WrongProtocol(&'static str, &'static str),
    /// Only flows can go on from another port.
    #[error("{0} links have no flows that could go on from another port")]
    NoFlows(&'static str),
    /// A toxic acts on one of two streams.
    #[error("stream was invalid, can be either upstream or downstream")]
    UnknownStream,
    /// A field that must be there is missing or empty.
    #[error("missing required field: {0}")]
    MissingField(String),
    /// A text that can't be read.
    #[error("bad request body: {0}")]
    BadBody(String),
    /// The address to listen on can't be read, resolved or bound.
    #[error("listen tcp {address}: {source}")]
    Listen {
        /// The address that was asked for.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// This build can't have links of HTTP: the feature `http` is off.
    #[error("this build has no HTTP links")]
    NoHttp,
    /// TLS is asked for on a link that does not read what it forwards.
    #[error("`tls` needs an HTTP link, this one forwards {0}")]
    TlsProtocol(&'static str),
    /// TLS can't be had.
    #[cfg(feature = "http")]
    #[error("TLS of an HTTP link: {0}")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A rule for HTTP whose keys do not fit together.
    #[cfg(feature = "http")]
    #[error("bad rule: {0}")]
    Rule(#[from] chaos_core::HttpRuleError),
    /// A thread, a timer or a runtime could not be made.
    #[error("failed to start the links: {0}")]
    Start(#[source] io::Error),
}
