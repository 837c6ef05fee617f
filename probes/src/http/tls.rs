//! TLS of the probe's client.

use std::sync::Arc;

use chaos_core::HttpUrl;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

/// The TLS settings for one URL, trusting what the system trusts.
///
/// The provider is named here: the process default belongs to the program that embeds us, and may be another one.
pub(super) fn config(url: &HttpUrl) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    // Reading the system's certificates takes milliseconds, which a plain URL need not wait for.
    let builder = if url.is_tls() {
        builder.with_platform_verifier()?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
