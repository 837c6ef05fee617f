//! A client that tells a member something over TCP, message after message on one connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::identity::random;

/// The longest answer that is read.
const LONGEST: usize = 1 << 20;

/// Tells a member something on one connection. The member notes when each message arrives, by its own clock.
#[derive(Debug)]
pub struct Teller {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    name: String,
}

impl Teller {
    /// Connects to the member behind that address (the one where it answers HTTP), each of whose answers may take that long.
    ///
    /// # Errors
    /// When there is no connection to be had.
    pub fn new(address: SocketAddr, wait: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, wait)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(wait))?;
        stream.set_write_timeout(Some(wait))?;
        Ok(Self { stream: BufReader::new(stream), address, name: random()? })
    }

    /// Sends a message, and waits until the member has answered it.
    ///
    /// # Errors
    /// When there is no answer in time, or one that is not understood.
    pub fn tell(&mut self) -> io::Result<()> {
        self.ask(&format!("/tell/{}", self.name)).map(drop)
    }

    /// So many messages; then the gaps between their arrivals, the longest first, of those that the member keeps, and the number of
    /// those that have arrived.
    ///
    /// # Errors
    /// As [`Teller::tell`].
    pub fn gaps(&mut self, messages: usize) -> io::Result<(u64, Vec<Duration>)> {
        for _ in 0..messages {
            self.tell()?;
        }
        let arrived = self.ask(&format!("/arrivals/{}", self.name))?;
        let gaps = arrived["longest_gaps_us"].as_array().into_iter().flatten().filter_map(Value::as_u64);
        Ok((arrived["count"].as_u64().unwrap_or_default(), gaps.map(Duration::from_micros).collect()))
    }

    /// One request, in one piece.
    fn ask(&mut self, path: &str) -> io::Result<Value> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(said) = line.strip_prefix("content-length:") {
                length = said.trim().parse::<usize>().map_err(io::Error::other)?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length.min(LONGEST)];
        self.stream.read_exact(&mut body)?;
        Ok(serde_json::from_slice(&body)?)
    }
}
