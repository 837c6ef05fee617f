//! A network namespace with no way out, whose only other interface counts what would have left: listeners on every other loopback address, and a name server that changes its mind.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Set in the process that is inside.
const INSIDE: &str = "SQUALL_TEST_CLOSED_NETWORK";

/// Sends whatever is not for loopback to an interface behind which nobody is. It says nothing by itself: no address
/// resolution, no multicast, no addresses of its own making; so every packet of it was sent by somebody.
const COUNTING: &str = "ip link set lo up && \
    { ip link add out0 type dummy 2>/dev/null || ip link add out0 type veth peer name in0; } && \
    { ip link set in0 addrgenmode none multicast off arp off up 2>/dev/null || true; } && \
    ip link set out0 addrgenmode none multicast off arp off up && \
    ip addr add 192.0.2.1/24 dev out0 && ip route add default dev out0 && \
    ip -6 addr add 2001:db8::1/64 dev out0 nodad && ip -6 route add default dev out0 && ";

/// How many packets would have left, sent or dropped.
pub(crate) fn packets_out() -> u64 {
    let table = fs::read_to_string("/proc/self/net/dev").unwrap();
    let line = table.lines().find_map(|line| line.trim().strip_prefix("out0:")).unwrap();
    let figures: Vec<u64> = line.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
    // Eight figures of what was received come first; then bytes, packets, errors, dropped.
    figures[9..12].iter().sum()
}

/// Sends packets out as an escape would, and sees each counted: an interface that counts nothing would prove nothing.
pub(crate) fn counts_packets() {
    for (from, to) in [("0.0.0.0:0", "192.0.2.9:9"), ("0.0.0.0:0", "203.0.113.9:53"), ("[::]:0", "[2001:db8::9]:9")] {
        let before = packets_out();
        UdpSocket::bind(from).unwrap().send_to(b"out", to).unwrap();
        assert_eq!(packets_out(), before + 1, "{to}");
    }
}

/// Runs a test of this binary again inside such a namespace; true where the caller is that run and shall go on.
///
/// # Panics
/// The run inside failed.
pub(crate) fn inside(test: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let folder = tempfile::tempdir().unwrap();
    let servers = folder.path().join("resolv.conf");
    fs::write(&servers, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
    let script = format!("{COUNTING}mount --bind '{}' /etc/resolv.conf && exec \"$@\"", servers.display());
    let program = env::current_exe().unwrap();
    let within = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["-rnm", "sh", "-c", &script, "sh"]).args(words).env(INSIDE, "1");
        command
    };
    if !within(&["true"]).output().is_ok_and(|output| output.status.success()) {
        println!("skipped: needs user, network and mount namespaces, and ip with a dummy or veth interface");
        return false;
    }
    let output = within(&[program.to_str().unwrap(), "--exact", test, "--nocapture"]).output().unwrap();
    let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    for line in told.lines().filter(|line| line.starts_with("inside: ")) {
        println!("{line}");
    }
    false
}

/// Counts whoever connects to an address that nothing has any business with.
pub(crate) struct OtherServices {
    counts: Vec<(IpAddr, Arc<AtomicUsize>)>,
    port: u16,
}

impl OtherServices {
    /// Listens on this port of each address, or with 0 on one that is free.
    pub(crate) fn listen(addresses: &[IpAddr], port: u16) -> Self {
        let mut last = port;
        let counts = addresses.iter().map(|address| {
            let listener = TcpListener::bind(SocketAddr::new(*address, port)).unwrap();
            last = listener.local_addr().unwrap().port();
            let count = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&count);
            thread::spawn(move || {
                for _ in listener.incoming() {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
            });
            (*address, count)
        });
        let counts = counts.collect();
        Self { counts, port: last }
    }

    /// Where they listen.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The addresses that somebody connected to.
    pub(crate) fn reached(&self) -> Vec<IpAddr> {
        let reached = self.counts.iter().filter(|(_, count)| count.load(Ordering::SeqCst) > 0);
        reached.map(|(address, _)| *address).collect()
    }
}

/// Answers every name with 127.0.0.1 at first, and with another address from the second question for that name on.
pub(crate) struct FickleNames {
    asked: Arc<AtomicUsize>,
}

impl FickleNames {
    /// Serves on the name server's port of loopback, which only a namespace of one's own allows.
    pub(crate) fn serve(later: Ipv4Addr) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 53)).unwrap();
        socket.set_read_timeout(Some(Duration::from_hours(1))).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        thread::spawn(move || {
            let mut known = std::collections::BTreeSet::new();
            let mut packet = [0; 512];
            loop {
                match socket.recv_from(&mut packet) {
                    Ok((length, from)) => {
                        let (name, kind) = question(&packet[..length]);
                        let address = (kind == ADDRESS).then(|| {
                            counted.fetch_add(1, Ordering::SeqCst);
                            if known.insert(name) { Ipv4Addr::LOCALHOST } else { later }
                        });
                        let _ = socket.send_to(&reply(&packet[..length], address), from);
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        });
        Self { asked }
    }

    /// How many addresses were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The record type of an IPv4 address (RFC 1035, section 3.2.2).
const ADDRESS: u16 = 1;

/// The name of a packet's one question, as it stands there, and its type.
fn question(packet: &[u8]) -> (Vec<u8>, u16) {
    let mut at = 12;
    while packet.get(at).is_some_and(|length| *length != 0) {
        at += usize::from(packet[at]) + 1;
    }
    let kind = packet.get(at + 1..at + 3).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]));
    (packet.get(12..at).unwrap_or_default().to_ascii_lowercase(), kind)
}

/// The question again with an answer of one address, or none, that may not be kept (RFC 1035, section 4.1).
fn reply(asked: &[u8], address: Option<Ipv4Addr>) -> Vec<u8> {
    let (name, _) = question(asked);
    let mut reply = asked[..2].to_vec();
    let answers = u8::from(address.is_some());
    reply.extend([0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0]);
    reply.extend(asked.get(12..12 + name.len() + 5).unwrap_or_default());
    if let Some(address) = address {
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        reply.extend(address.octets());
    }
    reply
}
