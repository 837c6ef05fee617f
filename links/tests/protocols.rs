//! Protocols that others wrote, through links: QUIC, gRPC, a WebSocket, and a stream of server-sent events. What their clients see is the
//! evidence: unharmed without a toxic, and of each toxic what it says.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chaos_links::*;
use tokio::time::timeout;

#[path = "protocols/events.rs"]
mod events;
#[path = "protocols/grpc.rs"]
mod grpc;
#[path = "protocols/quic.rs"]
mod quic;
#[path = "protocols/websocket.rs"]
mod websocket;

/// A hang is an error; nothing here takes nearly as long.
const HANG: Duration = Duration::from_mins(2);

/// How long something is waited for that must not come.
const SILENT: Duration = Duration::from_millis(300);

/// A client with a connection of its own.
trait Talk: Sized {
    /// The way on which its messages are as long as asked for.
    const LONG: Direction;

    /// A server, and where it listens.
    type Server;
    async fn serve() -> (Self::Server, SocketAddr);

    /// Connects through a link; why it can't, in the client's own words.
    async fn connect(server: &Self::Server, link: SocketAddr) -> Result<Self, String>;

    /// Exchanges a message of about so many bytes, of which every one must be right; why it can't, in the client's own words.
    async fn say(&mut self, number: usize, bytes: usize) -> Result<(), String>;
}

/// Bytes that tell a lost or displaced one, and one message from another, as text.
fn pattern(number: usize, bytes: usize) -> String {
    let letters: Vec<char> = ('a'..='z').collect();
    (0..bytes).map(|at| letters[(at * 31 + number * 7 + at / 26) % 26]).collect()
}

/// A server behind a link.
struct Rig<T: Talk> {
    links: Links,
    server: T::Server,
}

impl<T: Talk> Rig<T> {
    async fn new() -> Self {
        let (server, address) = T::serve().await;
        let links = Links::start(5).unwrap();
        links.create(&LinkSpec::new("link", "127.0.0.1:0", address.to_string())).unwrap();
        Self { links, server }
    }

    async fn connect(&self) -> Result<T, String> {
        let address = self.links.get("link").unwrap().listen.parse().unwrap();
        timeout(HANG, T::connect(&self.server, address)).await.expect("a connect hangs")
    }

    fn put(&self, kind: ToxicKind, stream: Direction) -> String {
        let toxic = ToxicSpec::new(kind, stream);
        let name = toxic.name.clone();
        self.links.add_toxic("link", toxic).unwrap();
        name
    }

    fn take(&self, name: &str) {
        self.links.remove_toxic("link", name).unwrap();
    }

    fn enable(&self, enabled: bool) {
        self.links.update("link", &LinkChange { enabled: Some(enabled), ..LinkChange::default() }).unwrap();
    }
}

async fn said(client: &mut impl Talk, number: usize, bytes: usize) -> Result<(), String> {
    timeout(HANG, client.say(number, bytes)).await.expect("a message hangs")
}

/// How long a message takes with a toxic; without it, it is said once more.
async fn slowed<T: Talk>(rig: &Rig<T>, kind: ToxicKind, stream: Direction, bytes: usize) -> Duration {
    let mut client = rig.connect().await.unwrap();
    client.say(0, 10).await.unwrap();
    let name = rig.put(kind, stream);
    let began = Instant::now();
    said(&mut client, 1, bytes).await.unwrap();
    let took = began.elapsed();
    rig.take(&name);
    said(&mut client, 2, bytes).await.unwrap();
    took
}

/// Nothing of what is said comes through a hole; gives what becomes of it when the hole is gone.
async fn swallowed<T: Talk>(rig: &Rig<T>, mode: HoleMode) -> Result<(), String> {
    let mut client = rig.connect().await.unwrap();
    client.say(0, 10).await.unwrap();
    let name = rig.put(ToxicKind::BlackHole(BlackHoleToxic { mode }), Direction::Downstream);
    let mut saying = Box::pin(client.say(1, 100));
    assert!(timeout(SILENT, &mut saying).await.is_err(), "{mode:?} lets something through");
    rig.take(&name);
    timeout(HANG, saying).await.expect("a message hangs")
}

fn latency(latency: i64) -> ToxicKind {
    ToxicKind::Latency(LatencyToxic { latency, ..LatencyToxic::default() })
}

