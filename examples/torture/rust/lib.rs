//! A client of echo-node.

use std::io::{Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Sends a message until it comes back: a good client survives a server that is restarted.
pub fn round_trip(server: SocketAddr, message: &[u8]) -> Result<Vec<u8>> {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        match once(server, message) {
            Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(50)),
            done => return done,
        }
    }
}

fn once(server: SocketAddr, message: &[u8]) -> Result<Vec<u8>> {
    let patience = Duration::from_secs(10);
    let mut server = TcpStream::connect_timeout(&server, patience)?;
    server.set_read_timeout(Some(patience))?;
    server.write_all(message)?;
    let mut back = vec![0; message.len()];
    server.read_exact(&mut back)?;
    Ok(back)
}
