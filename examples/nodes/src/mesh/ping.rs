//! Questions that members answer, and pass on along a route: what a client sees of the ways between members.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::identity::random;

/// The most askers that a member counts pings of, and the most pings whose answers it passes back; what is beyond is forgotten.
const MOST: usize = 10_000;

/// Pings that are under way at once: fewer than every queue on the way has room for.
const AT_ONCE: usize = 25;

/// The number of the first ping, so that all have as many digits.
const FIRST: u64 = 1_000_000;

/// After how long a member that carries a question asks the next one again.
const AGAIN: Duration = Duration::from_millis(200);

/// Who asks, and for which time.
type Question = (String, u64);

/// A datagram between an asker and members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ping {
    /// A question, and the peers through which it still has to go.
    Asked(Question, Vec<String>),
    /// The same, which whoever hears it asks on its way until there is an answer.
    Carried(Question, Vec<String>),
    /// Its answer.
    Answered(Question),
}

impl Ping {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Asked((asker, number), route) => json!({"ping": [asker, number], "route": route}),
            Self::Carried((asker, number), route) => json!({"carry": [asker, number], "route": route}),
            Self::Answered((asker, number)) => json!({"pong": [asker, number]}),
        }
        .to_string()
        .into_bytes()
    }

    /// Who has asked, of a question that has come to its end.
    pub(super) fn asker_at_its_end(&self) -> Option<&str> {
        match self {
            Self::Asked((asker, _), route) | Self::Carried((asker, _), route) => route.is_empty().then_some(asker),
            Self::Answered(_) => None,
        }
    }

    /// Reads a datagram; `None` for bytes that are something else.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let question = |key: &str| Some((value[key][0].as_str()?.to_owned(), value[key][1].as_u64()?));
        if let Some(question) = question("pong") {
            return Some(Self::Answered(question));
        }
        let route: Option<Vec<String>> =
            value["route"].as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect();
        match question("carry") {
            Some(carried) => Some(Self::Carried(carried, route?)),
            None => Some(Self::Asked(question("ping")?, route?)),
        }
    }
}

/// A question that a member carries to its next peer.
#[derive(Debug)]
struct Load {
    ping: Ping,
    peer: String,
    to: SocketAddr,
    asked: Instant,
}

/// What a member does with pings.
#[derive(Debug, Default)]
pub(super) struct PingTable {
    /// How many have arrived here, by asker.
    arrived: BTreeMap<String, u64>,
    /// Where answers go to questions that were passed on.
    passed: HashMap<Question, SocketAddr>,
    /// What has not been answered yet.
    carried: HashMap<Question, Load>,
}

impl PingTable {
    /// What is sent upon a datagram from that address, and to where. A peer that nobody knows gets nothing.
    pub(super) fn hear(
        &mut self,
        ping: Ping,
        from: SocketAddr,
        peers: &[(String, SocketAddr)],
        now: Instant,
    ) -> Option<(Ping, SocketAddr)> {
        let carries = matches!(ping, Ping::Carried(..));
        match ping {
            Ping::Asked(question, mut route) | Ping::Carried(question, mut route) if !route.is_empty() => {
                let next = route.remove(0);
                let (_, to) = peers.iter().find(|(name, _)| *name == next)?;
                if self.passed.len() >= MOST {
                    self.passed.clear();
                    self.carried.clear();
                }
                self.passed.insert(question.clone(), from);
                let ping = Ping::Asked(question.clone(), route);
                if carries {
                    self.carried.insert(question, Load { ping: ping.clone(), peer: next, to: *to, asked: now });
                }
                Some((ping, *to))
            }
            Ping::Asked(question, _) | Ping::Carried(question, _) => {
                if self.arrived.len() < MOST || self.arrived.contains_key(&question.0) {
                    *self.arrived.entry(question.0.clone()).or_default() += 1;
                }
                Some((Ping::Answered(question), from))
            }
            Ping::Answered(question) => {
                self.carried.remove(&question);
                self.passed.remove(&question).map(|to| (Ping::Answered(question), to))
            }
        }
    }

