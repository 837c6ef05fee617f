//! gRPC: the health service of the official Rust implementation, and its client.

use std::net::SocketAddr;

use chaos_links::Direction;
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::Code;
use tonic::transport::{Channel, Endpoint, Server};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::{Talk, pattern, words};

/// A service that the server knows.
const KNOWN: &str = "a.Known";

pub(crate) struct Client(HealthClient<Channel>);

impl Talk for Client {
    /// Names of services are.
    const LONG: Direction = Direction::Upstream;

    type Server = JoinHandle<()>;

    async fn serve() -> (JoinHandle<()>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (reporter, service) = tonic_health::server::health_reporter();
        let server = tokio::spawn(async move {
            reporter.set_service_status(KNOWN, ServingStatus::Serving).await;
            let incoming = stream::unfold(listener, async |listener| {
                let accepted = listener.accept().await.map(|(stream, _)| stream);
                Some((accepted, listener))
            });
            Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
        });
        (server, address)
    }

    async fn connect(_: &JoinHandle<()>, link: SocketAddr) -> Result<Self, String> {
        let endpoint = Endpoint::from_shared(format!("http://{link}")).unwrap();
        endpoint.connect().await.map(|channel| Self(HealthClient::new(channel))).map_err(|error| words(&error))
    }

    /// The server knows one service, and no other one.
    async fn say(&mut self, number: usize, bytes: usize) -> Result<(), String> {
        let service = if number.is_multiple_of(2) { KNOWN.to_owned() } else { pattern(number, bytes) };
        let answer = self.0.check(HealthCheckRequest { service: service.clone() }).await;
        match answer {
            Ok(answer) => {
                let status = answer.into_inner().status();
                assert_eq!((status as i32, service.as_str()), (ServingStatus::Serving as i32, KNOWN));
                Ok(())
            }
            Err(status) if status.code() == Code::NotFound => {
                assert_ne!(service, KNOWN);
                Ok(())
            }
            Err(status) => Err(format!("{:?}: {}", status.code(), words(&status))),
        }
    }
}