/// Unharmed without a toxic, later with one that delays, and right in any case.
async fn passes_and_is_slowed<T: Talk>() {
    let rig = Rig::<T>::new().await;
    let mut client = rig.connect().await.unwrap();
    for number in 0..100 {
        said(&mut client, number, [1, 100, 5_000][number % 3]).await.unwrap();
    }
    let slow = |took: Duration, least: u64| assert!(took >= Duration::from_millis(least), "{took:?} of {least} ms");
    slow(slowed(&rig, latency(150), Direction::Downstream, 10).await, 150);
    let loss = Loss { every: 1, stall: 200, ..Loss::default() };
    slow(slowed(&rig, ToxicKind::Loss(loss), Direction::Downstream, 10).await, 200);
    // A second's worth; the first piece may go at once.
    slow(slowed(&rig, ToxicKind::Bandwidth(Bandwidth { rate: 20 }), T::LONG, 20_000).await, 500);
    let slicer = Slicer { average_size: 50, size_variation: 40, delay: 1 };
    slowed(&rig, ToxicKind::Slicer(slicer), T::LONG, 5_000).await;
}

/// What black holes, resets and a link that is down look like: gives the client's words for each.
async fn breaks<T: Talk>() -> [String; 3] {
    let rig = Rig::<T>::new().await;
    swallowed(&rig, HoleMode::SayNothing).await.expect("nothing is lost in silence");
    let half_open = swallowed(&rig, HoleMode::HalfOpen).await.expect_err("its server is gone");

    // Whoever is connected goes on, and whoever connects gets no answer to the handshake.
    let mut client = rig.connect().await.unwrap();
    client.say(0, 10).await.unwrap();
    let name = rig.put(ToxicKind::BlackHole(BlackHoleToxic { mode: HoleMode::AcceptNothing }), Direction::Downstream);
    said(&mut client, 1, 100).await.unwrap();
    // A handshake that is answered before the queue is full has met the link and gets no further.
    let mut late = Box::pin(async {
        let mut late = rig.connect().await?;
        late.say(0, 10).await
    });
    assert!(timeout(SILENT, &mut late).await.is_err(), "a handshake is answered");
    rig.take(&name);
    timeout(HANG, late).await.expect("it is not answered afterwards").unwrap();

    let name = rig.put(ToxicKind::ResetPeer(ResetPeer::default()), Direction::Downstream);
    let reset = said(&mut client, 2, 100).await.expect_err("it is reset");
    rig.take(&name);

    let mut client = rig.connect().await.unwrap();
    client.say(0, 10).await.unwrap();
    rig.enable(false);
    let down = said(&mut client, 1, 100).await.expect_err("the link is down");
    let refused = match rig.connect().await {
        Ok(mut client) => said(&mut client, 0, 10).await.expect_err("the link is down"),
        Err(refused) => refused,
    };
    assert!(refused.contains("refused"), "{refused}");
    rig.enable(true);
    said(&mut rig.connect().await.unwrap(), 0, 10).await.unwrap();
    [half_open, reset, down]
}

#[tokio::test]
async fn grpc_passes_and_is_slowed() {
    passes_and_is_slowed::<grpc::Client>().await;
}

#[tokio::test]
async fn a_websocket_passes_and_is_slowed() {
    passes_and_is_slowed::<websocket::Client>().await;
}

#[tokio::test]
async fn server_sent_events_pass_and_are_slowed() {
    passes_and_is_slowed::<events::Client>().await;
}

/// What a client says of a server's side that is gone, of a reset, and of a link that is down, in its own words.
fn tells(words: &[String; 3], expected: [&str; 3]) {
    for (word, expected) in words.iter().zip(expected) {
        assert!(word.contains(expected), "{words:#?}");
    }
}

#[tokio::test]
async fn a_call_of_grpc_breaks_as_its_client_says() {
    // Whether it was reading or writing then is chance, and part of the words behind these.
    let error = "Unknown: code: 'Unknown error', message: \"transport error\"";
    tells(&breaks::<grpc::Client>().await, [error; 3]);
}

#[tokio::test]
async fn a_websocket_breaks_as_its_client_says() {
    let reset = "IO error: Connection reset by peer";
    // Whether the link had read all when it closed is chance, and whether that resets the connection.
    tells(&breaks::<websocket::Client>().await, [reset, reset, "Connection reset"]);
}

#[tokio::test]
async fn a_stream_of_events_breaks_as_its_client_says() {
    // It only reads, so that it sees the end of a connection that is closed and not reset.
    let body = "error reading a body from connection";
    let [reset, closed] = ["Connection reset by peer", "unexpected EOF"].map(|how| format!("{body}: {how}"));
    tells(&breaks::<events::Client>().await, [&reset, &reset, &closed]);
}

/// An error with all that caused it.
fn words(error: &dyn Error) -> String {
    let (mut all, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        all = format!("{all}: {error}");
        cause = error.source();
    }
    all
}