    /// What is asked again now: the name of the peer, the question, and to where it goes.
    pub(super) fn again(&mut self, now: Instant) -> Vec<(String, Ping, SocketAddr)> {
        let due = self.carried.values_mut().filter(|load| now.duration_since(load.asked) >= AGAIN);
        due.map(|load| {
            load.asked = now;
            (load.peer.clone(), load.ping.clone(), load.to)
        })
        .collect()
    }

    pub(super) fn to_json(&self) -> Value {
        json!(self.arrived)
    }
}

/// Asks a member, from a port of its own.
#[derive(Debug)]
pub struct Pinger {
    socket: UdpSocket,
    asker: String,
    route: Vec<String>,
    next: u64,
    is_carried: bool,
    padding: usize,
}

impl Pinger {
    /// Asks the member behind that address, or the last one of a route of peers behind it.
    ///
    /// # Errors
    /// When there is no socket to be had.
    pub fn new(address: SocketAddr, route: &[String]) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(address)?;
        Ok(Self { socket, asker: random()?, route: route.to_vec(), next: FIRST, is_carried: false, padding: 0 })
    }

    /// The same, whose questions the first member asks on their way until there is an answer.
    #[must_use]
    pub fn carried(self) -> Self {
        Self { is_carried: true, ..self }
    }

    /// The same, with so many bytes more in each question.
    #[must_use]
    pub fn padded(self, bytes: usize) -> Self {
        Self { padding: bytes, ..self }
    }

    fn question(&self) -> Vec<u8> {
        let (question, route) = ((self.asker.clone(), self.next), self.route.clone());
        let ping = if self.is_carried { Ping::Carried(question, route) } else { Ping::Asked(question, route) };
        let mut bytes = ping.to_bytes();
        // Blanks behind it are read over.
        bytes.resize(bytes.len() + self.padding, b' ');
        bytes
    }

    /// How many bytes each of its pings has.
    pub fn length(&self) -> usize {
        self.question().len()
    }

    /// By what name members count its pings (`pings` of `GET /status`), and keep when they came (`GET /arrivals/NAME`).
    pub fn asker(&self) -> &str {
        &self.asker
    }

    /// Asks once and waits that long for the answer; says how long it took.
    ///
    /// # Errors
    /// As [`Pinger::ask`].
    pub fn round_trip(&mut self, wait: Duration) -> io::Result<Option<Duration>> {
        let began = Instant::now();
        let number = self.ask()?;
        while let Some(left) = wait.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
            if self.answer(left)? == Some(number) {
                return Ok(Some(began.elapsed()));
            }
        }
        Ok(None)
    }

    /// Asks so many times, a few at once; gives the number of those that were answered, each at most `wait` after the one before it.
    ///
    /// # Errors
    /// As [`Pinger::ask`].
    pub fn many(&mut self, count: usize, wait: Duration) -> io::Result<usize> {
        let mut answered = BTreeSet::new();
        for first in (0..count).step_by(AT_ONCE) {
            let mut left = BTreeSet::new();
            for _ in first..count.min(first + AT_ONCE) {
                left.insert(self.ask()?);
            }
            while !left.is_empty() {
                let Some(number) = self.answer(wait)? else { break };
                left.remove(&number);
                answered.insert(number);
            }
        }
        Ok(answered.len())
    }

    /// Asks so many times at once, and waits that long for each answer; says how many came, and when the last one had.
    ///
    /// # Errors
    /// As [`Pinger::ask`].
    pub fn burst(&mut self, count: usize, wait: Duration) -> io::Result<(usize, Duration)> {
        let began = Instant::now();
        let mut left = BTreeSet::new();
        for _ in 0..count {
            left.insert(self.ask()?);
        }
        while !left.is_empty() {
            let Some(number) = self.answer(wait)? else { break };
            left.remove(&number);
        }
        Ok((count - left.len(), began.elapsed()))
    }

    /// Asks once more and gives the number of the question. Whoever is down refuses, which counts as silence.
    ///
    /// # Errors
    /// Whatever a socket can meet.
    pub fn ask(&mut self) -> io::Result<u64> {
        let (number, ping) = (self.next, self.question());
        self.next += 1;
        match self.socket.send(&ping) {
            Err(error) if error.kind() != io::ErrorKind::ConnectionRefused => Err(error),
            _ => Ok(number),
        }
    }

    /// Waits that long for an answer, and gives the number of its question.
    ///
    /// # Errors
    /// Whatever a socket can meet.
    pub fn answer(&self, wait: Duration) -> io::Result<Option<u64>> {
        let began = Instant::now();
        let mut bytes = [0; 1024];
        while let Some(left) = wait.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
            self.socket.set_read_timeout(Some(left))?;
            match self.socket.recv(&mut bytes) {
                Ok(length) => match bytes.get(..length).and_then(Ping::read) {
                    Some(Ping::Answered((asker, number))) if asker == self.asker => return Ok(Some(number)),
                    _ => {}
                },
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_survives_the_wire_and_other_bytes_are_none() {
        let question = || ("probe".to_owned(), 7);
        for ping in [
            Ping::Asked(question(), vec!["n3".to_owned(), "n2".to_owned()]),
            Ping::Carried(question(), vec!["n2".to_owned()]),
            Ping::Answered(question()),
        ] {
            assert_eq!(Ping::read(&ping.to_bytes()), Some(ping));
        }
        for other in ["", "{}", r#"{"ping":["x",1]}"#, r#"{"ping":["x",-1],"route":[]}"#, r#"{"pong":7}"#] {
            assert_eq!(Ping::read(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_question_goes_along_its_route_and_its_answer_comes_back() {
        let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let peers = [("n2".to_owned(), at(2))];
        let question = ("probe".to_owned(), 7);
        let now = Instant::now();
        let (mut relay, mut last) = (PingTable::default(), PingTable::default());
        let asked = Ping::Asked(question.clone(), vec!["n2".to_owned()]);
        let (on, to) = relay.hear(asked.clone(), at(9), &peers, now).unwrap();
        assert_eq!((&on, to), (&Ping::Asked(question.clone(), Vec::new()), at(2)));
        let (back, to) = last.hear(on, at(1), &[], now).unwrap();
        assert_eq!((&back, to), (&Ping::Answered(question), at(1)));
        assert_eq!((last.to_json(), relay.to_json()), (json!({"probe": 1}), json!({})));
        assert_eq!(relay.hear(back.clone(), at(2), &peers, now), Some((back.clone(), at(9))));
        // A second answer has nobody who waits for it, and a peer that is unknown is none.
        assert_eq!(relay.hear(back, at(2), &peers, now), None);
        assert_eq!(last.hear(asked, at(1), &[], now), None);
    }

    #[test]
    fn what_is_carried_is_asked_again_until_it_is_answered() {
        let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let peers = [("n2".to_owned(), at(2))];
        let (question, now) = (("probe".to_owned(), 7), Instant::now());
        let mut first = PingTable::default();
        let carried = Ping::Carried(question.clone(), vec!["n2".to_owned()]);
        let asked = Ping::Asked(question.clone(), Vec::new());
        assert_eq!(first.hear(carried, at(9), &peers, now), Some((asked.clone(), at(2))));
        assert_eq!(first.again(now), []);
        let again = [("n2".to_owned(), asked, at(2))];
        assert_eq!(first.again(now + AGAIN), again);
        assert_eq!(first.again(now + AGAIN), [], "it has just been asked");
        assert_eq!(first.again(now + 2 * AGAIN), again);
        let answer = Ping::Answered(question);
        assert_eq!(first.hear(answer.clone(), at(2), &peers, now), Some((answer, at(9))));
        assert_eq!(first.again(now + 9 * AGAIN), []);
    }
}
