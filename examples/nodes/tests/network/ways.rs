//! The ways between members, as clients and the kernel see them: who hears whom, how fast, and whether a port is there.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use chaos_example_nodes::mesh::Pinger;
use serde_json::Value;

use crate::held::{self, Process, members, status};
use crate::place::Place;

/// A hang is an error; an answer on this machine takes milliseconds.
const HANG: Duration = Duration::from_mins(2);

/// Pings on each way.
pub(crate) const PINGS: u64 = 10;

/// How long a ping that must not come back is waited for, after all others have.
const GONE: Duration = Duration::from_millis(100);

/// The link through which a member sends to another one, by both names.
pub(crate) type Ways = BTreeMap<(String, String), SocketAddr>;

/// All of them, as the members were told them.
pub(crate) fn ways(place: &Place) -> Ways {
    let mut ways = Ways::new();
    for (name, process) in members(place) {
        let command = fs::read_to_string(format!("/proc/{}/cmdline", process.pid)).unwrap();
        for (peer, address) in command.split('\0').filter_map(|word| word.split_once('=')) {
            ways.insert((name.clone(), peer.to_owned()), address.parse().unwrap());
        }
    }
    ways
}

/// Where a member hears the others, as it was told.
pub(crate) fn gossip(member: &Process) -> SocketAddr {
    let command = fs::read_to_string(format!("/proc/{}/cmdline", member.pid)).unwrap();
    let mut words = command.split('\0').skip_while(|word| *word != "--gossip");
    words.nth(1).unwrap().parse().unwrap()
}

/// Where the link listens that forwards connections to where a member answers HTTP, as its process was told.
pub(crate) fn told(place: &Place, member: &Process) -> SocketAddr {
    let here = place.path("").display().to_string();
    let upstream = member.url.replace("http://", "");
    let listens = fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment);
        let orders = environment.split('\0').find_map(|variable| variable.strip_prefix("SQUALL_LINK="))?;
        let orders: Value = serde_json::from_str(orders).ok()?;
        (orders["upstream"] == upstream && environment.contains(&here)).then(|| orders["listen"].as_u64().unwrap())
    });
    format!("127.0.0.1:{}", listens.unwrap()).parse().unwrap()
}

/// At how many bytes a second so many pings of a kilobyte, sent at once, arrive at the member behind a way: by its own clock.
pub(crate) fn rate(ways: &Ways, all: &BTreeMap<String, Process>, from: &str, to: &str, pings: usize) -> u64 {
    let mut pinger = pinger(ways, from, to, &[]).padded(1000);
    let (answered, _) = pinger.burst(pings, HANG).unwrap();
    assert_eq!(answered, pings, "{from} to {to}");
    let told = held::asked(&all[to], &format!("/arrivals/{}", pinger.asker())).unwrap();
    let [count, bytes, us] = ["count", "bytes_after_first", "first_to_last_us"].map(|key| told[key].as_u64().unwrap());
    assert_eq!((count, bytes), (pings as u64, (pings as u64 - 1) * pinger.length() as u64), "{told}");
    bytes * 1_000_000 / us.max(1)
}

/// Asks along a way, and on through peers of the member behind it.
pub(crate) fn pinger(ways: &Ways, from: &str, to: &str, on: &[&str]) -> Pinger {
    let on: Vec<String> = on.iter().map(|&name| name.to_owned()).collect();
    Pinger::new(ways[&(from.to_owned(), to.to_owned())], &on).unwrap()
}

/// The fastest of a few round trips.
pub(crate) fn fastest(mut pinger: Pinger) -> Duration {
    (0..5).map(|_| pinger.round_trip(HANG).unwrap().expect("no answer")).min().unwrap()
}

