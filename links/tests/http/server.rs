//! The server behind the links: it notes what it gets, and answers by path.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// What the server got.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
    _stop: oneshot::Sender<()>,
}

/// What a server does with a connection before it speaks HTTP on it.
pub(crate) trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Stream for T {}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with_tls(None)
    }

    pub(crate) fn with_tls(tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let notes = seen.clone();
        let serve = async move {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(socket, notes.clone(), tls.clone()));
            }
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serve => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, seen, _stop: stop }
    }

    /// How often a path was asked for.
    pub(crate) fn times(&self, path: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|seen| seen.path == path).count()
    }

    /// Waits until a path was asked for so often.
    pub(crate) async fn until(&self, path: &str, times: usize) {
        while self.times(path) < times {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().unwrap().clone()
    }
}

async fn serve(socket: TcpStream, notes: Arc<Mutex<Vec<Seen>>>, tls: Option<tokio_rustls::TlsAcceptor>) {
    let stream: Pin<Box<dyn Stream>> = match tls {
        None => Box::pin(socket),
        Some(tls) => match tls.accept(socket).await {
            Ok(stream) => Box::pin(stream),
            Err(_) => return,
        },
    };
    let service = service_fn(move |request| answer(request, notes.clone()));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(1000);
    let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
}

fn full(bytes: impl Into<Bytes>) -> BoxBody<Bytes, Infallible> {
    Full::new(bytes.into()).boxed()
}

pub(crate) const EVENTS: [&str; 4] = ["data: one\n\n", "event: x\ndata: two\n\n", ": ping\n\n", "data: [DONE]\n\n"];

/// Bytes that are no text.
pub(crate) fn binary(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// A body in pieces, each sent on its own, with trailers at the end.
fn pieces(pieces: Vec<Bytes>, trailers: Option<HeaderMap>) -> BoxBody<Bytes, Infallible> {
    let (sender, mut receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        for piece in pieces {
            if sender.send(Frame::data(piece)).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        if let Some(trailers) = trailers {
            let _ = sender.send(Frame::trailers(trailers)).await;
        }
    });
    let stream = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx).map(|frame| frame.map(Ok)));
    BoxBody::new(StreamBody::new(stream))
}

async fn answer(mut request: Request<Incoming>, notes: Arc<Mutex<Vec<Seen>>>) -> Result<Answer, Infallible> {
    let path = request.uri().path().to_owned();
    if path == "/echo-frames" {
        // Both ways at once: a piece comes back before the next one is sent.
        let body = request.into_body().map_err(|error| panic!("{error}"));
        return Ok(Response::new(BoxBody::new(body)));
    }
    if path == "/websocket" {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut upgraded = TokioIo::new(upgrade.await.unwrap());
            let (mut reader, mut writer) = tokio::io::split(&mut upgraded);
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
        });
        let answer = Response::builder().status(101).header("connection", "Upgrade").header("upgrade", "websocket");
        return Ok(answer.body(full("")).unwrap());
    }
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(Response::new(full(""))) };
    let (method, headers, body) = (head.method.to_string(), head.headers.clone(), body.to_bytes());
    notes.lock().unwrap().push(Seen { method, path: path.clone(), headers, body: body.to_vec() });
    let answer = Response::builder().header("server", "test");
    let plain = |answer: hyper::http::response::Builder, body: Bytes| answer.body(full(body)).unwrap();
    Ok(match path.as_str() {
        "/echo" => plain(answer.header("content-type", "application/octet-stream"), body),
        "/big" => plain(answer, binary(32 * 1024 * 1024).into()),
        "/large" => plain(answer, binary(4 * 1024 * 1024).into()),
        "/medium" => plain(answer, binary(64 * 1024).into()),
        "/created" => plain(answer.status(201), "made".into()),
        "/empty" => plain(answer.status(204), Bytes::new()),
        "/fails" => plain(answer.status(500), "broken".into()),
        "/packed" => plain(answer.header("content-encoding", "gzip"), "not really packed".into()),
        "/sse" => {
            let events = EVENTS.iter().map(|event| Bytes::from_static(event.as_bytes())).collect();
            answer.header("content-type", "text/event-stream").body(pieces(events, None)).unwrap()
        }
        "/trailers" => {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", "42".parse().unwrap());
            let parts = vec![Bytes::from_static(b"one "), Bytes::from_static(b"two")];
            answer.header("trailer", "x-sum").body(pieces(parts, Some(trailers))).unwrap()
        }
        "/grpc" => {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            answer.header("content-type", "application/grpc").body(pieces(vec![body], Some(trailers))).unwrap()
        }
        "/grpc-refused" => {
            let answer = answer.header("content-type", "application/grpc").header("grpc-status", "7");
            plain(answer, Bytes::new())
        }
        _ if head.method == Method::HEAD => answer.header("content-length", "11").body(full("")).unwrap(),
        _ => {
            let mut response = plain(answer.header("etag", "\"v1\""), "hello world".into());
            if head.method == Method::DELETE {
                *response.status_mut() = StatusCode::ACCEPTED;
            }
            response
        }
    })
}
