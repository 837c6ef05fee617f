//! TLS with clients and with the server, and certificates that clients refuse.

use std::sync::Arc;

use chaos_links::{LinkTls, Links};
use chaos_tls::rustls::pki_types::{PrivateKeyDer, ServerName};
use chaos_tls::rustls::{CertificateError, ClientConfig, Error, ServerConfig};
use chaos_tls::{ClientTls, Trust};
use hyper::Version;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{Client, Rig, link_to, run};
use crate::server::Server;

struct Ca(tempfile::TempDir);

impl Ca {
    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("ca.pem")
    }

    fn trusted(&self, protocols: &[&str]) -> ClientConfig {
        let protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        ClientTls { trust: Trust::File(self.file()), protocols, ..ClientTls::default() }.config().unwrap()
    }
}

/// Whether a certificate was refused for the right reason.
type Reason = fn(&CertificateError) -> bool;

/// A link that speaks TLS with clients, before a server that does or does not.
fn rig(server: Option<(TlsAcceptor, &Ca)>) -> (Rig, Ca) {
    let ca = Ca(tempfile::tempdir().unwrap());
    let tls = LinkTls {
        clients: true,
        server: server.is_some(),
        ca_file: server.as_ref().map(|(_, ca)| ca.file()),
        ca_out: Some(ca.file()),
    };
    let server = Server::with_tls(server.map(|(acceptor, _)| acceptor));
    let upstream = server.address;
    (Rig::to(server, upstream, tls), ca)
}

