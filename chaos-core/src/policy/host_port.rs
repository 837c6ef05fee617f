//! A host and a port, in one spelling.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A host (name or address, without brackets) and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostPort {
    /// The name or address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl HostPort {
    /// A host and a port; brackets around an IPv6 address are taken off, a name is lowered and loses a final dot.
    pub fn new(host: &str, port: u16) -> Self {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let bare = bare.strip_suffix('.').unwrap_or(bare);
        Self { host: bare.to_ascii_lowercase(), port }
    }

    /// The address, if the host is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether the host is `localhost`, or a name below it: this machine, whatever a name server says (RFC 6761,
    /// section 6.3).
    pub fn is_localhost(&self) -> bool {
        self.host == "localhost" || self.host.ends_with(".localhost")
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_come_off_and_go_on() {
        assert_eq!(HostPort::new("[::1]", 80).to_string(), "[::1]:80");
        assert_eq!(HostPort::new("LOCALHOST", 1).to_string(), "localhost:1");
    }
}
