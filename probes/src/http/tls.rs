//! TLS of the probe's client: trusted CAs and the client certificate.

use std::path::{Path, PathBuf};

use chaos_core::{HttpUrl, LoadTls};
use chaos_tls::{ClientTls, Trust};

/// The TLS settings for one URL; files count from the workspace.
pub(super) fn settings(url: &HttpUrl, tls: Option<&LoadTls>, workspace: &Path) -> ClientTls {
    let plain = ClientTls::http1(url.is_tls());
    let Some(tls) = tls.filter(|_| url.is_tls()) else { return plain };
    let file = |file: &PathBuf| workspace.join(file);
    let trust = match &tls.ca_file {
        Some(ca) => Trust::File(file(ca)),
        None if tls.insecure => Trust::Everybody,
        None => plain.trust,
    };
    let identity = tls.cert_file.as_ref().zip(tls.key_file.as_ref()).map(|(cert, key)| (file(cert), file(key)));
    ClientTls { trust, identity, ..plain }
}
