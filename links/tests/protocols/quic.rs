//! QUIC through UDP links: streams that survive what a network does to datagrams, and never give wrong bytes.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chaos_links::*;
use quinn::rustls::RootCertStore;
use quinn::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, IdleTimeout, ServerConfig, TransportConfig};
use tokio::time::timeout;

use super::{HANG, SILENT, latency, pattern};

/// How long a connection lives without a word of the other side; a busy machine may keep both silent for a while.
const IDLE: Duration = Duration::from_secs(6);

/// A server that sends back what it gets, behind a link.
struct Rig {
    links: Links,
    certificate: CertificateDer<'static>,
    _server: Endpoint,
}

fn here() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Connections that notice soon when nobody is there any more.
fn transport() -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(Some(IdleTimeout::try_from(IDLE).unwrap()));
    transport.keep_alive_interval(Some(IDLE / 8));
    Arc::new(transport)
}

impl Rig {
    fn new(toxics: Vec<ToxicSpec>) -> Self {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = own.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let mut config = ServerConfig::with_single_cert(vec![certificate.clone()], key.into()).unwrap();
        config.transport_config(transport());
        let server = Endpoint::server(config, here()).unwrap();
        let address = server.local_addr().unwrap();
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Some(incoming) = accepting.accept().await {
                tokio::spawn(async move {
                    let Ok(connection) = incoming.await else { return };
                    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
                        tokio::spawn(async move {
                            let Ok(all) = receive.read_to_end(usize::MAX).await else { return };
                            let _ = send.write_all(&all).await;
                            let _ = send.finish();
                        });
                    }
                });
            }
        });
        let links = Links::start(6).unwrap();
        let spec = LinkSpec::new("link", "127.0.0.1:0", address.to_string());
        links.create(&LinkSpec { protocol: Protocol::Udp, toxics, ..spec }).unwrap();
        Self { links, certificate, _server: server }
    }

    async fn connect(&self) -> Result<Connection, ConnectionError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let mut config = ClientConfig::with_root_certificates(Arc::new(roots)).unwrap();
        config.transport_config(transport());
        let endpoint = Endpoint::client(here()).unwrap();
        let address = self.links.get("link").unwrap().listen.parse().unwrap();
        let connecting = endpoint.connect_with(config, address, "localhost").unwrap();
        timeout(HANG, connecting).await.expect("a connect hangs")
    }

    fn put(&self, kind: &ToxicKind) {
        for stream in Direction::BOTH {
            self.links.add_toxic("link", ToxicSpec::new(kind.clone(), stream)).unwrap();
        }
    }

    fn clear(&self) {
        for toxic in self.links.toxics("link").unwrap() {
            self.links.remove_toxic("link", &toxic.name).unwrap();
        }
    }
}

/// Sends a text there and back on a stream of its own.
async fn say(connection: &Connection, text: &str) -> Result<String, String> {
    let exchange = async {
        let (mut send, mut receive) = connection.open_bi().await.map_err(|error| error.to_string())?;
        send.write_all(text.as_bytes()).await.map_err(|error| error.to_string())?;
        send.finish().map_err(|error| error.to_string())?;
        let back = receive.read_to_end(usize::MAX).await.map_err(|error| error.to_string())?;
        String::from_utf8(back).map_err(|error| error.to_string())
    };
    timeout(HANG * 4, exchange).await.expect("a stream hangs")
}

/// A text there and back, every byte of which is right; how long that took.
async fn right(connection: &Connection, bytes: usize) -> Duration {
    let (text, began) = (pattern(bytes, bytes), Instant::now());
    assert!(say(connection, &text).await.unwrap() == text, "wrong bytes");
    began.elapsed()
}

#[tokio::test]
async fn quic_passes_and_each_delay_is_seen() {
    let rig = Rig::new(Vec::new());
    let connection = rig.connect().await.unwrap();
    for bytes in [1, 1_000, 1_000_000] {
        right(&connection, bytes).await;
    }
    rig.put(&latency(100));
    let took = right(&connection, 10).await;
    assert!(took >= Duration::from_millis(200), "{took:?}");
    rig.clear();
    rig.put(&ToxicKind::Bandwidth(Bandwidth { rate: 100 }));
    let took = right(&connection, 100_000).await;
    assert!(took >= Duration::from_secs(1), "a second each way, less the first datagrams: {took:?}");
    rig.clear();
    right(&connection, 100_000).await;
}

