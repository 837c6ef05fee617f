//! The process that serves a link: this program, started again under another name.
//!
//! It is not a thread of the run, since what passes through a link must go on when the run dies: then it takes every toxic off
//! and forwards, until `stop_node` ends it with the other nodes.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::num::NonZeroU32;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use chaos_core::{HttpRule, LinkProtocol, LinkReading, LinkToxic, LinkToxicKind, LinkWays};
use chaos_host::PidFd;
use chaos_links::{
    Bandwidth, BlackHoleToxic, Direction, HoleMode, LatencyToxic, LinkChange, LinkError, LinkSpec, LinkTls, Links,
    Loss, Protocol, ResetPeer, ToxicKind, ToxicSpec,
};

#[cfg(feature = "http-links")]
use super::http_trial;
use super::protocol::{CA, MOST_LINE, Orders, Reply, Request, SOCKET, VARIABLE};
use super::sound::sound;

/// What the program is called when it serves a link.
pub(crate) const NAME: &str = "squall-link";

/// The link among the links of this process; its twin is the other one.
const LINK: &str = "link";

/// The toxic that resets connections, which is there for a moment.
pub(super) const RESET: &str = "reset";

/// How long somebody who has connected may take to ask.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is asked whether the run is there.
const LOOK: Duration = Duration::from_millis(100);

/// Serves a link where this program was started for that, until it is killed, and gives its exit code; `None` for every
/// other start.
pub(crate) fn run_if_asked() -> Option<u8> {
    if std::env::args_os().next().is_none_or(|name| name != NAME) {
        return None;
    }
    let orders = std::env::var(VARIABLE).ok().and_then(|text| serde_json::from_str::<Orders>(&text).ok());
    let served = orders.ok_or(ServeError::Orders).and_then(|orders| serve(&orders));
    if let Err(why) = served {
        // Its output is the log of the node.
        let _ = writeln!(io::stderr(), "{why}");
        return Some(1);
    }
    Some(0)
}

/// One link, and whether it flaps.
struct Served {
    links: Links,
    flap: Mutex<Option<Sender<()>>>,
    downs: AtomicU64,
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("it was not told what to do")]
    Orders,
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("listen on `{SOCKET}`: {0}")]
    Socket(#[from] io::Error),
}

fn serve(orders: &Orders) -> Result<(), ServeError> {
    let links = Links::start(orders.seed)?;
    let listen = format!("127.0.0.1:{}", orders.listen);
    let protocol = match orders.protocol {
        LinkProtocol::Tcp => Protocol::Tcp,
        LinkProtocol::Udp => Protocol::Udp,
        LinkProtocol::Http => Protocol::Http,
    };
    let tls = orders.tls.as_ref().map_or_else(LinkTls::default, |tls| LinkTls {
        clients: tls.clients,
        server: tls.server,
        ca_file: tls.ca_file.clone(),
        ca_out: tls.clients.then(|| CA.into()),
    });
    let spec = LinkSpec { protocol, tls, ..LinkSpec::new(LINK, listen, &orders.upstream) };
    links.create(&spec)?;
    let served = Arc::new(Served { links, flap: Mutex::default(), downs: AtomicU64::new(0) });
    let run = NonZeroU32::new(orders.run).and_then(|pid| PidFd::open(pid).ok().flatten());
    let watched = Arc::clone(&served);
    thread::spawn(move || {
        while run.as_ref().is_some_and(PidFd::is_there) {
            thread::park_timeout(LOOK);
        }
        watched.pass_through();
    });
    // Started again in the same folder, it finds what it left.
    let _ = fs::remove_file(SOCKET);
    let socket = UnixListener::bind(SOCKET)?;
    for client in socket.incoming().flatten() {
        let served = Arc::clone(&served);
        thread::spawn(move || {
            // Whoever breaks off is nobody's error.
            let _ = answer(&served, &client);
        });
    }
    Ok(())
}

fn answer(served: &Arc<Served>, client: &UnixStream) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(client.take(MOST_LINE)).read_line(&mut line)?;
    let reply = match serde_json::from_str(&line) {
        Ok(request) => served.act(request).unwrap_or_else(|error| Reply::Failed(error.to_string())),
        Err(error) => Reply::Failed(format!("not understood: {error}")),
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    let mut client = client;
    client.write_all(&text)
}

