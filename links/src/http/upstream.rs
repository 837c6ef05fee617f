//! The connections of one client's connection to the server.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, Notify};

use crate::http::body::{Cause, RequestBody};
use crate::http::io::ServerIo;
use crate::http::tasks::Detached;
use crate::http::tls::Sides;
use crate::settings::SharedLink;

/// How long a server may take for a handshake of TLS.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(30);

/// Bytes that a stream of HTTP/2 may have under way to us.
pub(super) const STREAM_WINDOW: u32 = 256 * 1024;

/// Bytes that all streams of a connection may have under way to us: as many stalled streams as fit leave the others alone.
pub(super) const CONNECTION_WINDOW: u32 = 64 * 1024 * 1024;

/// Requests that a client may have under way on one connection of HTTP/2.
pub(super) const MOST_STREAMS: u32 = 1024;

/// Bytes of the headers of one message.
pub(super) const MOST_HEADERS: u32 = 256 * 1024;

/// The headers of one message of HTTP/1.
pub(super) const MOST_LINES: usize = 1000;

/// A connection to the server, with TLS or without.
trait ServerStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> ServerStream for T {}

/// The first connection, which was there before the client had said anything.
enum First {
    Plain(ServerIo),
    Tls(Box<tokio_rustls::client::TlsStream<ServerIo>>),
}

