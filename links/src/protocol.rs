//! What a link forwards.

/// What a link forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Connections.
    #[default]
    Tcp,
    /// Datagrams; each client has a flow of its own, with its own socket towards the server.
    Udp,
    /// Requests of HTTP/1.1 and HTTP/2, over TCP. Needs the feature `http`.
    Http,
}

impl Protocol {
    /// Whether a link of it has connections.
    pub(crate) fn has_connections(self) -> bool {
        self != Self::Udp
    }

    /// The name in the control API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Http => "http",
        }
    }
}