impl Served {
    fn act(self: &Arc<Self>, request: Request) -> Result<Reply, LinkError> {
        match request {
            Request::Read => {}
            Request::Put(toxics) => toxics.iter().flat_map(specs).try_for_each(|spec| self.put(spec))?,
            Request::Flap { down_ms, up_ms } => {
                self.flap(Duration::from_millis(down_ms), Duration::from_millis(up_ms))?;
            }
            Request::ResetConnections => self.reset_connections()?,
            Request::ShiftPorts => self.shift_ports()?,
            Request::Http { name, rule } => return self.put_rule(name, &rule),
            Request::Mend { toxics, up } => {
                self.links
                    .toxics(LINK)?
                    .iter()
                    .filter(|spec| toxics.iter().any(|name| is_part(spec, name)))
                    .try_for_each(|spec| self.links.remove_toxic(LINK, &spec.name))?;
                if up {
                    self.end_flap();
                    self.enable(true)?;
                }
            }
            Request::Sound(sounding) => {
                let link = self.links.get(LINK)?;
                return Ok(sound(&self.links, &link, sounding)
                    .map_or_else(|error| Reply::Failed(format!("sound the link: {error}")), Reply::Sounding));
            }
            Request::Try { rule, wait_ms } => return self.try_rule(&rule, Duration::from_millis(wait_ms.into())),
        }
        self.read().map(Reply::Reading)
    }

    fn read(&self) -> Result<LinkReading, LinkError> {
        let link = self.links.get(LINK)?;
        let counts = link.counts;
        Ok(LinkReading {
            toxics: link.toxics.into_iter().map(|spec| spec.name).collect(),
            up: link.enabled,
            flapping: self.flap.lock().unwrap_or_else(PoisonError::into_inner).is_some(),
            downs: self.downs.load(Ordering::Relaxed),
            accepted: counts.accepted,
            open: counts.open,
            resets: counts.reset,
            shifts: counts.shifts,
            requests: counts.requests,
            rules: link.rules,
            sent_bytes: counts.sent_bytes,
            dropped_bytes: counts.dropped_bytes,
        })
    }

    #[cfg(feature = "http-links")]
    fn put_rule(&self, name: String, rule: &HttpRule) -> Result<Reply, LinkError> {
        self.put(ToxicSpec { name, ..http_trial::toxic(rule) })?;
        self.read().map(Reply::Reading)
    }

    #[cfg(feature = "http-links")]
    fn try_rule(&self, rule: &str, wait: Duration) -> Result<Reply, LinkError> {
        let tried = http_trial::try_rule(&self.links, &self.links.get(LINK)?, rule, wait);
        Ok(tried
            .map_or_else(|error| Reply::Failed(format!("try the rule: {error}")), |trial| Reply::Trial(trial.into())))
    }

    #[cfg(not(feature = "http-links"))]
    #[expect(clippy::unused_self, reason = "the other build has links with rules")]
    fn put_rule(&self, _: String, _: &HttpRule) -> Result<Reply, LinkError> {
        Err(LinkError::NoHttp)
    }

    #[cfg(not(feature = "http-links"))]
    #[expect(clippy::unused_self, reason = "the other build has links with rules")]
    fn try_rule(&self, _: &str, _: Duration) -> Result<Reply, LinkError> {
        Err(LinkError::NoHttp)
    }

    fn put(&self, spec: ToxicSpec) -> Result<(), LinkError> {
        match self.links.toxic(LINK, &spec.name) {
            Ok(_) => self.links.replace_toxic(LINK, &spec.name.clone(), spec),
            Err(_) => self.links.add_toxic(LINK, spec),
        }
    }

    fn enable(&self, enabled: bool) -> Result<(), LinkError> {
        let change = LinkChange { enabled: Some(enabled), ..LinkChange::default() };
        self.links.update(LINK, &change).map(drop)
    }

