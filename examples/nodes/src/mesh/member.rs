//! All of a member together: heartbeats out, heartbeats in, judgement, state, answers.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chaos_failpoints::{ControlServer, fail_point};
use serde_json::{Value, json};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::{MissedTickBehavior, interval};

use super::arrivals::Arrivals;
use super::config::MeshConfig;
use super::identity::{Identity, IdentityError};
use super::members::{BEAT, Change, MemberTable};
use super::packet::{Packet, Rumour};
use super::ping::{Ping, PingTable};
use super::spans::Spans;
use super::storage::Storage;
use crate::http::{Reply, serve_http};

/// Where a collector is, if there is one.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Between two judgements.
const JUDGE: Duration = Duration::from_millis(50);

/// The largest packet that UDP carries.
const LARGEST: usize = 65_507;

/// The longest name of a client that tells something, in bytes.
const LONGEST_NAME: usize = 64;

/// Why a member does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeshError {
    /// It does not know who it is.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// It can't listen.
    #[error("can't listen on {0}: {1}")]
    Listen(std::net::SocketAddr, io::Error),
    /// It can't let its fail points be armed.
    #[error(transparent)]
    FailPoints(#[from] chaos_failpoints::Error),
    /// It can't accept connections any more.
    #[error("can't serve: {0}")]
    Serve(io::Error),
}

struct Member {
    config: MeshConfig,
    identity: Identity,
    began: Instant,
    beats: Mutex<u64>,
    table: Mutex<MemberTable>,
    pings: Mutex<PingTable>,
    arrivals: Mutex<Arrivals>,
    storage: Storage,
    spans: Spans,
}

/// Runs a member, for ever.
///
/// # Errors
/// When it can't keep its identity or can't listen.
pub async fn run(config: MeshConfig) -> Result<(), MeshError> {
    let identity = Identity::start(&config.dir)?;
    // Threads of its own answer there, so that a runtime that is paused can be released.
    let _control = ControlServer::from_environment()?;
    let socket = UdpSocket::bind(config.gossip).await.map_err(|error| MeshError::Listen(config.gossip, error))?;
    let listener = TcpListener::bind(config.http).await.map_err(|error| MeshError::Listen(config.http, error))?;
    let spans = Spans::to(std::env::var(ENDPOINT).ok(), &config.name);
    spans.tell("started", &[("incarnation", identity.incarnation.to_string())]);
    let peers = config.peers.iter().map(|(name, _)| name.as_str());
    let table = Mutex::new(MemberTable::new(peers, config.mistakes));
    let (began, beats, pings, storage) = (Instant::now(), Mutex::new(0), Mutex::default(), Storage::default());
    let arrivals = Mutex::default();
    let member = Arc::new(Member { config, identity, began, beats, table, pings, arrivals, storage, spans });
    let socket = Arc::new(socket);
    tokio::spawn(member.storage.clone().keep(member.config.dir.clone(), member.spans.clone()));
    tokio::spawn(beat(Arc::clone(&member), Arc::clone(&socket)));
    tokio::spawn(hear(Arc::clone(&member), Arc::clone(&socket)));
    tokio::spawn(carry(Arc::clone(&member), socket));
    tokio::spawn(judge(Arc::clone(&member)));
    let answer = move |path: String, _| {
        let member = Arc::clone(&member);
        async move { member.answer(&path) }
    };
    serve_http(listener, answer).await.map_err(MeshError::Serve)
}

async fn beat(member: Arc<Member>, socket: Arc<UdpSocket>) {
    let mut every = interval(BEAT);
    // One that was stopped does not send all that it missed.
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let packet = member.packet().to_bytes();
        for (_, address) in &member.config.peers {
            // A peer that is down refuses, which the next heartbeat may find out.
            let _ = socket.send_to(&packet, address).await;
        }
    }
}

