//! TLS: certificates for clients from a CA of the link's own, and the check of the server's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chaos_core::HttpCertificate;
use chaos_tls::rustls::crypto::{CryptoProvider, ring};
use chaos_tls::rustls::pki_types::{PrivateKeyDer, ServerName};
use chaos_tls::rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use chaos_tls::rustls::sign::{CertifiedKey, SigningKey};
use chaos_tls::rustls::{ClientConfig, ServerConfig};
use chaos_tls::{ClientTls, Trust};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};

use crate::error::LinkError;
use crate::http::body::Cause;
use crate::http::io::ServerIo;
use crate::link_tls::LinkTls;
use crate::protocol::Protocol;

/// The name in a certificate that is for another one.
const WRONG_NAME: &str = "another-name.invalid";

/// Certificates that are kept; clients may ask for any name.
const KEPT: usize = 256;

const DAY: Duration = Duration::from_hours(24);

/// How long a certificate is valid; clients refuse more than 398 days.
const VALID: Duration = Duration::from_hours(24 * 90);

/// What is wrong with a certificate, if anything, and the name that it is for.
type Wanted = (Option<HttpCertificate>, String);

/// The TLS of an HTTP link on its two sides.
#[derive(Debug)]
pub(crate) struct Sides {
    pub(super) clients: Option<ClientSide>,
    server: Option<ServerSide>,
}

impl Sides {
    /// The TLS of a link; `None` where it forwards something else than HTTP.
    ///
    /// # Errors
    /// [`LinkError::Tls`] when a file can't be read or written, or the library refuses.
    pub(crate) fn of(protocol: Protocol, tls: &LinkTls, link: &str) -> Result<Option<Self>, LinkError> {
        if protocol != Protocol::Http {
            return Ok(None);
        }
        Ok(Some(Self { clients: ClientSide::of(tls, link)?, server: ServerSide::of(tls)? }))
    }

    /// The certificate of the link's own CA, as PEM.
    pub(crate) fn ca(&self) -> Option<Arc<str>> {
        self.clients.as_ref().map(|clients| clients.pem.clone())
    }

    /// Whether the server is spoken to over TLS.
    pub(super) fn has_server(&self) -> bool {
        self.server.is_some()
    }

    /// Shakes hands with the server of a `host:port`.
    pub(super) async fn secured(
        &self,
        socket: ServerIo,
        upstream: &str,
        protocols: &[Vec<u8>],
    ) -> std::io::Result<tokio_rustls::client::TlsStream<ServerIo>> {
        let server = self.server.as_ref().ok_or(std::io::ErrorKind::Unsupported)?;
        server.secured(socket, upstream, protocols).await
    }
}

/// The certificates that clients see.
pub(super) struct ClientSide {
    ca: Issuer<'static, KeyPair>,
    pem: Arc<str>,
    /// A CA that nobody knows.
    unknown_ca: Issuer<'static, KeyPair>,
    /// The key of all certificates but those of the CAs.
    key: KeyPair,
    signing: Arc<dyn SigningKey>,
    provider: Arc<CryptoProvider>,
    kept: Mutex<HashMap<Wanted, Arc<CertifiedKey>>>,
}

impl std::fmt::Debug for ClientSide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientSide").finish_non_exhaustive()
    }
}

fn failed(error: impl Into<Cause>) -> LinkError {
    LinkError::Tls(error.into())
}

/// A CA of a name, and its certificate as PEM.
fn authority(name: &str) -> Result<(Issuer<'static, KeyPair>, String), rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    params.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + VALID).into();
    let key = KeyPair::generate()?;
    let pem = params.self_signed(&key)?.pem();
    Ok((Issuer::new(params, key), pem))
}

