//! A client that tells what came, and when.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chaos_tls::rustls::pki_types::ServerName;
use chaos_tls::rustls::{ClientConnection, StreamOwned};
use chaos_tls::{ClientTls, Trust, in_words};

use super::request::TrialRequest;
use crate::link::sound::microseconds;

/// The most headers of an answer.
const MOST_HEADERS: usize = 100;

/// The most of an answer that is read, in bytes.
const MOST_BYTES: usize = 32 << 20;

/// What a client saw of an answer.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) status: Option<u16>,
    /// By names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) trailers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
    pub(super) is_complete: bool,
    pub(super) first_byte_us: u64,
    pub(super) last_byte_us: u64,
    pub(super) total_us: u64,
    pub(super) error: Option<String>,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Sends a request, over TLS where a CA is to be trusted, and reads what comes until its end or that long.
pub(super) fn ask(address: SocketAddr, ca: Option<&Path>, request: &TrialRequest, wait: Duration) -> Seen {
    let (mut seen, began) = (Seen::default(), Instant::now());
    if let Err(error) = exchange(&mut seen, address, ca, request, began, wait) {
        seen.error = Some(match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("nothing more came within {} ms", wait.as_millis())
            }
            _ => in_words(&error),
        });
    }
    seen.total_us = microseconds(began);
    seen
}

fn exchange(
    seen: &mut Seen,
    address: SocketAddr,
    ca: Option<&Path>,
    request: &TrialRequest,
    began: Instant,
    wait: Duration,
) -> io::Result<()> {
    let socket = TcpStream::connect_timeout(&address, wait)?;
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(wait))?;
    socket.set_read_timeout(Some(wait))?;
    let mut stream = dressed(socket.try_clone()?, ca)?;
    stream.write_all(&request.bytes())?;
    stream.flush()?;
    let (mut got, mut buffer, mut answer) = (Vec::new(), vec![0; 64 * 1024], None);
    loop {
        let left = wait.checked_sub(began.elapsed()).filter(|left| !left.is_zero()).ok_or(ErrorKind::TimedOut)?;
        socket.set_read_timeout(Some(left))?;
        let read = match stream.read(&mut buffer) {
            Ok(read) => read,
            // TLS that ends without saying so.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => 0,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        got.extend(&buffer[..read]);
        if answer.is_none() {
            answer = Framing::of(&mut got, seen, &request.method)?;
            if answer.is_some() {
                (seen.first_byte_us, seen.last_byte_us) = (microseconds(began), microseconds(began));
            }
        }
        let before = seen.body.len();
        let is_whole = match &mut answer {
            Some(framing) => framing.take(&mut got, seen, read == 0)?,
            None => false,
        };
        if seen.body.len() > before {
            seen.last_byte_us = microseconds(began);
            if before == 0 {
                seen.first_byte_us = seen.last_byte_us;
            }
        }
        if is_whole {
            seen.is_complete = true;
            return Ok(());
        }
        if read == 0 {
            let what = if seen.status.is_some() { "inside the body" } else { "without an answer" };
            return Err(io::Error::other(format!("the connection was closed {what}")));
        }
        if seen.body.len() > MOST_BYTES || got.len() > MOST_BYTES {
            return Err(io::Error::other("the answer does not end"));
        }
    }
}

fn dressed(socket: TcpStream, ca: Option<&Path>) -> io::Result<Box<dyn Stream>> {
    let Some(ca) = ca else { return Ok(Box::new(socket)) };
    let tls = ClientTls { trust: Trust::File(ca.to_owned()), ..ClientTls::http1(true) };
    let config = Arc::new(tls.config().map_err(io::Error::other)?);
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
    Ok(Box::new(StreamOwned::new(connection, socket)))
}

/// How the end of a body is told.
enum Framing {
    Length(u64),
    Chunks { left: u64, is_last: bool },
    Close,
}

impl Framing {
    /// Takes the head of an answer, once it is there.
    fn of(got: &mut Vec<u8>, seen: &mut Seen, method: &str) -> io::Result<Option<Self>> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
            let mut head = httparse::Response::new(&mut headers);
            let httparse::Status::Complete(length) = head.parse(got).map_err(io::Error::other)? else {
                return Ok(None);
            };
            let status = head.code.unwrap_or_default();
            let all = fields(head.headers);
            got.drain(..length);
            // What comes before the answer, such as 103.
            if (100..200).contains(&status) {
                continue;
            }
            let framing = if method == "HEAD" || [204, 304].contains(&status) {
                Self::Length(0)
            } else if all.get("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
                Self::Chunks { left: 0, is_last: false }
            } else {
                all.get("content-length").and_then(|text| text.parse().ok()).map_or(Self::Close, Self::Length)
            };
            (seen.status, seen.headers) = (Some(status), all);
            return Ok(Some(framing));
        }
    }

    /// Takes what there is of the body; says whether that was all.
    fn take(&mut self, got: &mut Vec<u8>, seen: &mut Seen, is_closed: bool) -> io::Result<bool> {
        match self {
            Self::Close => {
                seen.body.append(got);
                Ok(is_closed)
            }
            Self::Length(left) => {
                move_bytes(got, left, &mut seen.body);
                Ok(*left == 0)
            }
            Self::Chunks { left, is_last } => loop {
                move_bytes(got, left, &mut seen.body);
                if *left > 0 {
                    return Ok(false);
                }
                if *is_last {
                    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
                    let parsed = httparse::parse_headers(got, &mut headers).map_err(io::Error::other)?;
                    let httparse::Status::Complete((_, trailers)) = parsed else { return Ok(false) };
                    seen.trailers = fields(trailers);
                    return Ok(true);
                }
                // Behind the bytes of a chunk comes an empty line.
                let begin = if got.starts_with(b"\r\n") { 2 } else { 0 };
                let size = httparse::parse_chunk_size(&got[begin..]);
                let size = size.map_err(|_| io::Error::other("the framing of the body is broken"))?;
                let httparse::Status::Complete((length, size)) = size else { return Ok(false) };
                got.drain(..begin + length);
                (*left, *is_last) = (size, size == 0);
            },
        }
    }
}

/// Moves as many bytes as are there, and at most those that are left.
fn move_bytes(got: &mut Vec<u8>, left: &mut u64, body: &mut Vec<u8>) {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(got.len());
    body.extend(got.drain(..count));
    *left -= count as u64;
}

fn fields(headers: &[httparse::Header<'_>]) -> BTreeMap<String, String> {
    let pair = |field: &httparse::Header<'_>| {
        (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).into_owned())
    };
    headers.iter().map(pair).collect()
}
