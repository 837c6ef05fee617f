//! What the tests of faults on links share: links to a server that sends back what it gets, and clients of them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::{
    DeclaredNode, Fault, Injection, Journal, Member, NodeContext, NodePlace, Nodes, PluginError, Presence, RealClock,
    RunContext, Sighting, UndoContext, UndoLog, Undone, parse,
};
use chaos_test::{Subjects, run_context};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A hang is an error; nothing here takes nearly as long.
pub(super) const HANG: Duration = Duration::from_mins(2);

/// Says that links are started by way of the test below, since a test program has no `main` of ours.
fn links() {
    let name = concat!(module_path!(), "::a_link");
    let name = name.split_once("::").map_or(name, |(_, rest)| rest);
    chaos_nodes::reached_by(&[name, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
}

#[test]
#[ignore = "what a test program comes to when it is started as the process of a link"]
fn a_link() {
    let _ = chaos_nodes::run_if_asked();
}

/// One outside the range from which clients get theirs.
fn free_port() -> u16 {
    chaos_host::free_ports(1).unwrap()[0].get()
}

/// A link `n1` from `a` to `b` to a server that sends back, for the contract; a client is connected to it.
pub(super) fn contract_link(subjects: &Subjects) {
    let upstream = format!("127.0.0.1:{}", echo_tcp());
    subjects.keep(client(contract_node(subjects, json!({"upstream": upstream}))));
}

/// A link `n1` from `a` to `b` with these keys, for the contract, and its port.
pub(super) fn contract_node(subjects: &Subjects, mut keys: Value) -> u16 {
    links();
    let port = free_port();
    for (key, value) in
        [("type", json!("link")), ("from", json!("a")), ("to", json!("b")), ("ports", json!({"listen": port}))]
    {
        keys[key] = value;
    }
    subjects.node("n1", keys);
    port
}

/// A link of UDP `n1` from `a` to `b` to a server that sends back, for the contract; a client has a flow.
pub(super) fn contract_flow(subjects: &Subjects) {
    let upstream = format!("127.0.0.1:{}", echo_udp());
    let port = contract_node(subjects, json!({"upstream": upstream, "protocol": "udp"}));
    let there = Arc::new(());
    let watched = Arc::downgrade(&there);
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    thread::spawn(move || {
        while watched.strong_count() > 0 {
            // Nobody may listen yet, or any more.
            let _ = socket.send_to(b"ping", ("127.0.0.1", port));
            chaos_host::moment();
        }
    });
    subjects.keep(there);
}

/// A client that connects again whenever it is not connected, until what it gives is dropped.
fn client(port: u16) -> Arc<()> {
    let there = Arc::new(());
    let watched = Arc::downgrade(&there);
    thread::spawn(move || {
        while watched.strong_count() > 0 {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
                stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
                while watched.strong_count() > 0 {
                    match stream.read(&mut [0; 8]) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        _ => break,
                    }
                }
            }
            chaos_host::moment();
        }
    });
    there
}

fn echo_tcp() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || io::copy(&mut &stream, &mut &stream));
        }
    });
    port
}

fn echo_udp() -> u16 {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut datagram) {
            let _ = socket.send_to(&datagram[..length], from);
        }
    });
    port
}

/// Links of a run, each to a server that sends back.
pub(super) struct Rig {
    folder: TempDir,
    pub(super) cx: RunContext,
    life: Arc<UndoLog>,
    ports: BTreeMap<String, u16>,
}

impl Rig {
    /// Links by name, with the nodes that each joins.
    pub(super) async fn start(protocol: &str, all: &[(&str, &str, &str)]) -> Self {
        links();
        let folder = tempfile::tempdir().unwrap();
        let cx = run_context().run_id("links").env([("PATH", "/usr/bin:/bin")]).build();
        let life = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
        let mut rig = Self { folder, cx, life, ports: BTreeMap::new() };
        for (name, from, to) in all {
            let upstream = if protocol == "tcp" { echo_tcp() } else { echo_udp() };
            rig.link(protocol, name, from, to, upstream).await;
        }
        rig
    }

    /// Starts one more, to a server on that port.
    pub(super) async fn link(&mut self, protocol: &str, name: &str, from: &str, to: &str, upstream: u16) {
        let upstream = format!("127.0.0.1:{upstream}");
        self.declare(name, json!({"upstream": upstream, "protocol": protocol, "from": from, "to": to})).await;
    }

