//! What is asked of a load: where it goes, how much of it, and what each request is.

mod duration;
mod header;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{HttpUrl, Seconds};

pub use duration::{LoadDuration, LoadDurationError};
pub use header::{HeaderName, HeaderNameError, HeaderValue, HeaderValueError, HttpMethod, HttpMethodError};

/// Where load goes, how much of it, and what each request is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct LoadRequest {
    /// The URL that every request goes to.
    pub service_url: HttpUrl,
    /// Requests per second, over all connections; default 100.
    #[serde(default = "default_qps")]
    pub qps: NonZeroU32,
    /// How long, such as `30s`; without it 30s, or what a model chooses within the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<LoadDuration>,
    /// How long at the beginning is not measured, of the duration: the result has the requests after it apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<LoadDuration>,
    /// Connections at the most; without it 4, or fewer where the policy allows fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<NonZeroU32>,
    /// The method of every request; without it `GET`, or `POST` with a body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    pub method: Option<HttpMethod>,
    /// Headers of every request, beside those that the client sets by itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("x-author-only" = true))]
    pub headers: BTreeMap<HeaderName, HeaderValue>,
    /// The body of every request; each `{uuid}` in it is replaced by a fresh one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    pub body: Option<String>,
    /// The longest time for one request, connecting included; default 3.
    #[serde(default = "default_timeout")]
    #[schemars(extend("x-author-only" = true))]
    pub timeout_seconds: Seconds,
    /// Trusted CAs and client certificate for an `https` URL; without it the system's CAs and no certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    pub tls: Option<LoadTls>,
    /// Gives each request a W3C `traceparent` header with ids of its own, so that the slowest and the first failed ones can
    /// be looked up in the target's traces; the report names them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("x-author-only" = true))]
    pub trace_context: bool,
}

impl LoadRequest {
    /// A request with the defaults of a document that says nothing but the URL.
    pub fn to(service_url: HttpUrl) -> Self {
        Self {
            service_url,
            qps: default_qps(),
            duration: None,
            warmup: None,
            concurrency: None,
            method: None,
            headers: BTreeMap::new(),
            body: None,
            timeout_seconds: default_timeout(),
            tls: None,
            trace_context: false,
        }
    }

    /// The same request as it may stand in a report: without its body, and without the values of its headers.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let headers = self.headers.keys().map(|name| (name.clone(), HeaderValue::redacted())).collect();
        Self { headers, body: None, ..self.clone() }
    }
}

/// fortio's own default is 8; a load that is to be felt needs more.
fn default_qps() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(99)
}

/// As in fortio.
fn default_timeout() -> Seconds {
    Seconds::from(3)
}

/// Certificates for an `https` URL. Files are PEM; a relative path counts from the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct LoadTls {
    /// The CA to trust, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Trusts every certificate.
    #[serde(default)]
    pub insecure: bool,
    /// The client's own certificate, for a server that asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// The key of `cert_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
}

/// Settings of TLS that contradict each other or their URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadTlsError {
    /// They stand beside a URL without TLS.
    #[error("`tls` does not fit `{0}`; remove it, or give an `https://` URL")]
    PlainUrl(HttpUrl),
    /// A CA is given, and every certificate is trusted.
    #[error("`insecure` trusts every certificate, so `ca_file` would have no effect; give one of them")]
    InsecureCa,
    /// A certificate without its key, or a key without its certificate.
    #[error("a client certificate needs both `cert_file` and `key_file`")]
    HalfIdentity,
}

impl LoadTls {
    /// Checks that they fit together, and the URL.
    ///
    /// # Errors
    /// What contradicts, with what would be right.
    pub fn check(&self, url: &HttpUrl) -> Result<(), LoadTlsError> {
        if !url.is_tls() {
            return Err(LoadTlsError::PlainUrl(url.clone()));
        }
        if self.insecure && self.ca_file.is_some() {
            return Err(LoadTlsError::InsecureCa);
        }
        if self.cert_file.is_some() != self.key_file.is_some() {
            return Err(LoadTlsError::HalfIdentity);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_redacted_request_holds_no_payload_and_no_header_value() {
        let request: LoadRequest = crate::parse(&json!({
            "service_url": "http://h/", "headers": {"Authorization": "Bearer x"}, "body": "secret"
        }))
        .unwrap();
        assert_eq!(request.headers[&"authorization".parse().unwrap()].expose(), "Bearer x");
        let json = serde_json::to_value(request.redacted()).unwrap();
        assert_eq!(json["headers"], json!({"Authorization": "***"}));
        assert!(json.get("body").is_none());
        assert_eq!(crate::parse::<LoadRequest>(&json).unwrap(), request.redacted());
    }

    #[test]
    fn methods_and_headers_that_change_the_framing_are_refused() {
        let rows = [
            (json!({"method": "get it"}), "/method"),
            (json!({"method": ""}), "/method"),
            (json!({"headers": {"a b": "x"}}), "/headers"),
            (json!({"headers": {"Content-Length": "3"}}), "/headers"),
            (json!({"headers": {"transfer-encoding": "chunked"}}), "/headers"),
            (json!({"headers": {"X": "a\r\nEvil: b"}}), "/headers/X"),
            (json!({"timeout_seconds": 0}), "/timeout_seconds"),
        ];
        for (part, pointer) in rows {
            let mut request = json!({"service_url": "http://h/"});
            request.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
            let error = crate::parse::<LoadRequest>(&request).unwrap_err();
            assert!(error.pointer.starts_with(pointer), "{part}: {error}");
        }
    }
}
