//! A server whose own certificate was named as trusted.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// Trusts the chains to some authorities, and a server whose own certificate is among them.
///
/// The usual self-signed certificate (`openssl req -x509`) is marked as that of an authority, and may have no name but
/// the old one (`CN`), for which the library refuses it as a server's. Who names exactly this certificate means the
/// server that holds its key.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) chains: Arc<WebPkiServerVerifier>,
    pub(crate) named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let error = match self.chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(error) if self.named.iter().any(|named| named.as_ref() == end_entity.as_ref()) => error,
            result => return result,
        };
        match error {
            // Its form (the dates were checked before): only the name is left to check.
            Error::InvalidCertificate(CertificateError::Other(_)) => {}
            error if is_nameless(&error) => return Ok(ServerCertVerified::assertion()),
            error => return Err(error),
        }
        let Ok(parsed) = ParsedCertificate::try_from(end_entity) else {
            // Version 1 of X.509 has no names to check.
            return Ok(ServerCertVerified::assertion());
        };
        match verify_server_name(&parsed, server_name) {
            Err(error) if !is_nameless(&error) => Err(error),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

/// Whether a certificate was refused only since it names no host at all.
fn is_nameless(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) = error else {
        return false;
    };
    presented.is_empty()
}
