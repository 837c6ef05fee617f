//! TLS to the model's server.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use super::config::OpenAiConfig;

/// The TLS settings of the HTTP client, trusting what the system trusts.
///
/// The provider is named here: the process default belongs to the program that embeds us, and may be another one.
pub(super) fn config(server: &OpenAiConfig) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    // A local server without TLS must work where the system has no certificates.
    let builder = if server.may_use_tls() {
        builder.with_platform_verifier()?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