/// Of [`PINGS`] pings on each way: how many have arrived at the member behind it, and how many answers have come back. Those that
/// the test takes for cut are waited for after all others have come back.
pub(crate) fn delivered(
    place: &Place,
    ways: &Ways,
    is_cut: impl Fn(&str, &str) -> bool,
) -> BTreeMap<(String, String), (u64, u64)> {
    let mut asked: Vec<_> = ways.keys().map(|(from, to)| ((from, to), pinger(ways, from, to, &[]))).collect();
    // The cut ones first, so that whatever they let through had the most time.
    asked.sort_by_key(|((from, to), _)| !is_cut(from, to));
    for (_, pinger) in &mut asked {
        for _ in 0..PINGS {
            pinger.ask().unwrap();
        }
    }
    let mut back = BTreeMap::new();
    for ((from, to), pinger) in asked.iter().rev() {
        let wait = if is_cut(from, to) { GONE } else { HANG };
        let answers = (0..PINGS).take_while(|_| pinger.answer(wait).unwrap().is_some()).count();
        back.insert((*from, *to), answers as u64);
    }
    let told: BTreeMap<String, Value> =
        members(place).iter().filter_map(|(name, process)| Some((name.clone(), status(process)?))).collect();
    let arrived =
        |to: &str, pinger: &Pinger| told.get(to).map_or(0, |told| told["pings"][pinger.asker()].as_u64().unwrap_or(0));
    asked
        .iter()
        .map(|((from, to), pinger)| (((*from).clone(), (*to).clone()), (arrived(to, pinger), back[&(*from, *to)])))
        .collect()
}

/// Exactly the ways that `is_cut` names deliver nothing, and all others everything; gives how many deliver.
pub(crate) fn just_cut(place: &Place, ways: &Ways, is_cut: impl Fn(&str, &str) -> bool) -> usize {
    let delivered = delivered(place, ways, &is_cut);
    let wrong: Vec<_> = delivered
        .iter()
        .filter(|((from, to), counts)| **counts != if is_cut(from, to) { (0, 0) } else { (PINGS, PINGS) })
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    delivered.keys().filter(|(from, to)| !is_cut(from, to)).count()
}

/// The inode of the socket of UDP that has that port, as the kernel lists them (`proc_pid_net(5)`).
pub(crate) fn socket(address: SocketAddr) -> Option<String> {
    let port = format!(":{:04X}", address.port());
    let table = fs::read_to_string("/proc/net/udp").unwrap();
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.get(1).is_some_and(|local| local.ends_with(&port)))?;
    row.get(9).map(|inode| (*inode).to_owned())
}

/// Whether a socket of UDP has that port.
pub(crate) fn is_bound(address: SocketAddr) -> bool {
    socket(address).is_some()
}

/// What the process of a link says that it has passed on and dropped from the client's side, in bytes.
pub(crate) fn counted(place: &Place, link: &str) -> [u64; 2] {
    let runs = fs::read_dir(place.path("state/nodes")).unwrap().map(|run| run.unwrap().path());
    let socket = runs.map(|run| run.join(link).join("link.sock")).find(|socket| socket.exists()).unwrap();
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(b"\"read\"\n").unwrap();
    let mut told = String::new();
    BufReader::new(stream).read_line(&mut told).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    ["sent_bytes", "dropped_bytes"].map(|key| told["reading"][key][0].as_u64().unwrap())
}

/// What all members say of all others, as often as they were missed: `(who, whom)`.
pub(crate) fn missed(all: &BTreeMap<String, Process>) -> BTreeMap<(String, String), u64> {
    let mut missed = BTreeMap::new();
    for (name, process) in all {
        let told = status(process).unwrap();
        for (other, member) in told["members"].as_object().unwrap() {
            missed.insert((name.clone(), other.clone()), member["times_stale"].as_u64().unwrap());
        }
    }
    missed
}

/// What a member says of another one now.
pub(crate) fn state(all: &BTreeMap<String, Process>, name: &str, other: &str) -> String {
    status(&all[name]).unwrap()["members"][other]["state"].as_str().unwrap().to_owned()
}
