//! A port that is kept for a node until the node takes it.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use chaos_host::{PortSharing, bound_port};
use rustix::net::SocketType;

/// The sockets that keep a port; empty once it was let go.
type Sockets = Mutex<Vec<OwnedFd>>;

/// Ports that this process keeps: nodes that share a port share what keeps it.
static KEPT: Mutex<BTreeMap<NonZeroU16, Weak<Sockets>>> = Mutex::new(BTreeMap::new());

/// Held from letting ports go until the program has been started.
static STARTING: Mutex<()> = Mutex::new(());

/// Waits until no other node is being started. Until it executes its program, a child has all sockets of its parent: it would
/// keep the ports of whichever node lets them go meanwhile, and that node would find them taken.
pub(crate) fn alone_in_starting() -> MutexGuard<'static, ()> {
    STARTING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A port of 127.0.0.1 that nobody else can take while this lives: bound for TCP and UDP, never listened on, so that a
/// readiness probe is refused until the node itself is there.
#[derive(Debug)]
pub(crate) struct HeldPort(Arc<Sockets>);

impl HeldPort {
    /// Keeps the port; `None` where somebody has it already.
    pub(crate) fn keep(port: NonZeroU16) -> Option<Self> {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sockets) = kept.get(&port).and_then(Weak::upgrade) {
            return Some(Self(sockets));
        }
        let sockets = match bound_port(port.get(), SocketType::STREAM, PortSharing::Alone) {
            // What was closed a moment ago is in nobody's way, and is not to be told from a listener otherwise.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                vec![bound_port(port.get(), SocketType::STREAM, PortSharing::Shared).ok()?]
            }
            // A port that is not for us to bind can't be kept; whether it is free the node finds out.
            tcp => tcp.into_iter().collect(),
        };
        let udp = bound_port(port.get(), SocketType::DGRAM, PortSharing::Alone);
        let sockets = Arc::new(Mutex::new(sockets.into_iter().chain(udp).collect()));
        kept.retain(|_, sockets| sockets.strong_count() > 0);
        kept.insert(port, Arc::downgrade(&sockets));
        Some(Self(sockets))
    }

    /// Lets the port go, for whoever keeps it: the node is about to take it.
    pub(crate) fn let_go(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_kept_port_is_for_nobody_else_refuses_connections_and_is_free_once_it_is_let_go() {
        let port = chaos_host::free_ports(1).unwrap()[0];
        let at = (Ipv4Addr::LOCALHOST, port.get());
        let (kept, same) = (HeldPort::keep(port).unwrap(), HeldPort::keep(port).unwrap());
        assert_eq!(TcpListener::bind(at).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(TcpStream::connect(at).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        kept.let_go();
        let taken = TcpListener::bind(at).unwrap();
        drop((kept, same));
        assert!(HeldPort::keep(port).is_none());
        drop(taken);
        assert!(HeldPort::keep(port).is_some());
    }
}
