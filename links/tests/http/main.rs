//! HTTP links, seen from clients and servers that know nothing of them.

#![cfg(feature = "http")]
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod control;
mod effects;
mod malformed;
mod rules;
mod server;
mod streams;
mod tls;
mod transparent;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use chaos_links::{Direction, HttpToxic, LinkSpec, LinkTls, LinkView, Links, Protocol, ToxicKind, ToxicSpec};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;

use server::Server;

/// A link before a server.
struct Rig {
    links: Arc<Links>,
    server: Server,
    address: SocketAddr,
}

impl Rig {
    fn new() -> Self {
        Self::before(Server::start())
    }

    fn before(server: Server) -> Self {
        let address = server.address;
        Self::to(server, address, LinkTls::default())
    }

    fn to(server: Server, upstream: SocketAddr, tls: LinkTls) -> Self {
        let links = Arc::new(Links::start(1).unwrap());
        let address = link_to(&links, &upstream.to_string(), tls).unwrap();
        Self { links, server, address }
    }

    fn rule(&self, name: &str, rule: Value) {
        self.links.add_toxic("link", toxic(name, rule)).unwrap();
    }

    fn effect(&self, effect: &Value) {
        self.rule("rule", serde_json::json!({ "effect": effect }));
    }

    fn view(&self) -> LinkView {
        self.links.get("link").unwrap()
    }

    fn met(&self, name: &str) -> u64 {
        self.view().rules[name]
    }
}

fn link_to(links: &Links, upstream: &str, tls: LinkTls) -> Result<SocketAddr, chaos_links::LinkError> {
    let spec = LinkSpec { protocol: Protocol::Http, tls, ..LinkSpec::new("link", "127.0.0.1:0", upstream) };
    Ok(links.create(&spec)?.listen.parse().unwrap())
}

fn toxic(name: &str, rule: Value) -> ToxicSpec {
    let kind = ToxicKind::Http(HttpToxic(serde_json::from_value(rule).unwrap()));
    ToxicSpec { name: name.to_owned(), ..ToxicSpec::new(kind, Direction::Downstream) }
}

type Body = Full<Bytes>;

/// A client on one connection, of either version.
enum Client {
    One(http1::SendRequest<Body>),
    Two(http2::SendRequest<Body>),
}

/// What a client got.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: hyper::HeaderMap,
    body: Vec<u8>,
    trailers: Option<hyper::HeaderMap>,
    /// Why the body is not whole.
    broken: Option<hyper::Error>,
}

impl Got {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Client {
    async fn connect(address: SocketAddr, version: Version) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), version).await.unwrap()
    }

    async fn over<S>(stream: S, version: Version) -> hyper::Result<Self>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        if version == Version::HTTP_2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(connection);
            return Ok(Self::Two(sender));
        }
        let (sender, connection) = http1::handshake(io).await?;
        tokio::spawn(connection.with_upgrades());
        Ok(Self::One(sender))
    }

    async fn send(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::One(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Two(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    async fn ask(&mut self, request: Request<Body>) -> hyper::Result<Got> {
        Ok(got(self.send(request).await?).await)
    }

    async fn get(&mut self, path: &str) -> hyper::Result<Got> {
        self.ask(request("GET", path, "")).await
    }
}

async fn got(answer: Response<Incoming>) -> Got {
    let (head, mut incoming) = answer.into_parts();
    let mut got =
        Got { status: head.status.as_u16(), headers: head.headers, body: Vec::new(), trailers: None, broken: None };
    while let Some(frame) = incoming.frame().await {
        match frame {
            Ok(frame) => match frame.into_data() {
                Ok(data) => got.body.extend_from_slice(&data),
                Err(other) => got.trailers = other.into_trailers().ok(),
            },
            Err(error) => {
                got.broken = Some(error);
                break;
            }
        }
    }
    got
}

fn request(method: &str, path: &str, body: impl Into<Bytes>) -> Request<Body> {
    let uri = format!("http://service.test{path}");
    Request::builder().method(method).uri(uri).header("host", "service.test").body(Full::new(body.into())).unwrap()
}

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// Runs a test, which may take long only where it hangs.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(std::time::Duration::from_mins(5), test).await.unwrap() });
    runtime.shutdown_background();
}
