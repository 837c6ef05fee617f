mod tls;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use chaos_core::{Answer, Policy, ProbeNode, parse};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;

use super::*;
use crate::test_context::{context, plain};

fn probe(at: SocketAddr, service: &str) -> GrpcHealth {
    let limit = Seconds::from(60);
    GrpcHealth {
        address: at.to_string().parse().unwrap(),
        service: service.to_owned(),
        timeout_seconds: limit,
        tls: None,
        server_name: None,
    }
}

async fn seen(at: SocketAddr, service: &str) -> (Answer, String) {
    let seen = Probe::observe(&probe(at, service), &plain()).await;
    (seen.answer, seen.detail)
}

/// The health server of the official Rust implementation, with these services; it lives as long as the runtime.
fn official(services: &[(&str, ServingStatus)]) -> SocketAddr {
    started(tonic::transport::Server::builder(), services)
}

fn started(mut server: tonic::transport::Server, services: &[(&str, ServingStatus)]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let at = listener.local_addr().unwrap();
    let (reporter, service) = tonic_health::server::health_reporter();
    let services: Vec<_> = services.iter().map(|(name, status)| ((*name).to_owned(), *status)).collect();
    tokio::spawn(async move {
        for (name, status) in services {
            reporter.set_service_status(name, status).await;
        }
        let incoming =
            futures_util::stream::unfold(tokio::net::TcpListener::from_std(listener).unwrap(), async |listener| {
                let accepted = listener.accept().await.map(|(stream, _)| stream);
                Some((accepted, listener))
            });
        server.add_service(service).serve_with_incoming(incoming).await.unwrap();
    });
    at
}

#[tokio::test]
async fn the_official_server_serves_does_not_serve_and_does_not_know() {
    let at = official(&[("a.Up", ServingStatus::Serving), ("a.Down", ServingStatus::NotServing)]);
    let rows = [
        ("", Answer::Yes, format!("{at} is SERVING")),
        ("a.Up", Answer::Yes, format!("`a.Up` at {at} is SERVING")),
        ("a.Down", Answer::No, format!("`a.Down` at {at} is NOT_SERVING")),
    ];
    for (service, answer, detail) in rows {
        assert_eq!(seen(at, service).await, (answer, detail));
    }
    let (answer, detail) = seen(at, "a.Other").await;
    assert_eq!(answer, Answer::No);
    assert!(detail.starts_with(&format!("`a.Other` at {at}: the server answered NOT_FOUND")), "{detail}");
}

#[tokio::test]
async fn a_server_without_a_health_service_is_unknown() {
    let at = official(&[]);
    // A path that the same server does not have is what such a server answers.
    let stream = tokio::net::TcpStream::connect(at).await.unwrap();
    drop(stream);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let incoming = futures_util::stream::unfold(listener, async |listener| {
            let accepted = listener.accept().await.map(|(stream, _)| stream);
            Some((accepted, listener))
        });
        let routes = tonic::service::Routes::default();
        tonic::transport::Server::builder().add_routes(routes).serve_with_incoming(incoming).await.unwrap();
    });
    let (answer, detail) = seen(at, "").await;
    assert_eq!((answer, detail), (Answer::Unknown, format!("{at}: the server answered UNIMPLEMENTED")));
}

#[tokio::test]
async fn nobody_there_and_one_that_says_nothing_are_a_no() {
    // The kernel gives no such port to anybody.
    let at = SocketAddr::from(([127, 0, 0, 1], 1));
    let (answer, detail) = seen(at, "").await;
    assert_eq!((answer, detail.contains("refused")), (Answer::No, true), "{detail}");
    // The kernel accepts, and nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap();
    let limit = Seconds::try_from(0.2).unwrap();
    let hanging = GrpcHealth { timeout_seconds: limit, ..probe(at, "") };
    let seen = Probe::observe(&hanging, &plain()).await;
    assert_eq!((seen.answer, seen.detail), (Answer::No, format!("{at} did not answer within 0.2 s")));
}

#[tokio::test]
async fn what_speaks_another_protocol_is_a_no() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 64]);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").unwrap();
        // A connection that is closed over what was not read is reset, and the answer may be lost.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let (answer, detail) = seen(at, "").await;
    assert_eq!((answer, detail.contains("no HTTP/2")), (Answer::No, true), "{detail}");
}

#[tokio::test]
async fn the_policy_and_the_run_are_asked_first() {
    let outside: ProbeNode = parse(&json!({"type": "grpc_health", "address": "192.0.2.1:50051"})).unwrap();
    let refused = outside.observe(&plain()).await;
    assert_eq!(refused.answer, Answer::Unknown);
    assert!(refused.detail.contains("--allow-host 192.0.2.1"), "{}", refused.detail);
    assert_eq!(outside.reach().unwrap().hosts[0].to_string(), "192.0.2.1:50051");
    let cancel = CancellationToken::new();
    cancel.cancel();
    let cx = context(Policy::default(), &[], cancel);
    let cancelled = Probe::observe(&probe("127.0.0.1:9".parse().unwrap(), ""), &cx).await;
    assert_eq!((cancelled.answer, cancelled.detail.as_str()), (Answer::Unknown, "cancelled"));
}

/// A health server of the official Python implementation, which says its port, and then obeys `NAME STATUS` lines. With the files of a
/// key, a certificate and a CA it speaks TLS, and only to clients with a certificate of that CA.
const PYTHON: &str = r#"
import sys
from concurrent import futures
import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
server = grpc.server(futures.ThreadPoolExecutor(2))
servicer = health.HealthServicer()
health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
if len(sys.argv) > 1:
    key, own, authority = (open(name, "rb").read() for name in sys.argv[1:])
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, own)], authority, True))
else:
    port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
for line in sys.stdin:
    name, status = line.split()
    servicer.set(name, health_pb2.HealthCheckResponse.ServingStatus.Value(status))
    print("set", flush=True)
"#;

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it, where Python has the packages.
fn python(arguments: &[String]) -> Option<(Ended, SocketAddr, impl FnMut(&str) + use<>)> {
    // Whoever installed it may have put it behind the system's own Python in the `PATH`.
    let has = |python: &PathBuf| {
        let found = Command::new(python).args(["-c", "import grpc, grpc_health"]).stderr(Stdio::null()).status();
        found.is_ok_and(|status| status.success())
    };
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let Some(python) = std::env::split_paths(&folders).map(|folder| folder.join("python3")).find(has) else {
        println!("skipped: needs Python's grpcio-health-checking");
        return None;
    };
    let mut server = Command::new(&python);
    server.args(["-c", PYTHON]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = Ended(server.spawn().unwrap());
    let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let mut say = server.0.stdin.take().unwrap();
    let port: u16 = lines.next().unwrap().unwrap().parse().unwrap();
    let set = move |line: &str| {
        writeln!(say, "{line}").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "set");
    };
    Some((server, SocketAddr::from(([127, 0, 0, 1], port)), set))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_server_is_understood_too() {
    let Some((_server, at, mut set)) = python(&[]) else { return };
    for (status, want) in [("SERVING", Answer::Yes), ("NOT_SERVING", Answer::No), ("UNKNOWN", Answer::No)] {
        set(&format!("shop.Orders {status}"));
        assert_eq!(seen(at, "shop.Orders").await, (want, format!("`shop.Orders` at {at} is {status}")));
    }
    let (answer, detail) = seen(at, "shop.Nothing").await;
    assert_eq!((answer, detail.contains("NOT_FOUND")), (Answer::No, true), "{detail}");
}
