//! Where an HTTP link speaks TLS, as it is asked for.

use std::path::PathBuf;

/// Where an HTTP link speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkTls {
    /// With clients: it shows them certificates of a CA of its own, which it makes when it is made itself.
    pub clients: bool,
    /// With the server, whose certificate has to be for the host of `upstream`.
    pub server: bool,
    /// The CAs (PEM) that the server's certificate may come from; default those that this machine trusts.
    pub ca_file: Option<PathBuf>,
    /// Where the certificate of its own CA is written, as PEM, for clients to trust.
    pub ca_out: Option<PathBuf>,
}

impl LinkTls {
    /// Whether it speaks TLS anywhere.
    pub fn is_used(&self) -> bool {
        self.clients || self.server
    }
}
