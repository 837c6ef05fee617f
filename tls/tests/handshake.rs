//! Handshakes in memory with self-signed certificates, as people make them.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::path::PathBuf;
use std::sync::Arc;

use chaos_tls::rustls::crypto::ring;
use chaos_tls::rustls::pki_types::pem::PemObject;
use chaos_tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use chaos_tls::rustls::{ClientConnection, Error, ServerConfig, ServerConnection};
use chaos_tls::{ClientTls, Trust, in_words};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/certs").join(name)
}

/// Shakes hands with a server that has the certificate, and gives the client's complaint in words.
fn shake(certificate: &str, trust: Trust, host: &str) -> Result<(), String> {
    let certs = vec![CertificateDer::from_pem_file(file(&format!("{certificate}.pem"))).unwrap()];
    let key = PrivateKeyDer::from_pem_file(file(&format!("{certificate}.key"))).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    // Resolved without a check: the library itself would refuse some of these certificates.
    let key = ring::default_provider().key_provider.load_private_key(key).unwrap();
    let certified = chaos_tls::rustls::sign::CertifiedKey::new(certs, key);
    let config = builder.with_cert_resolver(Arc::new(chaos_tls::rustls::sign::SingleCertAndKey::from(certified)));
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    let client = ClientTls { trust, ..ClientTls::default() }.config().unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let step = |error: Error| in_words(&std::io::Error::new(std::io::ErrorKind::InvalidData, error));
    while client.is_handshaking() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut bytes = Vec::new();
        server.write_tls(&mut bytes).unwrap();
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets().map_err(step)?;
    }
    Ok(())
}

#[test]
fn the_certificate_that_was_named_is_accepted_and_no_other() {
    let named = |name: &str| Trust::File(file(name));
    // As `openssl req -x509` makes it, with and without names.
    assert_eq!(shake("self", named("self.pem"), "localhost"), Ok(()));
    assert_eq!(shake("self", named("self.pem"), "127.0.0.1"), Ok(()));
    assert_eq!(shake("nameless", named("nameless.pem"), "localhost"), Ok(()));
    assert_eq!(shake("self", Trust::Everybody, "elsewhere"), Ok(()));
    let rows = [
        ("self", named("self.pem"), "elsewhere", "is for `localhost`"),
        ("self", named("other.pem"), "localhost", "is self-signed and not among the trusted ones"),
        ("nameless", named("other.pem"), "localhost", "is self-signed and not among the trusted ones"),
        ("other", named("other.pem"), "localhost", "not for `localhost`"),
    ];
    for (certificate, trust, host, words) in rows {
        let complaint = shake(certificate, trust, host).unwrap_err();
        assert!(complaint.contains(words), "{certificate} at {host}: {complaint}");
        assert!(!complaint.contains("CaUsedAsEndEntity"), "{complaint}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_what_is_wrong() {
    for (name, words) in [("absent.pem", "No such file"), ("self.key", "it holds no PEM certificate")] {
        let tls = ClientTls { trust: Trust::File(file(name)), ..ClientTls::default() };
        let error = tls.config().unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(words), "{error}");
    }
}
