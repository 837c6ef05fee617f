//! What a document may say of the probe, with the contradictions that need no world to be known.

use std::collections::BTreeMap;

use chaos_core::{HeaderName, HeaderValue, HttpUrl, LoadTls, Seconds};
use serde::{Deserialize, Deserializer};

use super::{BodyPattern, Http, JsonExpectation, Method, StatusSet};
use crate::asking::five_seconds;

/// Parameters that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpProbeError {
    /// An answer without a body is held against a body.
    #[error("an answer to `HEAD` has no body for `expect_body` or `expect_json`; use `method: GET`")]
    NoBody,
    /// A body for a method that has none.
    #[error("`body` goes with `method: POST`; set it, or remove the body")]
    BodyWithoutPost,
    /// TLS for a plain URL.
    #[error("`tls` does not fit `{0}`; remove it, or give an `https://` URL")]
    PlainUrl(HttpUrl),
    /// Two ways to trust.
    #[error("`insecure` trusts every certificate, so `ca_file` would count for nothing; give one of them")]
    TrustsAll,
    /// Half of a client certificate.
    #[error("a client certificate needs both `cert_file` and `key_file`")]
    HalfCertificate,
}

/// The fields of [`Http`] as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: HttpUrl,
    #[serde(default)]
    method: Method,
    #[serde(default)]
    headers: BTreeMap<HeaderName, HeaderValue>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    tls: Option<LoadTls>,
    #[serde(default = "StatusSet::success")]
    expect_status: StatusSet,
    #[serde(default)]
    expect_body: Option<BodyPattern>,
    #[serde(default)]
    expect_json: Option<JsonExpectation>,
    #[serde(default = "five_seconds")]
    timeout_seconds: Seconds,
}

impl Written {
    fn check(&self) -> Result<(), HttpProbeError> {
        if self.method == Method::Head && (self.expect_body.is_some() || self.expect_json.is_some()) {
            return Err(HttpProbeError::NoBody);
        }
        if self.body.is_some() && self.method != Method::Post {
            return Err(HttpProbeError::BodyWithoutPost);
        }
        match &self.tls {
            Some(_) if !self.url.is_tls() => Err(HttpProbeError::PlainUrl(self.url.clone())),
            Some(tls) if tls.insecure && tls.ca_file.is_some() => Err(HttpProbeError::TrustsAll),
            Some(tls) if tls.cert_file.is_some() != tls.key_file.is_some() => Err(HttpProbeError::HalfCertificate),
            _ => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for Http {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        written.check().map_err(serde::de::Error::custom)?;
        let Written { url, method, headers, body, tls, expect_status, expect_body, expect_json, timeout_seconds } =
            written;
        Ok(Self { url, method, headers, body, tls, expect_status, expect_body, expect_json, timeout_seconds })
    }
}
