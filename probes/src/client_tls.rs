//! Trusted CAs and client certificate of a probe, as its author names them.

use std::path::PathBuf;

use chaos_core::{LoadTls, RunContext};
use chaos_tls::{ClientTls, Trust};

/// The settings for a server that speaks TLS, with files counted from the workspace; no protocol is named yet.
pub(crate) fn client_tls(tls: &LoadTls, cx: &RunContext) -> ClientTls {
    let path = |file: &PathBuf| cx.workspace().join(file);
    let trust = match &tls.ca_file {
        _ if tls.insecure => Trust::Everybody,
        Some(file) => Trust::File(path(file)),
        None => Trust::System,
    };
    let identity = tls.cert_file.as_ref().map(path).zip(tls.key_file.as_ref().map(path));
    ClientTls { trust, identity, protocols: Vec::new() }
}