    /// Starts one more, with these keys.
    pub(super) async fn declare(&mut self, name: &str, mut keys: Value) {
        let port = free_port();
        keys["type"] = "link".into();
        let node: DeclaredNode = parse(&keys).unwrap();
        let place = NodePlace {
            dir: self.dir(name),
            logs: self.folder.path().join("logs"),
            ports: BTreeMap::from([("listen".to_owned(), NonZeroU16::new(port).unwrap())]),
        };
        let member: Arc<dyn Member> = node.member(NodeContext::new(name, self.cx.clone(), place)).unwrap();
        self.cx.services().get::<Nodes>().declare(name, BTreeMap::new(), false, Arc::clone(&member));
        member.start(&self.life.handle()).await.unwrap();
        self.ports.insert(name.to_owned(), port);
    }

    /// The folder of a link.
    pub(super) fn dir(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The port of a link.
    pub(super) fn port(&self, name: &str) -> u16 {
        self.ports[name]
    }

    /// A connection through a link, over which a message has gone.
    pub(super) fn connect(&self, name: &str) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port(name))).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        round_trip(&stream).unwrap();
        stream
    }

    /// Injects a fault, and looks at it before, meanwhile and afterwards; `meanwhile` is a client's look.
    pub(super) async fn inject<F: Fault>(&self, fault: &F, meanwhile: impl FnOnce()) -> String {
        assert_eq!(fault.witness(&self.cx).await.presence, Presence::Absent, "before");
        let log = UndoLog::new(Arc::new(Journal::in_memory()), self.cx.clone(), None);
        let injected = fault.inject(&self.cx.clone().into(), &log.handle()).await.unwrap();
        assert!(matches!(injected, Injection::InForce(_)), "{injected:?}");
        let seen: Sighting = fault.witness(&self.cx).await;
        assert_eq!(seen.presence, Presence::Present, "{seen:?}");
        meanwhile();
        let cx = UndoContext::new(Arc::new(RealClock::new()), Duration::from_secs(10));
        for step in log.newest_first() {
            let undone = step.step.undo(&cx).await.unwrap();
            assert!(matches!(undone, Undone::Reverted(_)), "{undone:?}");
            let again = step.step.undo(&cx).await.unwrap();
            assert!(matches!(again, Undone::NothingToDo(_)), "{again:?}");
        }
        let after = fault.witness(&self.cx).await;
        assert_eq!(after.presence, Presence::Absent, "{after:?}");
        seen.evidence.summary
    }

    /// Why a fault is refused.
    pub(super) async fn refused<F: Fault>(&self, fault: &F) -> String {
        match fault.plan(&self.cx).await.unwrap_err() {
            PluginError::Refused(why) => why,
            other => panic!("{other}"),
        }
    }

    /// Ends the links.
    pub(super) async fn end(self) {
        let cx = UndoContext::new(Arc::new(RealClock::new()), Duration::from_secs(10));
        for step in self.life.newest_first() {
            step.step.undo(&cx).await.unwrap();
        }
        self.cx.services().get::<Nodes>().clear();
    }
}

/// A fault from its parameters.
pub(super) fn fault<F: serde::de::DeserializeOwned>(parameters: Value) -> F {
    serde_json::from_value(parameters).unwrap()
}

/// The time of one message there and back.
pub(super) fn round_trip(mut stream: &TcpStream) -> io::Result<Duration> {
    let began = Instant::now();
    stream.write_all(b"ping")?;
    stream.read_exact(&mut [0; 4])?;
    Ok(began.elapsed())
}

/// How many of so many datagrams come back, however late; `least` are waited for.
pub(super) fn datagrams(port: u16, count: u32, least: usize) -> usize {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    let (mut back, mut sent) = (BTreeSet::new(), 0);
    let receive = |back: &mut BTreeSet<[u8; 4]>, silence: u64, most: u32| {
        socket.set_read_timeout(Some(Duration::from_millis(silence))).unwrap();
        let mut datagram = [0; 4];
        (0..most).take_while(|_| socket.recv(&mut datagram).map(|_| back.insert(datagram)).is_ok()).count()
    };
    while sent < count {
        // No more at once than every queue on the way has room for.
        let under_way = 25.min(count - sent);
        for number in sent..sent + under_way {
            socket.send(&number.to_be_bytes()).unwrap();
        }
        sent += under_way;
        receive(&mut back, 150, under_way);
    }
    // A busy machine may bring some back late.
    let began = Instant::now();
    while back.len() < least && began.elapsed() < HANG {
        receive(&mut back, 1000, 1);
    }
    if (1..count as usize).contains(&back.len()) {
        receive(&mut back, 1000, count);
    }
    back.len()
}