/// The TLS of a server for 127.0.0.1, and the CA that its certificate comes from.
fn of_server(protocols: &[&str]) -> (TlsAcceptor, Ca) {
    let ca = Ca(tempfile::tempdir().unwrap());
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    std::fs::write(ca.file(), params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = rcgen::Issuer::new(params, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(chaos_tls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), ca)
}

async fn connected(rig: &Rig, name: &str, config: ClientConfig) -> std::io::Result<(Client, Option<Vec<u8>>)> {
    let stream = TcpStream::connect(rig.address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let picked = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    let version = if picked.as_deref() == Some(b"h2") { Version::HTTP_2 } else { Version::HTTP_11 };
    Ok((Client::over(stream, version).await.map_err(std::io::Error::other)?, picked))
}

#[test]
fn clients_that_trust_the_links_ca_see_a_certificate_for_the_name_they_ask_for() {
    run(async {
        let (rig, ca) = rig(None);
        assert_eq!(rig.view().ca.as_deref(), std::fs::read_to_string(ca.file()).ok().as_deref());
        for name in ["api.openai.test", "localhost", "127.0.0.1"] {
            let (mut client, picked) = connected(&rig, name, ca.trusted(&["h2", "http/1.1"])).await.unwrap();
            assert_eq!(picked.as_deref(), Some(&b"http/1.1"[..]), "the server does not say that it speaks HTTP/2");
            assert_eq!(client.get("/hello").await.unwrap().text(), "hello world");
        }
        let (mut client, picked) = connected(&rig, "grpc.test", ca.trusted(&["h2"])).await.unwrap();
        assert_eq!(picked.as_deref(), Some(&b"h2"[..]));
        assert_eq!(client.get("/hello").await.unwrap().text(), "hello world");
        let (mut client, picked) = connected(&rig, "old.test", ca.trusted(&[])).await.unwrap();
        assert_eq!((picked, client.get("/hello").await.unwrap().text()), (None, "hello world"));
    });
}

#[test]
fn clients_that_do_not_trust_it_refuse() {
    run(async {
        let (rig, _ca) = rig(None);
        let (_, other) = of_server(&[]);
        let error = connected(&rig, "localhost", other.trusted(&[])).await.map(drop).unwrap_err();
        assert!(chaos_tls::in_words(&error).contains("authority that is not trusted"), "{error}");
    });
}

#[test]
fn the_server_picks_the_protocol_of_clients() {
    run(async {
        for (known, picked) in [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"], "http/1.1"), (&[], "http/1.1")] {
            let (acceptor, server_ca) = of_server(known);
            let (rig, ca) = rig(Some((acceptor, &server_ca)));
            let (mut client, alpn) = connected(&rig, "localhost", ca.trusted(&["h2", "http/1.1"])).await.unwrap();
            assert_eq!(alpn.as_deref(), Some(picked.as_bytes()), "{known:?}");
            assert_eq!(client.get("/hello").await.unwrap().text(), "hello world");
        }
    });
}

#[test]
fn clients_without_tls_reach_a_server_with_it() {
    run(async {
        for version in super::VERSIONS {
            let (acceptor, ca) = of_server(&["h2", "http/1.1"]);
            let server = Server::with_tls(Some(acceptor));
            let upstream = server.address;
            let tls = LinkTls { server: true, ca_file: Some(ca.file()), ..LinkTls::default() };
            let rig = Rig::to(server, upstream, tls);
            let mut client = Client::connect(rig.address, version).await;
            assert_eq!(client.get("/hello").await.unwrap().text(), "hello world");
            assert_eq!(rig.server.times("/hello"), 1);
        }
    });
}

#[test]
fn a_server_that_is_not_trusted_gets_no_request() {
    run(async {
        for version in super::VERSIONS {
            let (acceptor, _ca) = of_server(&["h2", "http/1.1"]);
            let (_, other) = of_server(&[]);
            let server = Server::with_tls(Some(acceptor));
            let upstream = server.address;
            let tls = LinkTls { server: true, ca_file: Some(other.file()), ..LinkTls::default() };
            let rig = Rig::to(server, upstream, tls);
            let mut client = Client::connect(rig.address, version).await;
            assert!(client.get("/hello").await.is_err());
            assert_eq!((rig.server.times("/hello"), rig.view().counts.refused), (0, 1));
        }
    });
}

#[test]
fn each_bad_certificate_is_refused_for_its_own_reason_and_gone_with_its_rule() {
    run(async {
        let (rig, ca) = rig(None);
        let kinds: [(&str, Reason); 3] = [
            ("expired", |error| matches!(error, CertificateError::Expired | CertificateError::ExpiredContext { .. })),
            ("wrong_name", |error| matches!(error, CertificateError::NotValidForNameContext { .. })),
            ("untrusted", |error| matches!(error, CertificateError::UnknownIssuer | CertificateError::BadSignature)),
        ];
        for (kind, is_reason) in kinds {
            for name in ["service.test", "127.0.0.1"] {
                rig.rule("r", json!({"effect": {"certificate": kind}}));
                let error = connected(&rig, name, ca.trusted(&["http/1.1"])).await.map(drop).unwrap_err();
                let cause = error.get_ref().unwrap().downcast_ref::<Error>().unwrap();
                assert!(matches!(cause, Error::InvalidCertificate(reason) if is_reason(reason)), "{kind} {cause:?}");
                assert_eq!((rig.met("r"), rig.server.seen.lock().unwrap().len()), (1, 0));
                rig.links.remove_toxic("link", "r").unwrap();
                let (mut client, _) = connected(&rig, name, ca.trusted(&["http/1.1"])).await.unwrap();
                assert_eq!(client.get("/hello").await.unwrap().status, 200);
                rig.server.seen.lock().unwrap().clear();
            }
        }
        rig.rule("r", json!({"match": {"host": "other.test"}, "effect": {"certificate": "expired"}}));
        assert!(connected(&rig, "service.test", ca.trusted(&[])).await.is_ok());
        assert!(connected(&rig, "other.test", ca.trusted(&[])).await.is_err());
    });
}

#[test]
fn a_cut_inside_tls_breaks_off_where_it_should() {
    run(async {
        let (rig, ca) = rig(None);
        rig.effect(&json!({"cut": {"after_bytes": 30_000}}));
        for protocol in ["http/1.1", "h2"] {
            let (mut client, _) = connected(&rig, "localhost", ca.trusted(&[protocol])).await.unwrap();
            let got = client.get("/medium").await.unwrap();
            assert_eq!((got.body.len(), got.broken.is_some()), (30_000, true), "{protocol}");
        }
    });
}

#[test]
fn settings_that_can_not_be_are_told() {
    let links = Links::start(1).unwrap();
    let with = |tls: LinkTls| link_to(&links, "127.0.0.1:1", tls).map(drop).unwrap_err().to_string();
    let missing = LinkTls { server: true, ca_file: Some("/nowhere/ca.pem".into()), ..LinkTls::default() };
    assert!(with(missing).starts_with("TLS of an HTTP link: `/nowhere/ca.pem`"));
    let nowhere = LinkTls { clients: true, ca_out: Some("/nowhere/ca.pem".into()), ..LinkTls::default() };
    assert!(with(nowhere).starts_with("TLS of an HTTP link: write `/nowhere/ca.pem`"));
    let tls = LinkTls { clients: true, ..LinkTls::default() };
    let spec = chaos_links::LinkSpec { tls, ..chaos_links::LinkSpec::new("tcp", "127.0.0.1:0", "127.0.0.1:1") };
    assert_eq!(links.create(&spec).unwrap_err().to_string(), "`tls` needs an HTTP link, this one forwards tcp");
}
