//! Ports that nobody uses, outside the range from which the kernel takes those of clients.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;

use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};

/// The lowest port that is given out: below are the well-known ones, and those that people pick by hand.
const LOWEST: u16 = 10_000;

/// The range of the kernel's own choice, where it can't be read: the default of Linux.
const DEFAULT_RANGE: (u16, u16) = (32_768, 60_999);

/// At most so many ports of 127.0.0.1 that are free for TCP and UDP now, from a random one on. Nothing reserves them: somebody
/// may take one before it is used.
///
/// # Errors
/// When sockets can't be made at all.
pub fn free_ports(count: usize) -> io::Result<Vec<NonZeroU16>> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    let (from, to) = range.as_deref().and_then(parsed).unwrap_or(DEFAULT_RANGE);
    let ports: Vec<u16> = (LOWEST..=u16::MAX).filter(|port| !(from..=to).contains(port)).collect();
    let start = RandomState::new().hash_one(std::process::id());
    let start = usize::try_from(start % u64::try_from(ports.len().max(1)).unwrap_or(1)).unwrap_or_default();
    let mut free = Vec::new();
    for port in ports.iter().cycle().skip(start).take(ports.len()) {
        if free.len() == count {
            break;
        }
        // A program that takes the port at this very moment, as servers do with `SO_REUSEADDR`, gets it.
        let both = bound_port(*port, SocketType::STREAM, PortSharing::Shared)
            .and_then(|tcp| Ok((tcp, bound_port(*port, SocketType::DGRAM, PortSharing::Alone)?)));
        match both {
            Ok(_) => free.extend(NonZeroU16::new(*port)),
            Err(error) if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(free)
}

/// Whether others that say the same may bind a port at the same time, as long as nobody listens (`SO_REUSEADDR`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortSharing {
    /// Nobody else may.
    Alone,
    /// They may.
    Shared,
}

/// A port of 127.0.0.1, bound and not listened on.
///
/// # Errors
/// When it can't be bound: [`io::ErrorKind::AddrInUse`] where somebody has it.
pub fn bound_port(port: u16, kind: SocketType, sharing: PortSharing) -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::INET, kind, SocketFlags::CLOEXEC, None)?;
    if sharing == PortSharing::Shared {
        set_socket_reuseaddr(&socket, true)?;
    }
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    Ok(socket)
}

fn parsed(range: &str) -> Option<(u16, u16)> {
    let mut numbers = range.split_ascii_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ports_are_free_different_and_outside_the_range_of_clients() {
        let ports = free_ports(20).unwrap();
        let (from, to) = parsed(&fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap()).unwrap();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 20);
        assert!(ports.iter().all(|port| port.get() >= LOWEST && !(from..=to).contains(&port.get())), "{ports:?}");
        assert_eq!((parsed("32768\t60999\n"), parsed("x")), (Some((32_768, 60_999)), None));
    }

    #[test]
    fn a_port_that_is_looked_at_can_be_taken_and_one_that_is_taken_is_not_free() {
        let port = free_ports(1).unwrap()[0].get();
        let look = || bound_port(port, SocketType::STREAM, PortSharing::Shared);
        let looked_at = look().unwrap();
        let server = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        drop(looked_at);
        assert_eq!(look().unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(server);
    }
}
