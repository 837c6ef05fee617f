use std::collections::BTreeMap;
use std::os::unix::net::UnixListener;
use std::thread;

use chaos_links::{
    Bandwidth, BlackHoleToxic, Corrupt, Direction, HoleMode, LatencyToxic, LinkChange, LinkSpec, Links, Loss, Protocol,
    ToxicKind, ToxicSpec,
};

use super::*;
use crate::child::wait_until;

/// A link of this process to a server that is watched.
struct Watched {
    links: Links,
    watch: LinkWatch,
}

impl Watched {
    fn new(passing: Passing, protocol: Protocol) -> Self {
        let (links, watch) = (Links::start(7).unwrap(), LinkWatch::start(passing).unwrap());
        let view =
            links.create(&LinkSpec { protocol, ..LinkSpec::new("ab", "127.0.0.1:0", watch.upstream()) }).unwrap();
        let port = view.listen.rsplit(':').next().unwrap().parse().unwrap();
        watch.port.store(port, Ordering::Relaxed);
        Self { links, watch }
    }

    fn seen(&self) -> Seen {
        self.watch.seen().unwrap()
    }

    /// What a client sees while that is on the link; before and after it, the link must pass.
    fn harmed_by(&self, kind: &ToxicKind, way: Direction) -> Seen {
        self.passes("before it");
        self.links.add_toxic("ab", ToxicSpec { name: "left".to_owned(), ..ToxicSpec::new(kind.clone(), way) }).unwrap();
        let seen = self.seen();
        self.links.remove_toxic("ab", "left").unwrap();
        // A handshake that the kernel has just dropped is repeated after a second.
        self.passes("after it");
        seen
    }

    /// Waits until a client's bytes pass: on a busy machine some take longer than any fault of the table would let them.
    fn passes(&self, when: &str) {
        wait_until(&format!("the link passes {when}"), || self.seen() == Seen::Passes).unwrap();
    }
}

#[test]
fn a_client_sees_each_toxic_that_is_left_on_either_way() {
    let link = Watched::new(Passing::Stream, Protocol::Tcp);
    for way in Direction::BOTH {
        for kind in [
            ToxicKind::Latency(LatencyToxic { latency: 1000, ..LatencyToxic::default() }),
            ToxicKind::Loss(Loss { every: 1, ..Loss::default() }),
            ToxicKind::Bandwidth(Bandwidth { rate: 1 }),
            ToxicKind::BlackHole(BlackHoleToxic { mode: HoleMode::AcceptNothing }),
            ToxicKind::BlackHole(BlackHoleToxic { mode: HoleMode::SayNothing }),
        ] {
            let name = kind.type_name();
            let seen = link.harmed_by(&kind, way);
            assert!(matches!(seen, Seen::Harmed(_)), "{name}, {way:?}: {seen:?}");
        }
    }
}

#[test]
fn a_client_sees_datagrams_that_are_lost_or_changed() {
    let link = Watched::new(Passing::Datagrams, Protocol::Udp);
    for way in Direction::BOTH {
        for kind in
            [ToxicKind::Loss(Loss { every: 2, ..Loss::default() }), ToxicKind::Corrupt(Corrupt { probability: 1.0 })]
        {
            let name = kind.type_name();
            let seen = link.harmed_by(&kind, way);
            assert!(matches!(seen, Seen::Harmed(_)), "{name}, {way:?}: {seen:?}");
        }
    }
}

#[test]
fn a_link_that_is_down_or_leads_elsewhere_is_not_there() {
    for (passing, protocol) in [(Passing::Stream, Protocol::Tcp), (Passing::Datagrams, Protocol::Udp)] {
        let (link, other) = (Watched::new(passing, protocol), LinkWatch::start(passing).unwrap());
        let port = link.watch.port.load(Ordering::Relaxed);
        assert!(matches!(look(port, &other.server), Seen::NotThere(_)), "{:?}", look(port, &other.server));
        link.passes("to its server");
        wait_until("a port that leads on, without a process of the run", || link.watch.is_there(0)).unwrap();
        let down = LinkChange { enabled: Some(false), ..LinkChange::default() };
        link.links.update("ab", &down).unwrap();
        // What closes a socket for datagrams is another thread.
        wait_until("the link is down", || matches!(link.seen(), Seen::NotThere(_))).unwrap();
        assert!(!link.watch.is_there(0));
        let place = tempfile::tempdir().unwrap();
        assert_eq!(link.watch.standing(place.path(), 0), Standing::Gone);
    }
}

#[test]
fn an_answer_of_http_must_be_the_servers() {
    let server = LinkServer::start(Passing::Http).unwrap();
    wait_until("the server answers", || look(server.address().port(), &server) == Seen::Passes).unwrap();
    let other = LinkServer::start(Passing::Http).unwrap();
    assert!(matches!(look(other.address().port(), &server), Seen::NotThere(_)));
    for answer in ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP/1.1 200 OK\r\n", ""] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let refuses = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            stream.write_all(answer.as_bytes()).unwrap();
        });
        assert!(matches!(look(port, &server), Seen::Harmed(_)), "{answer}");
        refuses.join().unwrap();
    }
}

#[test]
fn a_link_tells_what_acts_on_it() {
    let place = tempfile::tempdir().unwrap();
    let node = place.path().join("squall/nodes/run").join(NODE);
    fs::create_dir_all(&node).unwrap();
    assert!(acts(place.path()).is_err());
    let socket = UnixListener::bind(node.join("link.sock")).unwrap();
    let told = BTreeMap::from([
        (r#"{"reading":{"toxics":[],"up":true,"flapping":false}}"#, Some("")),
        (r#"{"reading":{"toxics":["latency/upstream","x"],"up":true,"flapping":false}}"#, Some("latency/upstream, x")),
        (r#"{"reading":{"toxics":[],"up":false,"flapping":true}}"#, Some("down, flapping")),
        (r#"{"failed":"no"}"#, None),
        ("", None),
    ]);
    for (answer, expected) in told {
        let asked = thread::scope(|scope| {
            scope.spawn(|| {
                let mut stream = socket.accept().unwrap().0;
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line).unwrap();
                assert_eq!(line, "\"read\"\n");
                writeln!(stream, "{answer}").unwrap();
            });
            acts(place.path())
        });
        assert_eq!(asked.ok().map(|acts| acts.join(", ")).as_deref(), expected, "{answer}");
    }
}
