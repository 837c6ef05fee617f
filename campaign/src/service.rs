//! A service on loopback for runs that make load.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crate::answering::Answering;

/// A connection that neither side has closed, in the kernel's table.
const ESTABLISHED: &str = "01";

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Answers every request alike; gone when dropped.
#[derive(Debug)]
pub(crate) struct Service {
    server: Answering,
}

impl Service {
    /// Starts one.
    pub(crate) fn start() -> std::io::Result<Self> {
        Ok(Self { server: Answering::start(answer)? })
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.server.address())
    }
}

impl Service {
    /// Whether the kernel says that somebody is connected: our own thread may hear late of an end.
    pub(crate) fn is_connected(&self) -> bool {
        let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        let local = format!(":{:04X}", self.server.address().port());
        table.lines().any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let (ours, _, state) = (fields.next(), fields.next(), fields.next());
            ours.is_some_and(|ours| ours.ends_with(&local)) && state == Some(ESTABLISHED)
        })
    }
}

fn answer(mut connection: &TcpStream) {
    let mut lines = BufReader::new(connection).lines();
    while let Some(Ok(line)) = lines.next() {
        if line.is_empty() && connection.write_all(ANSWER).is_err() {
            return;
        }
    }
}
