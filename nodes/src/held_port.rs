//! A port that is kept for a node until the node takes it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use chaos_host::{PortSharing, bound_port, moment};
use rustix::net::SocketType;

/// How many moments it is waited for children of ours that still have the sockets of a port: some seconds.
const MOMENTS: usize = 2_000;

/// What keeps a port; nothing once it was let go.
#[derive(Debug, Default)]
struct Sockets {
    _tcp: Option<OwnedFd>,
    udp: Option<OwnedFd>,
}

/// Ports that this process keeps: nodes that share a port share what keeps it.
static KEPT: Mutex<BTreeMap<NonZeroU16, Weak<Mutex<Sockets>>>> = Mutex::new(BTreeMap::new());

/// A port of 127.0.0.1 that nobody else can take while this lives: bound for TCP and UDP, never listened on, so that a
/// readiness probe is refused until the node itself is there.
#[derive(Debug)]
pub(crate) struct HeldPort {
    port: NonZeroU16,
    sockets: Arc<Mutex<Sockets>>,
}

impl HeldPort {
    /// Keeps the port; `None` where somebody has it already.
    pub(crate) fn keep(port: NonZeroU16) -> Option<Self> {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sockets) = kept.get(&port).and_then(Weak::upgrade) {
            return Some(Self { port, sockets });
        }
        let tcp = match bound_port(port.get(), SocketType::STREAM, PortSharing::Alone) {
            // What was closed a moment ago is in nobody's way, and is not to be told from a listener otherwise.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Some(bound_port(port.get(), SocketType::STREAM, PortSharing::Shared).ok()?)
            }
            // A port that is not for us to bind can't be kept; whether it is free the node finds out.
            tcp => tcp.ok(),
        };
        let udp = bound_port(port.get(), SocketType::DGRAM, PortSharing::Alone).ok();
        let sockets = Arc::new(Mutex::new(Sockets { _tcp: tcp, udp }));
        kept.retain(|_, sockets| sockets.strong_count() > 0);
        kept.insert(port, Arc::downgrade(&sockets));
        Some(Self { port, sockets })
    }

    /// Lets ports go, for whoever keeps them: the node is about to take them. Comes back when nobody has them: until it executes its
    /// program, a child of ours has all sockets that we had when it was made, and a node would find its ports taken.
    pub(crate) fn let_go(ports: &[Self]) {
        let mut left: Vec<String> = ports.iter().filter(|port| port.close()).map(Self::row).collect();
        for _ in 0..MOMENTS {
            if !left.is_empty() {
                let bound = fs::read_to_string("/proc/net/udp").unwrap_or_default();
                left.retain(|row| bound.contains(row));
            }
            if left.is_empty() {
                return;
            }
            moment();
        }
    }

    /// Closes what keeps it; whether that shows in the kernel's list of sockets, as one of UDP does.
    fn close(&self) -> bool {
        std::mem::take(&mut *self.sockets.lock().unwrap_or_else(PoisonError::into_inner)).udp.is_some()
    }

    /// What the kernel's list of sockets has of it: 127.0.0.1 as a number of this machine's byte order, and the port.
    fn row(&self) -> String {
        format!(" {:08X}:{:04X} ", u32::from_ne_bytes([127, 0, 0, 1]), self.port)
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
        HeldPort::let_go(&[kept]);
        let taken = TcpListener::bind(at).unwrap();
        drop(same);
        assert!(HeldPort::keep(port).is_none());
        drop(taken);
        assert!(HeldPort::keep(port).is_some());
    }

    #[test]
    fn a_port_is_let_go_when_no_child_has_its_sockets_any_more() {
        let port = chaos_host::free_ports(1).unwrap()[0];
        let kept = HeldPort::keep(port).unwrap();
        // As a child has them until it executes its program.
        let inherited = kept.sockets.lock().unwrap().udp.as_ref().unwrap().try_clone().unwrap();
        let let_go = std::thread::spawn(move || HeldPort::let_go(&[kept]));
        std::thread::park_timeout(std::time::Duration::from_millis(100));
        assert!(!let_go.is_finished(), "a child has it");
        drop(inherited);
        let_go.join().unwrap();
        std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, port.get())).unwrap();
    }
}