impl ClientSide {
    /// Makes a CA, and writes its certificate where that is asked for.
    fn of(tls: &LinkTls, link: &str) -> Result<Option<Self>, LinkError> {
        if !tls.clients {
            return Ok(None);
        }
        let (ca, pem) = authority(&format!("Squall link {link}")).map_err(failed)?;
        let (unknown_ca, _) = authority("Unknown CA").map_err(failed)?;
        if let Some(path) = &tls.ca_out {
            std::fs::write(path, &pem).map_err(|error| failed(format!("write `{}`: {error}", path.display())))?;
        }
        let key = KeyPair::generate().map_err(failed)?;
        let der = PrivateKeyDer::try_from(key.serialize_der()).map_err(failed)?;
        let signing = ring::sign::any_ecdsa_type(&der).map_err(failed)?;
        let provider = Arc::new(ring::default_provider());
        Ok(Some(Self { ca, pem: pem.into(), unknown_ca, key, signing, provider, kept: Mutex::default() }))
    }

    /// The settings of a handshake for a name, or for the address that the client has connected to.
    pub(super) fn config(
        &self,
        name: Option<&str>,
        address: IpAddr,
        bad: Option<HttpCertificate>,
        protocols: Vec<Vec<u8>>,
    ) -> Result<Arc<ServerConfig>, Cause> {
        let name = name.map_or_else(|| address.to_canonical().to_string(), str::to_ascii_lowercase);
        let certified = self.certified((bad, name))?;
        let builder =
            ServerConfig::builder_with_provider(self.provider.clone()).with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(Only(certified)));
        config.alpn_protocols = protocols;
        // A session that is resumed shows no certificate, and so not the bad one either.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    fn certified(&self, wanted: Wanted) -> Result<Arc<CertifiedKey>, Cause> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(certified) = kept.get(&wanted) {
            return Ok(certified.clone());
        }
        let certified = Arc::new(self.make(&wanted)?);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(wanted, certified.clone());
        Ok(certified)
    }

    fn make(&self, (bad, name): &Wanted) -> Result<CertifiedKey, Cause> {
        let shown = if *bad == Some(HttpCertificate::WrongName) { WRONG_NAME } else { name };
        let mut params = CertificateParams::new(Vec::new())?;
        params.subject_alt_names = vec![match shown.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(shown.try_into()?),
        }];
        params.distinguished_name.push(DnType::CommonName, shown);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let now = SystemTime::now();
        let is_expired = *bad == Some(HttpCertificate::Expired);
        let (from, until) = if is_expired { (now - 30 * DAY, now - DAY) } else { (now - DAY / 2, now + VALID - DAY) };
        (params.not_before, params.not_after) = (from.into(), until.into());
        let issuer = if *bad == Some(HttpCertificate::Untrusted) { &self.unknown_ca } else { &self.ca };
        let certificate = params.signed_by(&self.key, issuer)?;
        Ok(CertifiedKey::new(vec![certificate.der().clone()], self.signing.clone()))
    }
}

/// The one certificate of a handshake.
#[derive(Debug)]
struct Only(Arc<CertifiedKey>);

impl ResolvesServerCert for Only {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// How the server's certificate is checked.
#[derive(Debug)]
struct ServerSide(ClientConfig);

impl ServerSide {
    fn of(tls: &LinkTls) -> Result<Option<Self>, LinkError> {
        if !tls.server {
            return Ok(None);
        }
        let trust = tls.ca_file.clone().map_or(Trust::System, Trust::File);
        let config = ClientTls { trust, ..ClientTls::default() }.config().map_err(failed)?;
        Ok(Some(Self(config)))
    }

    async fn secured(
        &self,
        socket: ServerIo,
        upstream: &str,
        protocols: &[Vec<u8>],
    ) -> std::io::Result<tokio_rustls::client::TlsStream<ServerIo>> {
        let host = upstream.rsplit_once(':').map_or(upstream, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(std::io::Error::other)?;
        let mut config = self.0.clone();
        config.alpn_protocols = protocols.to_vec();
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await
    }
}
