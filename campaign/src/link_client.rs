//! A client of a link, which sees whether what it sends comes back whole, and how fast.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::link_server::{DATAGRAM, LinkServer, MESSAGE, Passing, sign};

/// Longer than an unharmed link takes for one message of several on a busy machine, which is well below a millisecond on one that is
/// not; shorter than any fault of the table holds one back on one way, which is 200 ms.
const AT_ONCE: Duration = Duration::from_millis(150);

/// The longest time that a client waits for a handshake or an answer: less than the slowest fault of the table takes on one way.
const WAIT: Duration = Duration::from_millis(900);

/// So many messages, one after the other, of which one at least must come back at once.
const MESSAGES: usize = 6;

/// So many datagrams, all of which must come back.
const DATAGRAMS: usize = 4;

/// What a client sees of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// What it sent came back from the server, unharmed and at once.
    Passes,
    /// Nobody listens there, or somebody who does not lead to the server.
    NotThere(String),
    /// What it sent did not come back whole, or late.
    Harmed(String),
}

/// Sends through the link that listens there, to that server.
pub(crate) fn look(listen: u16, server: &LinkServer) -> Seen {
    let (listen, port) = (SocketAddr::from((Ipv4Addr::LOCALHOST, listen)), server.address().port());
    let seen = match server.passing() {
        Passing::Stream => messages(listen, port),
        Passing::Datagrams => datagrams(listen, port),
        Passing::Http => request(listen, port),
    };
    seen.unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => Seen::NotThere(error.to_string()),
        _ => Seen::Harmed(error.to_string()),
    })
}

fn connected(listen: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&listen, WAIT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    Ok(stream)
}

fn messages(listen: SocketAddr, port: u16) -> io::Result<Seen> {
    let mut stream = connected(listen)?;
    let mut fastest = Duration::MAX;
    for number in 0..MESSAGES {
        let (mut sent, mut back) = (pattern(MESSAGE, number), vec![0; MESSAGE]);
        let began = Instant::now();
        stream.write_all(&sent)?;
        read_whole(&stream, &mut back, began)?;
        fastest = fastest.min(began.elapsed());
        sign(&mut sent, port);
        if let Some(seen) = compared(&sent, &back, number) {
            return Ok(seen);
        }
    }
    Ok(judged(fastest))
}

/// Reads a message whose wait has begun: a slow link may give a part of it now and then.
fn read_whole(mut stream: &TcpStream, mut message: &mut [u8], began: Instant) -> io::Result<()> {
    while !message.is_empty() {
        let left = WAIT.checked_sub(began.elapsed()).filter(|left| !left.is_zero());
        stream.set_read_timeout(Some(left.ok_or(io::ErrorKind::TimedOut)?))?;
        match stream.read(message)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => message = message.get_mut(length..).unwrap_or_default(),
        }
    }
    Ok(())
}

fn datagrams(listen: SocketAddr, port: u16) -> io::Result<Seen> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(listen)?;
    socket.set_read_timeout(Some(WAIT))?;
    let mut fastest = Duration::MAX;
    for number in 0..DATAGRAMS {
        let (mut sent, mut back) = (pattern(DATAGRAM, number), [0; 2 * DATAGRAM]);
        let began = Instant::now();
        socket.send(&sent)?;
        let length = socket.recv(&mut back)?;
        fastest = fastest.min(began.elapsed());
        sign(&mut sent, port);
        if let Some(seen) = compared(&sent, back.get(..length).unwrap_or_default(), number) {
            return Ok(seen);
        }
    }
    Ok(judged(fastest))
}

fn request(listen: SocketAddr, port: u16) -> io::Result<Seen> {
    let mut stream = connected(listen)?;
    let began = Instant::now();
    write!(stream, "GET / HTTP/1.1\r\nhost: {listen}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let took = began.elapsed();
    let answer = String::from_utf8_lossy(&answer);
    if !answer.starts_with("HTTP/1.1 200 ") {
        let line = answer.lines().next().unwrap_or("nothing");
        return Ok(Seen::Harmed(format!("the answer is `{line}`")));
    }
    match answer.rsplit_once("\r\n\r\n") {
        Some((_, body)) if body == port.to_string() => Ok(judged(took)),
        Some((_, body)) => Ok(Seen::NotThere(format!("`{body}` answers in place of {port}"))),
        None => Ok(Seen::Harmed("an answer without an end".to_owned())),
    }
}

/// Bytes that are no others.
fn pattern(length: usize, number: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 31 + number * 7) % 251).unwrap_or_default()).collect()
}

/// What is wrong with a message; `None` for one that came back whole.
fn compared(expected: &[u8], back: &[u8], number: usize) -> Option<Seen> {
    if expected == back {
        return None;
    }
    if expected.get(2..) == back.get(2..) {
        return Some(Seen::NotThere(format!("message {number} came back from another server")));
    }
    Some(Seen::Harmed(format!("message {number} of {} bytes came back as other {}", expected.len(), back.len())))
}

fn judged(fastest: Duration) -> Seen {
    if fastest < AT_ONCE { Seen::Passes } else { Seen::Harmed(format!("the fastest message took {fastest:?}")) }
}
