//! Sends bytes of our own through a twin of a link: the same toxics, another port, and a server that sends them back.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::{LinkSounding, Sounding};
use chaos_links::{LinkSpec, LinkView, Links, Protocol};

/// Tells a twin from that of another sounding that goes on.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

const MOST_MESSAGES: u32 = 1000;
const MOST_BYTES: u32 = 16 << 20;
const MOST_DATAGRAM: u32 = 1200;
/// Datagrams that are under way at once.
const BATCH: u32 = 64;

/// Sounds a link. Blocks as long as answers may take.
pub(super) fn sound(links: &Links, link: &LinkView, asked: Sounding) -> io::Result<LinkSounding> {
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bounds =
        |most| Sounding { messages: asked.messages.min(MOST_MESSAGES), bytes: asked.bytes.clamp(8, most), ..asked };
    // Bytes of ours are no HTTP: of an HTTP link, the twin has what acts on its streams.
    let protocol = if link.protocol == Protocol::Http { Protocol::Tcp } else { link.protocol };
    let name = format!("twin-{}", NUMBERS.fetch_add(1, Ordering::Relaxed));
    let mut spec = LinkSpec { protocol, ..LinkSpec::new(&name, here.to_string(), "") };
    spec.toxics.extend(link.toxics.iter().filter(|toxic| toxic.kind.type_name() != "http").cloned());
    let made = |spec: &LinkSpec| {
        let view = links.create(spec).map_err(io::Error::other)?;
        view.listen.parse::<SocketAddr>().map_err(io::Error::other)
    };
    let sounded = match link.protocol {
        Protocol::Tcp | Protocol::Http => {
            let server = TcpListener::bind(here)?;
            spec.upstream = server.local_addr()?.to_string();
            let twin = made(&spec)?;
            // It ends with the twin, which closes its connection.
            thread::spawn(move || server.accept().map(|(stream, _)| send_back(&stream)));
            stream(twin, bounds(MOST_BYTES))
        }
        Protocol::Udp => {
            let server = UdpSocket::bind(here)?;
            spec.upstream = server.local_addr()?.to_string();
            let twin = made(&spec)?;
            let wait = Duration::from_millis(asked.wait_ms.max(1).into());
            server.set_read_timeout(Some(wait))?;
            thread::spawn(move || {
                let mut datagram = [0; MOST_DATAGRAM as usize];
                while let Ok((length, from)) = server.recv_from(&mut datagram) {
                    let _ = server.send_to(&datagram[..length], from);
                }
            });
            datagrams(twin, bounds(MOST_DATAGRAM))
        }
    };
    let _ = links.remove(&name);
    sounded
}

fn send_back(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let (mut from, mut to) = (stream, stream);
    let _ = io::copy(&mut from, &mut to);
}

/// Whether an error says that the wait is over.
fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn stream(twin: SocketAddr, asked: Sounding) -> io::Result<LinkSounding> {
    let wait = Duration::from_millis(asked.wait_ms.max(1).into());
    let mut stream = TcpStream::connect_timeout(&twin, wait)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(wait))?;
    stream.set_write_timeout(Some(wait))?;
    let (mut found, first) = (LinkSounding::default(), Instant::now());
    let (sent, mut back) = (vec![0x5A; asked.bytes as usize], vec![0; asked.bytes as usize]);
    for _ in 0..asked.messages {
        let began = Instant::now();
        found.sent += 1;
        // Sent by another thread, since the answer to a long one begins before it is out.
        let writer = stream.try_clone()?;
        let answered = thread::scope(|scope| {
            scope.spawn(|| (&writer).write_all(&sent));
            stream.read_exact(&mut back)
        });
        match answered {
            Ok(()) => {
                found.answered += 1;
                found.round_trips_us.push(microseconds(began));
                found.total_us = microseconds(first);
            }
            Err(error) if is_late(&error) || error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn datagrams(twin: SocketAddr, asked: Sounding) -> io::Result<LinkSounding> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(twin)?;
    socket.set_read_timeout(Some(Duration::from_millis(asked.wait_ms.max(1).into())))?;
    let (mut found, began) = (LinkSounding::default(), Instant::now());
    let (mut datagram, mut back) = (vec![0x5A; asked.bytes as usize], [0; MOST_DATAGRAM as usize]);
    while found.sent < asked.messages {
        // No more than the sockets on the way have room for: the link has not lost what they drop.
        let (mut under_way, count) = (0, BATCH.min(asked.messages - found.sent));
        for _ in 0..count {
            datagram[..8].copy_from_slice(&microseconds(began).to_be_bytes());
            socket.send(&datagram)?;
            found.sent += 1;
            under_way += 1;
        }
        while under_way > 0 {
            match socket.recv(&mut back) {
                Ok(_) => {
                    let sent = back.first_chunk().map_or(0, |time| u64::from_be_bytes(*time));
                    under_way -= 1;
                    found.answered += 1;
                    found.total_us = microseconds(began);
                    found.round_trips_us.push(found.total_us.saturating_sub(sent));
                }
                Err(error) if is_late(&error) => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}

/// Microseconds since then.
pub(super) fn microseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
