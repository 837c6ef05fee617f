//! The sockets from which a process sends to a server over UDP, as the kernel has them.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::num::NonZeroU32;

use chaos_core::FlowSocket;

/// The UDP sockets of a process that are connected to a server on this port, by their ports in order.
///
/// # Errors
/// When `/proc` can't be read, such as when the process has ended.
pub(super) fn of(pid: NonZeroU32, server: u16) -> io::Result<Vec<FlowSocket>> {
    let mut ours = BTreeSet::new();
    for descriptor in fs::read_dir(format!("/proc/{pid}/fd"))? {
        // One that was closed meanwhile is none.
        let Ok(link) = fs::read_link(descriptor?.path()) else { continue };
        let inode = link.to_str().and_then(|link| link.strip_prefix("socket:[")?.strip_suffix(']'));
        ours.extend(inode.map(str::to_owned));
    }
    let mut sockets = Vec::new();
    for table in ["udp", "udp6"] {
        match fs::read_to_string(format!("/proc/{pid}/net/{table}")) {
            Ok(text) => sockets.extend(connected(&text, server, &ours)),
            // A machine without IPv6 has no second table.
            Err(error) if error.kind() == io::ErrorKind::NotFound && table == "udp6" => {}
            Err(error) => return Err(error),
        }
    }
    sockets.sort_unstable();
    Ok(sockets)
}

/// The local ports in a table of sockets: columns 2 and 3 are the addresses, the tenth is the inode.
fn connected(table: &str, server: u16, ours: &BTreeSet<String>) -> Vec<FlowSocket> {
    let port = |address: &&str| u16::from_str_radix(address.rsplit(':').next()?, 16).ok();
    let rows = table.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    rows.filter(|row| {
        row.get(2).and_then(port) == Some(server) && row.get(9).is_some_and(|inode| ours.contains(*inode))
    })
    .filter_map(|row| Some(FlowSocket { port: row.get(1).and_then(port)?, id: row.get(9)?.parse().ok()? }))
    .collect()
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn the_kernel_tells_which_port_is_connected_to_a_server() {
        let sockets = || [(); 2].map(|()| UdpSocket::bind(("127.0.0.1", 0)).unwrap());
        let (servers, clients) = (sockets(), sockets());
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        for (client, server) in clients.iter().zip(&servers) {
            client.connect(("127.0.0.1", port(server))).unwrap();
        }
        let pid = NonZeroU32::new(std::process::id()).unwrap();
        let ports = |server| of(pid, server).unwrap().iter().map(|socket| socket.port).collect::<Vec<_>>();
        assert_eq!(ports(port(&servers[0])), [port(&clients[0])]);
        assert_eq!(ports(port(&clients[0])), [0; 0], "nobody is connected to the client");
    }

    #[test]
    fn rows_of_others_and_torn_rows_are_left_out() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref\n\
            1: 0100007F:1F90 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 71 2 0 0\n\
            2: 0100007F:1F91 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 72 2 0 0\n\
            3: 0100007F:1F92 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 71 2 0 0\n\
            4: torn\n";
        assert_eq!(connected(table, 53, &BTreeSet::from(["71".to_owned()])), [FlowSocket { port: 8080, id: 71 }]);
    }
}
