//! Streams of messages through servers, each message a round trip that is told when it begins and when it ends.

use std::collections::BTreeSet;
use std::io::{self, Write, stdout};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::server::MESSAGE;

/// From one round trip of a stream to the next.
const PACE: Duration = Duration::from_millis(50);
/// What takes longer is a failure: a server that is paused answers when it is resumed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is sent where.
#[derive(Debug, Clone)]
pub struct StreamPlan {
    /// The servers; streams are spread over them.
    pub servers: Vec<SocketAddr>,
    /// How many streams.
    pub streams: u64,
    /// For how long.
    pub lasting: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Streamed {
    /// The messages that came back: number of the stream, number of the message.
    pub acknowledged: BTreeSet<(u64, u64)>,
    /// Round trips that failed.
    pub failed: u64,
}

/// Sends messages until the time is up. Each one is told in the lines of `go test -v`.
pub async fn streams(plan: &StreamPlan) -> Streamed {
    let until = Instant::now() + plan.lasting;
    let mut tasks = JoinSet::new();
    for (stream, server) in (0..plan.streams).zip(plan.servers.iter().cycle()) {
        tasks.spawn(one(stream, *server, until));
    }
    let mut all = Streamed::default();
    while let Some(one) = tasks.join_next().await {
        let one = one.unwrap_or_default();
        all.acknowledged.extend(one.acknowledged);
        all.failed += one.failed;
    }
    all
}

async fn one(stream: u64, server: SocketAddr, until: Instant) -> Streamed {
    let (mut streamed, mut connection) = (Streamed::default(), None);
    for number in 0.. {
        if Instant::now() >= until {
            break;
        }
        let name = format!("stream_{stream}/{number}");
        say(&format!("=== RUN   {name}"));
        let begun = Instant::now();
        let done = timeout(PATIENCE, round_trip(&mut connection, server, stream, number)).await;
        let done = done.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let (word, why) = match done {
            Ok(()) => ("PASS", String::new()),
            Err(error) => ("FAIL", format!(" {error}")),
        };
        say(&format!("--- {word}: {name} ({:.2}s){why}", begun.elapsed().as_secs_f64()));
        if word == "PASS" {
            streamed.acknowledged.insert((stream, number));
        } else {
            streamed.failed += 1;
            // A new one for the next message.
            connection = None;
        }
        sleep(PACE).await;
    }
    streamed
}

async fn round_trip(
    connection: &mut Option<TcpStream>,
    server: SocketAddr,
    stream: u64,
    number: u64,
) -> io::Result<()> {
    let mut message = [b'x'; MESSAGE];
    message[..8].copy_from_slice(&stream.to_be_bytes());
    message[8..16].copy_from_slice(&number.to_be_bytes());
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(TcpStream::connect(server).await?),
    };
    connection.write_all(&message).await?;
    let mut back = [0; MESSAGE];
    connection.read_exact(&mut back).await?;
    if back == message { Ok(()) } else { Err(io::Error::other("another message came back")) }
}

fn say(line: &str) {
    // A closed pipe is ignored.
    let _ = writeln!(stdout(), "{line}");
}
