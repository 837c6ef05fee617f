//! The sender, the same for every receiver.

use std::fmt;
use std::rc::Rc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

use crate::cores::Cores;
use crate::requests;

/// Connections, so that the receiver always has a next request.
const CONNECTIONS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP/protobuf",
            Self::Grpc => "gRPC",
        })
    }
}

/// What is sent, made once.
pub(crate) struct Sender {
    http: Rc<[Bytes]>,
    grpc: Rc<[Bytes]>,
}

impl Sender {
    /// The calling thread is the sender's from here on.
    pub(crate) fn new(cores: &Cores) -> Self {
        cores.stay_with_the_sender();
        let http = requests::all();
        // A message of gRPC: not compressed, its length, and itself.
        let framed = |message: &Bytes| {
            let length = u32::try_from(message.len()).unwrap().to_be_bytes();
            Bytes::from([&[0], length.as_slice(), message].concat())
        };
        let grpc = http.iter().map(framed).collect();
        Self { http: http.into(), grpc }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.http[0].len()
    }

    /// Sends so many requests, and waits for every answer.
    pub(crate) fn send(&self, protocol: Protocol, port: u16, batches: usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut connections = JoinSet::new();
        let local = LocalSet::new();
        for first in 0..CONNECTIONS {
            let bodies = Rc::clone(if protocol == Protocol::Http { &self.http } else { &self.grpc });
            connections.spawn_local_on(
                async move {
                    let mut connection = Connection::open(protocol, port).await;
                    for batch in (first..batches).step_by(CONNECTIONS) {
                        connection.send(port, bodies[batch % bodies.len()].clone()).await;
                    }
                },
                &local,
            );
        }
        local.block_on(&runtime, async {
            while let Some(ended) = connections.join_next().await {
                ended.unwrap();
            }
        });
    }
}

enum Connection {
    Http(http1::SendRequest<Full<Bytes>>),
    Grpc(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    async fn open(protocol: Protocol, port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = TokioIo::new(stream);
        match protocol {
            Protocol::Http => {
                let (send, connection) = http1::handshake(stream).await.unwrap();
                tokio::spawn(connection);
                Self::Http(send)
            }
            Protocol::Grpc => {
                let (send, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
                tokio::spawn(connection);
                Self::Grpc(send)
            }
        }
    }

    /// Sends a request; the receiver must take all of it.
    async fn send(&mut self, port: u16, body: Bytes) {
        let at = format!("127.0.0.1:{port}");
        let request = |path: &str| Request::post(format!("http://{at}{path}"));
        let message = match self {
            Self::Http(send) => {
                send.ready().await.unwrap();
                // HTTP/1.1 asks for the host, and Go for what HTTP/1.1 asks.
                let request = request("/v1/traces").header("host", &at);
                let request = request.header("content-type", "application/x-protobuf").body(Full::new(body)).unwrap();
                read(send.send_request(request).await.unwrap()).await.0
            }
            Self::Grpc(send) => {
                send.ready().await.unwrap();
                let request = request("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
                let request = request.header("content-type", "application/grpc").header("te", "trailers");
                let request = request.body(Full::new(body)).unwrap();
                let (body, status) = read(send.send_request(request).await.unwrap()).await;
                assert_eq!(status.as_deref(), Some("0"), "gRPC's status");
                body.slice(5..)
            }
        };
        let answer = ExportTraceServiceResponse::decode(message).unwrap();
        assert_eq!(answer.partial_success.unwrap_or_default().rejected_spans, 0);
    }
}

/// The body of an answer, and gRPC's status behind it.
async fn read(response: Response<Incoming>) -> (Bytes, Option<String>) {
    let (head, body) = response.into_parts();
    assert_eq!(head.status, 200);
    let body = body.collect().await.unwrap();
    let status = body.trailers().or(Some(&head.headers)).and_then(|all| all.get("grpc-status")).cloned();
    (body.to_bytes(), status.map(|status| status.to_str().unwrap().to_owned()))
}
