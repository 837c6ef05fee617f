//! The only places that a session may reach.

use std::net::IpAddr;

use super::host_pattern::{HostPattern, allows};
use super::host_port::HostPort;

/// The only places that a session may reach, of those that the policy allows: each request, and each hop of a redirect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confinement {
    /// Reached at this port only.
    pub target: Option<HostPort>,
    /// Reached at every port.
    pub hosts: Vec<HostPattern>,
}

impl Confinement {
    /// Whether it leaves this host, at its port.
    pub(super) fn allows(&self, host: &HostPort, addresses: &[IpAddr]) -> bool {
        self.target.as_ref().is_some_and(|target| is_same(target, host)) || allows(&self.hosts, host, addresses)
    }
}

impl From<Vec<HostPattern>> for Confinement {
    fn from(hosts: Vec<HostPattern>) -> Self {
        Self { target: None, hosts }
    }
}

/// One address has several spellings, a name has one.
fn is_same(one: &HostPort, other: &HostPort) -> bool {
    let address = |host: &HostPort| host.ip().map(|ip| ip.to_canonical());
    one.port == other.port && (one.host == other.host || address(one).is_some() && address(one) == address(other))
}
