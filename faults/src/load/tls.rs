//! Whom a load trusts, and as whom it comes.

use std::path::{Path, PathBuf};

use chaos_core::{LoadRequest, LoadTls, PluginError};
use chaos_load::Transport;

/// Says it to the load engine.
pub(super) fn apply(tls: &LoadTls, transport: &mut Transport, workspace: &Path) {
    let path = |file: &Option<PathBuf>| file.as_ref().map(|file| workspace.join(file));
    transport.ca_cert = path(&tls.ca_file);
    transport.insecure = tls.insecure;
    transport.cert = path(&tls.cert_file);
    transport.key = path(&tls.key_file);
}

/// Refuses what contradicts itself, and what this build can't do.
pub(super) fn check(target: &LoadRequest) -> Result<(), PluginError> {
    let url = &target.service_url;
    if url.is_tls() && !cfg!(feature = "https") {
        return Err(PluginError::refused(format!("`{url}` needs a build with the feature `https`")));
    }
    let checked = target.tls.as_ref().map_or(Ok(()), |tls| tls.check(url));
    checked.map_err(|error| PluginError::refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(url: &str, tls: &Value) -> Result<(), String> {
        let target = json!({"service_url": url, "tls": tls});
        check(&chaos_core::parse(&target).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn certificates_for_plain_http_are_refused() {
        let error = checked("http://h/", &json!({"insecure": true})).unwrap_err();
        assert!(error.ends_with("remove it, or give an `https://` URL"), "{error}");
    }

    #[cfg(feature = "https")]
    #[test]
    fn contradictions_are_refused_with_what_would_be_right() {
        let rows = [
            (json!({"insecure": true, "ca_file": "ca.pem"}), "give one of them"),
            (json!({"cert_file": "c.pem"}), "needs both `cert_file` and `key_file`"),
            (json!({"key_file": "k.pem"}), "needs both `cert_file` and `key_file`"),
        ];
        for (tls, right) in rows {
            let error = checked("https://h/", &tls).unwrap_err();
            assert!(error.ends_with(right), "{error}");
        }
        for tls in [json!({}), json!({"ca_file": "ca.pem", "cert_file": "c.pem", "key_file": "k.pem"})] {
            assert_eq!(checked("https://h/", &tls), Ok(()), "{tls}");
        }
    }

    #[cfg(not(feature = "https"))]
    #[test]
    fn a_build_without_tls_names_the_feature() {
        let error = checked("https://h/", &json!({})).unwrap_err();
        assert!(error.ends_with("needs a build with the feature `https`"), "{error}");
    }
}
