//! TLS, with certificates of an authority of the tests' own: `shop.pem` is for `shop.internal`, `expired.pem` is the same one of 2020,
//! and `guest.pem` is a client's.

use serde_json::Value;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use super::*;

fn file(name: &str) -> String {
    format!("{}/../tls/tests/certs/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn pem(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap()
}

/// The official server with TLS; it asks for a client's certificate where `guests` is.
fn secure(certificate: &str, guests: bool) -> SocketAddr {
    let mut tls = ServerTlsConfig::new().identity(Identity::from_pem(pem(certificate), pem("shop.key")));
    if guests {
        tls = tls.client_ca_root(Certificate::from_pem(pem("ca.pem")));
    }
    started(
        Server::builder().tls_config(tls).unwrap(),
        &[("a.Up", ServingStatus::Serving), ("a.Down", ServingStatus::NotServing)],
    )
}

async fn asked(address: &str, parameters: &Value) -> Observation {
    let mut value = json!({"type": "grpc_health", "address": address, "service": "a.Up", "timeout_seconds": 60});
    value.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
    parse::<ProbeNode>(&value).unwrap().observe(&plain()).await
}

#[tokio::test]
async fn a_server_that_is_trusted_is_asked_and_another_is_unknown() {
    let at = secure("shop.pem", false).to_string();
    let (ca, name) = (file("ca.pem"), "shop.internal");
    let rows = [
        (json!({"tls": {"ca_file": ca}, "server_name": name}), Answer::Yes, "`a.Up` at"),
        (json!({"tls": {"ca_file": ca}, "server_name": name, "service": "a.Down"}), Answer::No, "is NOT_SERVING"),
        (json!({"tls": {"ca_file": ca}, "server_name": name, "service": "a.Other"}), Answer::No, "NOT_FOUND"),
        (json!({"tls": {"insecure": true}}), Answer::Yes, "is SERVING"),
        (
            json!({"tls": {"ca_file": ca}}),
            Answer::Unknown,
            "no TLS: the server's certificate is for `shop.internal`, not for `127.0.0.1`",
        ),
        (json!({"tls": {"ca_file": ca}, "server_name": "cafe.internal"}), Answer::Unknown, "not for `cafe.internal`"),
        (
            json!({"tls": {"ca_file": file("other.pem")}, "server_name": name}),
            Answer::Unknown,
            "comes from an authority that is not trusted",
        ),
        (json!({"tls": {}, "server_name": name}), Answer::Unknown, "no TLS: "),
        (json!({"tls": {"ca_file": "absent.pem"}}), Answer::Unknown, "absent.pem`: No such file"),
        (json!({}), Answer::No, "no HTTP/2"),
    ];
    for (parameters, answer, detail) in rows {
        let seen = asked(&at, &parameters).await;
        assert_eq!(seen.answer, answer, "{parameters}: {}", seen.detail);
        assert!(seen.detail.contains(detail), "{parameters}: {}", seen.detail);
    }
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_unknown() {
    let at = secure("expired.pem", false).to_string();
    let seen = asked(&at, &json!({"tls": {"ca_file": file("ca.pem")}, "server_name": "shop.internal"})).await;
    let detail = format!("`a.Up` at {at}: no TLS: the server's certificate has expired");
    assert_eq!((seen.answer, seen.detail), (Answer::Unknown, detail));
}

#[tokio::test]
async fn a_server_without_tls_is_a_no() {
    let at = official(&[("a.Up", ServingStatus::Serving)]).to_string();
    let seen = asked(&at, &json!({"tls": {"insecure": true}})).await;
    assert!(seen.answer == Answer::No && seen.detail.contains("no TLS: "), "{seen:?}");
    // One that ends the connection in the handshake.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let closing = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let seen = asked(&at, &json!({"tls": {"insecure": true}})).await;
    closing.join().unwrap();
    assert_eq!(seen.answer, Answer::No, "{seen:?}");
}

/// What each client meets at a server that wants a certificate of the tests' authority.
async fn meets_a_server_that_asks_for_certificates(at: &str) {
    let with = |certificate: &str, key: &str| {
        let tls = json!({"ca_file": file("ca.pem"), "cert_file": file(certificate), "key_file": file(key)});
        json!({"tls": tls, "server_name": "shop.internal"})
    };
    let seen = asked(at, &with("guest.pem", "guest.key")).await;
    assert_eq!((seen.answer, seen.detail), (Answer::Yes, format!("`a.Up` at {at} is SERVING")));
    let unaccepted =
        [with("other.pem", "other.key"), json!({"tls": {"ca_file": file("ca.pem")}, "server_name": "shop.internal"})];
    for parameters in unaccepted {
        let seen = asked(at, &parameters).await;
        assert_eq!(seen.answer, Answer::Unknown, "{parameters}: {}", seen.detail);
        assert!(seen.detail.contains("asked for a client certificate"), "{parameters}: {}", seen.detail);
    }
}

#[tokio::test]
async fn a_server_that_refuses_our_certificate_is_unknown() {
    meets_a_server_that_asks_for_certificates(&secure("shop.pem", true).to_string()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_server_with_tls_is_understood_too() {
    let Some((_server, at, mut set)) = python(&[file("shop.key"), file("shop.pem"), file("ca.pem")]) else { return };
    set("a.Up SERVING");
    meets_a_server_that_asks_for_certificates(&at.to_string()).await;
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let rows = [
        (json!({"server_name": "shop.internal"}), "add `tls: {}`"),
        (json!({"server_name": "a b", "tls": {}}), "invalid server name `a b`"),
        (json!({"tls": {"insecure": true, "ca_file": "a"}}), "give one of them"),
        (json!({"tls": {"cert_file": "a"}}), "both `cert_file` and `key_file`"),
        (json!({"tls": {"colour": 1}}), "unknown field `colour`"),
    ];
    for (parameters, message) in rows {
        let mut value = json!({"type": "grpc_health", "address": "h:1"});
        value.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        let error = parse::<ProbeNode>(&value).unwrap_err();
        assert!(error.message.contains(message), "{value}: {error}");
    }
}

#[tokio::test]
async fn an_embedder_who_contradicts_himself_is_refused_before_anything_is_asked() {
    let name = Some("shop.internal".parse().unwrap());
    let probe = GrpcHealth { server_name: name, ..probe("127.0.0.1:9".parse().unwrap(), "") };
    let error = Probe::reach(&probe).unwrap_err().to_string();
    assert!(error.contains("add `tls: {}`"), "{error}");
    let named = |name: &str| json!({"type": "grpc_health", "address": "h:1", "server_name": name, "tls": {}});
    let refused = parse::<ProbeNode>(&named("shop.internal:1")).unwrap().reach().unwrap_err().to_string();
    assert!(refused.contains("invalid server name `shop.internal:1`"), "{refused}");
    parse::<ProbeNode>(&named("shop.internal")).unwrap().reach().unwrap();
}