#[tokio::test]
async fn quic_survives_loss_duplicates_and_reordering_with_all_bytes_right() {
    let rig = Rig::new(Vec::new());
    rig.put(&ToxicKind::Loss(Loss { probability: 0.1, ..Loss::default() }));
    rig.put(&ToxicKind::Duplicate(Duplicate { probability: 0.1 }));
    rig.put(&ToxicKind::Reorder(Reorder { probability: 0.1, delay: 5 }));
    let connection = rig.connect().await.unwrap();
    for bytes in [1, 1_000, 300_000] {
        right(&connection, bytes).await;
    }
    let stats = connection.stats();
    assert!(stats.path.lost_packets > 0, "{stats:?}");
    let dropped = rig.links.get("link").unwrap().counts.dropped_bytes;
    assert!(dropped.iter().all(|bytes| *bytes > 0), "{dropped:?}");
}

#[tokio::test]
async fn corrupt_datagrams_cost_quic_time_and_never_give_wrong_bytes() {
    let rig = Rig::new(Vec::new());
    rig.put(&ToxicKind::Corrupt(Corrupt { probability: 0.1 }));
    let connection = rig.connect().await.unwrap();
    for bytes in [1, 1_000, 300_000] {
        right(&connection, bytes).await;
    }
    let lost = connection.stats().path.lost_packets;
    assert!(lost > 0, "a datagram that was changed counts as lost");
    // With every one changed, nothing is understood any more, and nothing is misunderstood.
    rig.clear();
    rig.put(&ToxicKind::Corrupt(Corrupt { probability: 1.0 }));
    assert_eq!(say(&connection, "hello").await.unwrap_err(), "read error: connection lost");
    assert_eq!(connection.close_reason(), Some(ConnectionError::TimedOut));
    assert_eq!(rig.connect().await.unwrap_err(), ConnectionError::TimedOut);
}

#[tokio::test]
async fn a_hole_or_a_link_that_is_down_is_silence_to_quic() {
    for mode in [HoleMode::AcceptNothing, HoleMode::SayNothing, HoleMode::HalfOpen] {
        let rig = Rig::new(Vec::new());
        let connection = rig.connect().await.unwrap();
        right(&connection, 10).await;
        rig.put(&ToxicKind::BlackHole(BlackHoleToxic { mode }));
        // A short one is repaired.
        let mut saying = Box::pin(right(&connection, 10));
        assert!(timeout(SILENT, &mut saying).await.is_err(), "{mode:?} lets something through");
        rig.clear();
        saying.await;
        // A long one ends the connection by its own timeout, and nobody is reset.
        rig.put(&ToxicKind::BlackHole(BlackHoleToxic { mode }));
        say(&connection, "hello").await.unwrap_err();
        assert_eq!(connection.close_reason(), Some(ConnectionError::TimedOut), "{mode:?}");
    }
    let rig = Rig::new(Vec::new());
    let connection = rig.connect().await.unwrap();
    right(&connection, 10).await;
    let enable = |enabled| {
        rig.links.update("link", &LinkChange { enabled: Some(enabled), ..LinkChange::default() }).unwrap();
    };
    enable(false);
    let mut saying = Box::pin(right(&connection, 10));
    assert!(timeout(SILENT, &mut saying).await.is_err(), "a link that is down lets something through");
    // The server sees it come from another port afterwards, and goes on with the same connection.
    enable(true);
    saying.await;
    enable(false);
    say(&connection, "hello").await.unwrap_err();
    assert_eq!(connection.close_reason(), Some(ConnectionError::TimedOut));
}

#[tokio::test]
async fn what_acts_on_connections_of_tcp_is_refused_on_a_link_of_quic() {
    let rig = Rig::new(Vec::new());
    for kind in [ToxicKind::ResetPeer(ResetPeer::default()), ToxicKind::SlowClose(SlowClose::default())] {
        let error = rig.links.add_toxic("link", ToxicSpec::new(kind, Direction::Downstream)).unwrap_err().to_string();
        assert!(error.contains("does not act on udp links"), "{error}");
    }
}
