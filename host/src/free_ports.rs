//! Ports that nobody uses, outside the range from which the kernel takes those of clients.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, PoisonError};

use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};

/// The lowest port that is given out: below are the well-known ones, and those that people pick by hand.
const LOWEST: u16 = 10_000;

/// The range of the kernel's own choice, where it can't be read: the default of Linux.
const DEFAULT_RANGE: (u16, u16) = (32_768, 60_999);

/// How many ports a process takes for itself at a time.
const BLOCK: usize = 512;

/// What this process has for itself.
static OURS: Mutex<Ours> = Mutex::new(Ours { ports: VecDeque::new(), names: Vec::new() });

/// Ports that no other process is given here while this one lives. A port that a program is to use that is yet to start is nobody's for a
/// moment, which is all that another process needs to find it free.
struct Ours {
    /// Those first that were given out longest ago.
    ports: VecDeque<u16>,
    /// One for each block. Only one process of a network namespace can have a name, which is where a port is one's own, too.
    names: Vec<UnixDatagram>,
}

impl Ours {
    /// Takes a block that no process has, a random one; whether there was one.
    fn take(&mut self, all: &[u16]) -> bool {
        let blocks: Vec<&[u16]> = all.chunks(BLOCK).collect();
        let random = blocks.iter().cycle().skip(random(blocks.len())).take(blocks.len());
        let Some((ports, name)) = random.copied().find_map(|ports| Some((ports, named(ports)?))) else { return false };
        self.names.push(name);
        ports.iter().rev().for_each(|port| self.ports.push_front(*port));
        true
    }
}

/// The name of a block, which is ours from then on; `None` where it is another process's.
fn named(ports: &[u16]) -> Option<UnixDatagram> {
    let name = SocketAddr::from_abstract_name(format!("squall-ports-{}", ports.first()?)).ok()?;
    UnixDatagram::bind_addr(&name).ok()
}

/// At most so many ports of 127.0.0.1 that are free for TCP and UDP now. Another process that asks here gets none of them while this one
/// lives, unless there are no others. Nothing else reserves them: somebody may take one before it is used.
///
/// # Errors
/// When sockets can't be made at all.
pub fn free_ports(count: usize) -> io::Result<Vec<NonZeroU16>> {
    let all = candidates();
    let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut free, mut looked_at) = (Vec::new(), 0);
    while free.len() < count {
        if looked_at == ours.ports.len() && !ours.take(&all) {
            break;
        }
        let Some(port) = ours.ports.pop_front() else { break };
        ours.ports.push_back(port);
        looked_at += 1;
        free.extend(is_free(port)?);
    }
    // Where others have all blocks.
    for port in all.iter().cycle().skip(random(all.len())).take(all.len()) {
        if free.len() >= count {
            break;
        }
        free.extend(is_free(*port)?.filter(|port| !free.contains(port)));
    }
    Ok(free)
}

/// The ports that are given out.
fn candidates() -> Vec<u16> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    let (from, to) = range.as_deref().and_then(parsed).unwrap_or(DEFAULT_RANGE);
    (LOWEST..=u16::MAX).filter(|port| !(from..=to).contains(port)).collect()
}

fn random(below: usize) -> usize {
    let drawn = RandomState::new().hash_one(std::process::id());
    usize::try_from(drawn % u64::try_from(below.max(1)).unwrap_or(1)).unwrap_or_default()
}

/// The port, where nobody has it.
fn is_free(port: u16) -> io::Result<Option<NonZeroU16>> {
    // A program that takes the port at this very moment, as servers do with `SO_REUSEADDR`, gets it.
    let both = bound_port(port, SocketType::STREAM, PortSharing::Shared)
        .and_then(|tcp| Ok((tcp, bound_port(port, SocketType::DGRAM, PortSharing::Alone)?)));
    match both {
        Ok(_) => Ok(NonZeroU16::new(port)),
        Err(error) if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => Ok(None),
        Err(error) => Err(error),
    }
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
    fn blocks_are_ours_alone_and_given_out_again_before_others_are_taken() {
        let all = candidates();
        let block = |port: &NonZeroU16| all.iter().position(|one| *one == port.get()).unwrap() / BLOCK;
        let given: Vec<NonZeroU16> = (0..16).flat_map(|_| free_ports(BLOCK / 4).unwrap()).collect();
        let blocks: BTreeSet<usize> = given.iter().map(block).collect();
        assert!(blocks.len() <= 2, "{blocks:?}");
        // As another process would ask, which has no other way to learn what is ours.
        assert!(blocks.iter().all(|at| named(&all[at * BLOCK..]).is_none()), "{blocks:?}");
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
