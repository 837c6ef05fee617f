//! Processes by the TCP port on which they listen.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::num::NonZeroU32;

use crate::pidfd::PidFd;

/// The state of a listening socket in `/proc/net/tcp` (`TCP_LISTEN` in `include/net/tcp_states.h`).
const LISTEN: &str = "0A";

/// The processes that listen on this TCP port in our network namespace, held. Those whose descriptors we may not read are
/// not found.
///
/// # Errors
/// When `/proc` can't be read.
pub fn listening_on(port: u16) -> io::Result<Vec<PidFd>> {
    let mut sockets = BTreeSet::new();
    for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        match fs::read_to_string(table) {
            Ok(text) => sockets.extend(listening_sockets(&text, port)),
            // A machine without IPv6 has no second table.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    if sockets.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<NonZeroU32>().ok()) else {
            continue;
        };
        // Held first, read again then: what was read is what a signal reaches.
        if has_one(pid, &sockets)
            && let Some(held) = PidFd::open(pid)?
            && has_one(pid, &sockets)
            && held.is_there()
        {
            found.push(held);
        }
    }
    Ok(found)
}

/// The inodes of the listening sockets of that port, as links to descriptors show them.
fn listening_sockets(table: &str, port: u16) -> Vec<String> {
    let port = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let listening = rows.filter(|row| {
        row.get(1).is_some_and(|local| local.ends_with(&port)) && row.get(3).is_some_and(|state| *state == LISTEN)
    });
    listening.filter_map(|row| Some(format!("socket:[{}]", row.get(9)?))).collect()
}

/// Whether a process has one of these sockets open.
fn has_one(pid: NonZeroU32, sockets: &BTreeSet<String>) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut links = descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    links.any(|link| link.to_str().is_some_and(|link| sockets.contains(link)))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_table_gives_the_listening_sockets_of_a_port_only() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 71 1 0\n\
            1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 72 1 0\n\
            2: 0100007F:11F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 73 1 0\n\
            3: torn\n";
        assert_eq!(listening_sockets(table, 8080), ["socket:[71]"]);
        assert!(listening_sockets(table, 80).is_empty());
    }

    #[test]
    fn whoever_listens_is_found_and_a_free_port_is_nobodys() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let found: Vec<u32> = listening_on(at.port()).unwrap().iter().map(|held| held.pid().get()).collect();
        // A program that another test is just starting has our descriptors, too, until it runs.
        assert!(found.contains(&std::process::id()), "{found:?}");
        // A port that nobody else is given meanwhile, and on which nobody listens.
        let client = TcpStream::connect(at).unwrap();
        assert!(listening_on(client.local_addr().unwrap().port()).unwrap().is_empty());
    }
}
