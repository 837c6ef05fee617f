//! A port of loopback that nobody else gets.

use std::net::TcpListener;

use chaos_host::{PortSharing, bound_port};
use rustix::net::SocketType;

/// A port that is bound and not listened on. Whoever connects is refused, and the kernel gives it to nobody else; a server that is
/// told it can listen on it all the same, since servers bind with `SO_REUSEADDR`.
pub(crate) struct KeptPort(TcpListener);

impl KeptPort {
    pub(crate) fn new() -> Self {
        Self(bound_port(0, SocketType::STREAM, PortSharing::Shared).unwrap().into())
    }

    pub(crate) fn number(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }
}