async fn hear(member: Arc<Member>, socket: Arc<UdpSocket>) {
    let mut bytes = vec![0; LARGEST];
    loop {
        // An error is one of an earlier packet.
        let Ok((length, from)) = socket.recv_from(&mut bytes).await else { continue };
        let Some(datagram) = bytes.get(..length) else { continue };
        if let Some(packet) = Packet::read(datagram) {
            locked(&member.table).hear(packet, from, &member.config.name, Instant::now());
        } else if let Some(ping) = Ping::read(datagram) {
            if let Some(asker) = ping.asker_at_its_end() {
                locked(&member.arrivals).note(asker, length, Instant::now());
            }
            let next = locked(&member.pings).hear(ping, from, &member.config.peers, Instant::now());
            if let Some((ping, to)) = next {
                let _ = socket.send_to(&ping.to_bytes(), to).await;
            }
        }
    }
}

/// Asks again what has not been answered.
async fn carry(member: Arc<Member>, socket: Arc<UdpSocket>) {
    let mut every = interval(JUDGE);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let again = locked(&member.pings).again(Instant::now());
        for (peer, ping, to) in again {
            member.spans.tell("retransmit", &[("peer", peer)]);
            let _ = socket.send_to(&ping.to_bytes(), to).await;
        }
    }
}

async fn judge(member: Arc<Member>) {
    let mut every = interval(JUDGE);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        fail_point!(
            /// The runtime's one thread is about to judge. In its blocking form, so that a pause stops the whole runtime.
            "mesh.tick"
        );
        let changes = locked(&member.table).judge(Instant::now(), wall_ms());
        for change in changes {
            match change {
                Change::Connected { name, incarnation } => {
                    let told = [("peer", name), ("incarnation", incarnation.to_string())];
                    member.spans.tell("connected", &told);
                }
                Change::Disconnected { name, silent_for } => {
                    let told = [("peer", name), ("waited_ms", silent_for.as_millis().to_string())];
                    member.spans.tell("disconnected", &told);
                }
                Change::OneWay { name } => member.spans.tell("one_way", &[("peer", name)]),
                Change::Moved { name, from, to } => {
                    let told = [("peer", name), ("from", from.to_string()), ("to", to.to_string())];
                    member.spans.tell("moved", &told);
                }
            }
        }
    }
}

impl Member {
    fn packet(&self) -> Packet {
        let beat = {
            let mut beats = locked(&self.beats);
            *beats += 1;
            *beats
        };
        let MeshConfig { name, mesh, .. } = &self.config;
        let Identity { id, incarnation } = self.identity.clone();
        let sender = Rumour { name: name.clone(), mesh: mesh.clone(), id, incarnation, beat };
        Packet { sender, wall_ms: wall_ms(), heard: locked(&self.table).rumours() }
    }

    fn answer(&self, path: &str) -> Reply {
        if let Some(client) = path.strip_prefix("/tell/").filter(|client| client.len() <= LONGEST_NAME) {
            locked(&self.arrivals).note(client, path.len(), Instant::now());
            return Reply::new(200, json!({"told": client}));
        }
        if let Some(client) = path.strip_prefix("/arrivals/") {
            return Reply::new(200, locked(&self.arrivals).of(client));
        }
        let members = locked(&self.table).to_json(Instant::now());
        let count = |state: &str| {
            members.as_object().map_or(0, |all| all.values().filter(|member| member["state"] == state).count())
        };
        match path {
            "/status" => Reply::new(200, self.status(&members)),
            "/converged" => {
                let (live, stale) = (count("live"), count("stale"));
                let yes = stale == 0 && live > 0 && count("unheard") == 0;
                Reply::new(if yes { 200 } else { 503 }, json!({"live": live, "stale": stale}))
            }
            _ => {
                Reply::new(404, json!({"error": "expected `/status`, `/converged`, `/tell/NAME` or `/arrivals/NAME`"}))
            }
        }
    }

    fn status(&self, members: &Value) -> Value {
        json!({
            "name": self.config.name,
            "mesh": self.config.mesh,
            "pid": std::process::id(),
            "id": self.identity.id,
            "incarnation": self.identity.incarnation,
            "beats": *locked(&self.beats),
            "wall_ms": wall_ms(),
            "running_ms": u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "storage": self.storage.to_json(),
            "pings": locked(&self.pings).to_json(),
            "members": members,
        })
    }
}

/// What the clock on the wall says, in milliseconds since 1970.
fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