/// A connection of HTTP/1 between two requests.
struct Idle {
    sender: http1::SendRequest<RequestBody>,
    /// Whether the last request has been sent to its end; one that has not can't be followed by another.
    has_ended: Rc<Cell<bool>>,
    number: u64,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// The server can't be reached, or shows no certificate that counts.
    #[error("server not reached")]
    Unreachable(#[source] io::Error),
    /// It has ended the exchange.
    #[error("server broke off")]
    BrokeOff(#[from] hyper::Error),
}

impl NoAnswer {
    /// What goes to the library: the reason of HTTP/2 for which the server has reset a stream is among its sources.
    pub(super) fn cause(self) -> Cause {
        self.into()
    }
}

/// What leads to the server.
pub(super) struct Upstream {
    link: Arc<SharedLink>,
    resets: Arc<AtomicBool>,
    first: RefCell<Option<First>>,
    http1: RefCell<Option<Idle>>,
    http2: Mutex<Option<http2::SendRequest<RequestBody>>>,
    /// The number of the connection whose end is the client's business.
    current: Rc<Cell<u64>>,
    ended: Rc<Notify>,
}

impl Upstream {
    pub(super) fn new(link: Arc<SharedLink>, first: Option<TcpStream>, resets: Arc<AtomicBool>) -> Self {
        let first = first.map(|socket| First::Plain(ServerIo::new(socket, resets.clone())));
        Self {
            link,
            resets,
            first: RefCell::new(first),
            http1: RefCell::default(),
            http2: Mutex::default(),
            current: Rc::default(),
            ended: Rc::default(),
        }
    }

    /// Waits until the server has closed the connection that the client's hangs on.
    pub(super) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Speaks TLS on the first connection, and says which protocol the server has picked of those that the client knows.
    pub(super) async fn start_tls(&self, protocols: &[Vec<u8>]) -> io::Result<Option<Vec<u8>>> {
        let socket = self.connect().await?;
        let stream = self.secured(socket, protocols).await?;
        let picked = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        *self.first.borrow_mut() = Some(First::Tls(Box::new(stream)));
        Ok(picked)
    }

    async fn secured(
        &self,
        socket: ServerIo,
        protocols: &[Vec<u8>],
    ) -> io::Result<tokio_rustls::client::TlsStream<ServerIo>> {
        let sides = self.link.http.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let upstream = self.link.changes.borrow().upstream.clone();
        let handshake = sides.secured(socket, &upstream, protocols);
        tokio::time::timeout(HANDSHAKE, handshake).await?
    }

    async fn connect(&self) -> io::Result<ServerIo> {
        let first = self.first.borrow_mut().take();
        if let Some(First::Plain(socket)) = first
            && !socket.is_closed().await
        {
            return Ok(socket);
        }
        let upstream = self.link.changes.borrow().upstream.clone();
        Ok(ServerIo::new(TcpStream::connect(&*upstream).await?, self.resets.clone()))
    }

    async fn stream(&self, protocol: &[u8]) -> io::Result<Box<dyn ServerStream>> {
        let first = self.first.borrow_mut().take();
        if let Some(First::Tls(stream)) = first {
            return Ok(stream);
        }
        *self.first.borrow_mut() = first;
        let socket = self.connect().await?;
        let speaks_tls = self.link.http.as_ref().is_some_and(Sides::has_server);
        if !speaks_tls {
            return Ok(Box::new(socket));
        }
        Ok(Box::new(self.secured(socket, &[protocol.to_vec()]).await?))
    }

    /// Sends a request over HTTP/1, on the connection of the one before it where that can be.
    pub(super) async fn send_http1(&self, request: Request<RequestBody>) -> Result<Response<Incoming>, NoAnswer> {
        let kept = self.http1.borrow_mut().take();
        let kept = match kept {
            Some(mut idle) if idle.has_ended.get() => idle.sender.ready().await.is_ok().then_some(idle),
            _ => None,
        };
        let mut idle = if let Some(idle) = kept {
            idle
        } else {
            self.current.set(u64::MAX);
            self.open_http1().await?
        };
        idle.has_ended = request.body().ended();
        let answer = idle.sender.send_request(request).await?;
        self.current.set(idle.number);
        *self.http1.borrow_mut() = Some(idle);
        Ok(answer)
    }

    /// Lets go of the connection of HTTP/1, which ends with the answer that it is at.
    pub(super) fn let_go(&self) {
        self.current.set(u64::MAX);
        self.http1.borrow_mut().take();
    }

    async fn open_http1(&self) -> Result<Idle, NoAnswer> {
        let stream = self.stream(b"http/1.1").await.map_err(NoAnswer::Unreachable)?;
        let mut builder = http1::Builder::new();
        builder.preserve_header_case(true).max_headers(MOST_LINES);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        let number = number();
        self.current.set(number);
        let ended = self.end_of(number);
        tokio::task::spawn_local(async move {
            // What goes wrong is told to who waits for the answer.
            let _ = connection.with_upgrades().await;
            ended();
        });
        Ok(Idle { sender, has_ended: Rc::default(), number })
    }

    /// Sends a request over HTTP/2, beside others.
    pub(super) async fn send_http2(&self, request: Request<RequestBody>) -> Result<Response<Incoming>, NoAnswer> {
        let mut slot = self.http2.lock().await;
        let kept = match slot.take() {
            Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
            None => None,
        };
        let mut sender = match kept {
            Some(sender) => sender,
            None => self.open_http2().await?,
        };
        *slot = Some(sender.clone());
        drop(slot);
        Ok(sender.send_request(request).await?)
    }

    async fn open_http2(&self) -> Result<http2::SendRequest<RequestBody>, NoAnswer> {
        let stream = self.stream(b"h2").await.map_err(NoAnswer::Unreachable)?;
        let mut builder = http2::Builder::new(Detached);
        builder
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MOST_HEADERS);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        let number = number();
        self.current.set(number);
        let ended = self.end_of(number);
        tokio::task::spawn_local(async move {
            let _ = connection.await;
            ended();
        });
        Ok(sender)
    }

    /// What tells that a connection has ended, where the client's hangs on it.
    fn end_of(&self, number: u64) -> impl FnOnce() + use<> {
        let (current, ended) = (self.current.clone(), self.ended.clone());
        move || {
            if current.get() == number {
                ended.notify_one();
            }
        }
    }
}

thread_local! {
    static NUMBERS: Cell<u64> = const { Cell::new(0) };
}

/// Tells a connection from the others of this thread.
fn number() -> u64 {
    NUMBERS.with(|last| {
        last.set(last.get() + 1);
        last.get()
    })
}
