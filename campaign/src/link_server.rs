//! The server behind a link: it sends back what comes, signed, so that a client knows whose link it went through.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::answering::Answering;

/// What passes a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passing {
    /// Messages on a connection.
    Stream,
    /// Datagrams.
    Datagrams,
    /// Requests and answers of HTTP.
    Http,
}

/// How many bytes a message on a connection has.
pub(crate) const MESSAGE: usize = 8 << 10;

/// How many bytes a datagram has.
pub(crate) const DATAGRAM: usize = 1 << 10;

/// How often the thread for datagrams looks whether it is over.
const LOOK: Duration = Duration::from_millis(50);

/// Sends back what comes, with its own port in place of the first two bytes; gone when dropped.
#[derive(Debug)]
pub(crate) struct LinkServer {
    passing: Passing,
    server: Server,
}

#[derive(Debug)]
enum Server {
    Connections(Answering),
    Datagrams { address: SocketAddr, over: Arc<AtomicBool>, thread: Option<JoinHandle<()>> },
}

impl LinkServer {
    /// Starts one.
    pub(crate) fn start(passing: Passing) -> io::Result<Self> {
        let server = match passing {
            Passing::Stream => Server::Connections(Answering::start(messages)?),
            Passing::Http => Server::Connections(Answering::start(request)?),
            Passing::Datagrams => {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
                socket.set_read_timeout(Some(LOOK))?;
                let (address, over) = (socket.local_addr()?, Arc::new(AtomicBool::new(false)));
                let seen = Arc::clone(&over);
                let thread = thread::spawn(move || datagrams(&socket, address.port(), &seen));
                Server::Datagrams { address, over, thread: Some(thread) }
            }
        };
        Ok(Self { passing, server })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        match &self.server {
            Server::Connections(server) => server.address(),
            Server::Datagrams { address, .. } => *address,
        }
    }

    /// What it answers.
    pub(crate) fn passing(&self) -> Passing {
        self.passing
    }
}

impl Drop for LinkServer {
    fn drop(&mut self) {
        if let Server::Datagrams { over, thread, .. } = &mut self.server {
            over.store(true, Ordering::Relaxed);
            if let Some(thread) = thread.take() {
                let _ = thread.join();
            }
        }
    }
}

/// The mark of a server.
pub(crate) fn sign(message: &mut [u8], port: u16) {
    for (byte, mark) in message.iter_mut().zip(port.to_be_bytes()) {
        *byte = mark;
    }
}

fn messages(mut connection: &TcpStream) {
    let port = port_of(connection);
    let _ = connection.set_nodelay(true);
    let mut message = [0; MESSAGE];
    while connection.read_exact(&mut message).is_ok() {
        sign(&mut message, port);
        if connection.write_all(&message).is_err() {
            return;
        }
    }
}

/// One request for each connection, which is closed then.
fn request(mut connection: &TcpStream) {
    let mut lines = BufReader::new(connection).lines();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let body = port_of(connection).to_string();
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}", body.len());
    // Whoever breaks off hears nothing.
    let _ = write!(connection, "{head}\r\n\r\n{body}");
}

/// The port of the server's side.
fn port_of(connection: &TcpStream) -> u16 {
    connection.local_addr().map_or(0, |address| address.port())
}

fn datagrams(socket: &UdpSocket, port: u16, over: &AtomicBool) {
    let mut datagram = [0; 2 * DATAGRAM];
    while !over.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut datagram) else { continue };
        if let Some(datagram) = datagram.get_mut(..length) {
            sign(datagram, port);
            let _ = socket.send_to(datagram, from);
        }
    }
}