    /// Resets what is connected, and nobody who connects once it has come back.
    fn reset_connections(&self) -> Result<(), LinkError> {
        let (name, before) = (format!("{RESET}/downstream"), self.links.get(LINK)?.counts);
        let reset = ToxicKind::ResetPeer(ResetPeer::default());
        let spec = ToxicSpec { name: name.clone(), ..ToxicSpec::new(reset, Direction::Downstream) };
        self.links.add_toxic(LINK, spec)?;
        let until = before.reset + before.open;
        // Connections look at once; one that was just closing never gets there.
        for _ in 0..100 {
            let now = self.links.get(LINK)?.counts;
            if now.reset >= until || now.open == 0 {
                break;
            }
            chaos_host::moment();
        }
        self.links.remove_toxic(LINK, &name)
    }

    /// Moves the flows that there are, and waits until they have moved.
    fn shift_ports(&self) -> Result<(), LinkError> {
        let before = self.links.get(LINK)?.counts;
        self.links.shift_ports(LINK)?;
        // One that was just closing never gets there.
        for _ in 0..100 {
            let now = self.links.get(LINK)?.counts;
            if now.shifts >= before.shifts + before.open || now.open == 0 {
                break;
            }
            chaos_host::moment();
        }
        Ok(())
    }

    fn flap(self: &Arc<Self>, down: Duration, up: Duration) -> Result<(), LinkError> {
        let (end, ended) = mpsc::channel();
        *self.flap.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
        // It is down before anybody is told so.
        self.down()?;
        let served = Arc::clone(self);
        thread::spawn(move || {
            let lasts = |time| ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            while lasts(down) {
                // The port may be taken meanwhile, by nobody who is asked; the next turn tries again.
                let _ = served.enable(true);
                if !lasts(up) {
                    break;
                }
                let _ = served.down();
            }
            let _ = served.enable(true);
        });
        Ok(())
    }

    fn down(&self) -> Result<(), LinkError> {
        self.enable(false)?;
        self.downs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn end_flap(&self) {
        *self.flap.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn pass_through(&self) {
        self.end_flap();
        // It tells why it can't listen, which nobody hears any more.
        let _ = self.links.reset();
    }
}

/// The toxics that make one of ours: one for each way, named for it.
fn specs(toxic: &LinkToxic) -> Vec<ToxicSpec> {
    let ways: &[Direction] = match toxic.ways {
        LinkWays::Upstream => &[Direction::Upstream],
        LinkWays::Downstream => &[Direction::Downstream],
        LinkWays::Both => &Direction::BOTH,
    };
    let of = |way: &Direction| {
        let name = format!("{}/{}", toxic.kind.name(), way.name());
        ToxicSpec { name, ..ToxicSpec::new(kind(&toxic.kind), *way) }
    };
    ways.iter().map(of).collect()
}

fn is_part(spec: &ToxicSpec, name: &str) -> bool {
    spec.name.split('/').next() == Some(name)
}

fn kind(kind: &LinkToxicKind) -> ToxicKind {
    match *kind {
        LinkToxicKind::Latency { latency_ms, jitter_ms } => ToxicKind::Latency(LatencyToxic {
            latency: latency_ms.into(),
            jitter: jitter_ms.into(),
            ..LatencyToxic::default()
        }),
        LinkToxicKind::Loss { share, every } => {
            ToxicKind::Loss(Loss { probability: share, every: every.into(), ..Loss::default() })
        }
        LinkToxicKind::Bandwidth { bytes_per_second } => {
            let bytes = i64::try_from(bytes_per_second).unwrap_or(i64::MAX);
            ToxicKind::Bandwidth(Bandwidth { rate: bytes.div_euclid(1000).max(1) })
        }
        LinkToxicKind::NoHandshake => ToxicKind::BlackHole(BlackHoleToxic { mode: HoleMode::AcceptNothing }),
        LinkToxicKind::Silence => ToxicKind::BlackHole(BlackHoleToxic { mode: HoleMode::SayNothing }),
        LinkToxicKind::HalfOpen => ToxicKind::BlackHole(BlackHoleToxic { mode: HoleMode::HalfOpen }),
        // A kind that this process does not know is one of a later version, which does not start us.
        _ => ToxicKind::Latency(LatencyToxic::default()),
    }
}
