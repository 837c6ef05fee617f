//! TLS of the probe's client: trusted CAs and the client certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chaos_core::{HttpUrl, LoadTls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
    #[error("`{}`: {why}", .path.display())]
    File { path: PathBuf, why: String },
}

/// The TLS settings for one URL, trusting what the system trusts where nothing else is named.
///
/// The provider is named here: the process default belongs to the program that embeds us, and may be another one.
pub(super) fn config(url: &HttpUrl, tls: Option<&LoadTls>, workspace: &Path) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let named = tls.and_then(|tls| tls.ca_file.as_ref());
    // Reading the system's certificates takes milliseconds, which a plain URL need not wait for.
    let builder = match named {
        _ if !url.is_tls() => builder.with_root_certificates(RootCertStore::empty()),
        Some(file) => {
            let verifier = Named::of(&workspace.join(file), &provider)?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
        None if tls.is_some_and(|tls| tls.insecure) => {
            let verifier = Named { named: Vec::new(), inner: None, provider };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
        None => builder.with_platform_verifier()?,
    };
    let own = tls.and_then(|tls| Some((tls.cert_file.as_ref()?, tls.key_file.as_ref()?)));
    let mut config = match own.filter(|_| url.is_tls()) {
        Some((cert, key)) => {
            builder.with_client_auth_cert(certificates(&workspace.join(cert))?, key_of(&workspace.join(key))?)?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn wrong(path: &Path, why: impl ToString) -> TlsError {
    TlsError::File { path: path.to_owned(), why: why.to_string() }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = std::fs::read(path).map_err(|error| wrong(path, error))?;
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|error| wrong(path, error))?;
    if found.is_empty() { Err(wrong(path, "it holds no PEM certificate")) } else { Ok(found) }
}

fn key_of(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = std::fs::read(path).map_err(|error| wrong(path, error))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| wrong(path, error))
}

/// Trusts the named CAs, and the named certificates themselves: a self-signed server certificate is usually its own CA
/// (`CA:TRUE`), which path building alone refuses as an end entity. Without any, trusts every certificate.
#[derive(Debug)]
struct Named {
    named: Vec<CertificateDer<'static>>,
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Named {
    fn of(path: &Path, provider: &Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let named = certificates(path)?;
        let mut roots = RootCertStore::empty();
        let (taken, _) = roots.add_parsable_certificates(named.iter().cloned());
        if taken == 0 {
            return Err(wrong(path, "none of its certificates can be trusted"));
        }
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
        let inner = inner.map_err(|error| wrong(path, error))?;
        Ok(Self { named, inner: Some(inner), provider: Arc::clone(provider) })
    }
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        server: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(server, between, name, ocsp, now) {
            // Its dates were checked before this; its name is checked here.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_) | CertificateError::UnknownIssuer))
                if self.named.iter().any(|named| named == server) =>
            {
                verify_server_name(&ParsedCertificate::try_from(server)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
