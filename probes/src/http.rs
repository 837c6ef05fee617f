//! The probe that asks a URL.

pub(crate) mod exchange;
mod json_expectation;
mod json_length;
mod json_pointer;
mod status_range;
mod status_set;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use chaos_core::{
    HeaderName, HeaderValue, HttpMethod, HttpUrl, LoadTls, Observation, PluginError, Probe, Reach, RunContext, Seconds,
    register_probe,
};
use reqwest::Response;
use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

pub use json_expectation::{JsonExpectation, JsonExpectationError};
pub use json_length::{LengthExpectation, LengthExpectationError};
pub use json_pointer::{JsonPointer, JsonPointerError};
pub use status_range::{StatusRange, StatusRangeError};
pub use status_set::StatusSet;

use crate::BodyPattern;
use crate::asking::{Cut, ask, five_seconds};

/// How many redirects are followed, as many as curl's and reqwest's users rarely need.
const MAX_REDIRECTS: usize = 5;

/// Asks a URL, and checks the status and, if wanted, the body.
///
/// # Answers
/// Yes when the status is in `expect_status`, the body has `expect_body` somewhere, and each comparison of `expect_json`
/// holds. No when one of them does not, the connection is refused or broken off, the certificate is not trusted, or no
/// answer has come within `timeout_seconds`: a service that is down is a no. Unknown when the policy does not allow the
/// host, its name does not resolve, a file of `tls` can't be used, or this machine can't connect at all. The
/// observation's value is the status.
///
/// # JSON
/// Each item of `expect_json` names a place by its JSON pointer and what is there: a value (`equals`, `not_equals`), a number
/// within limits (`above`, `below`, `at_least`, `at_most`, also together as a range), the `length` of a list, a text (`matches`), or whether there is
/// anything at all (`exists`). As the probe of a trigger or in `within_seconds` and `for_seconds` it waits for such a value.
///
/// # Limits
/// A probe should change nothing, whatever its method: nothing undoes what a request does, and it may be asked often.
///
/// Redirects are followed (5 at the most) unless their own status is an expected one; each hop must be allowed by the
/// policy. A `303` is followed by `GET`, as is a `301` or `302` after `POST`; other redirects repeat the method and the
/// body. Headers, body and client certificate go to the scheme, host and port of `url` only. Connections go to the
/// addresses that the policy allowed, through no proxy; of a name with several addresses (`localhost` has `127.0.0.1`
/// and `::1`), each is tried in turn. The first 1 MiB of the body is read.
///
/// # Example
/// ```yaml
/// type: http
/// url: http://127.0.0.1:8080/healthz
/// expect_status: [200, "203-204"]
/// expect_body: '"status": *"ok"'
/// expect_json:
///   - {pointer: /status, equals: ok}
///   - {pointer: /queue/depth, at_least: 0, below: 100}
///   - {pointer: /members, length: {at_least: 3}}
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schemars(rename = "Http")]
pub struct Http {
    /// The URL.
    pub url: HttpUrl,
    /// The method; without it `GET`, or `POST` with a body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    pub method: Option<HttpMethod>,
    /// Headers, beside those that the client sets by itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("x-author-only" = true))]
    pub headers: BTreeMap<HeaderName, HeaderValue>,
    /// The body of the request, as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    pub body: Option<String>,
    /// The status that means yes: a number, a range such as `200-299`, which is the default, or a list of both.
    #[serde(default)]
    pub expect_status: StatusSet,
    /// A regular expression that the body must have somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_body: Option<BodyPattern>,
    /// What the body, as JSON, must have at some places; all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect_json: Vec<JsonExpectation>,
    /// Seconds after which the probe says no, all redirects included; default 5.
    #[serde(default = "five_seconds")]
    pub timeout_seconds: Seconds,
    /// Trusted CAs and client certificate for an `https` URL; without it the system's CAs and no certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    pub tls: Option<LoadTls>,
}

/// Parameters that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum HttpError {
    #[error("the answer to `HEAD` has no body, so `{0}` does not fit; remove it, or ask with `GET`")]
    HeadHasNoBody(&'static str),
    #[error("a `{0}` request has no `body` here; remove it, or ask with `POST`")]
    NoRequestBody(&'static str),
    #[error("`CONNECT` opens a tunnel, which is not a question; write `GET`")]
    Connect,
    #[error("invalid URL: {0}")]
    Url(String),
    #[error(transparent)]
    Tls(#[from] chaos_core::LoadTlsError),
}

impl<'de> Deserialize<'de> for Http {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let http = Self::deserialize(deserializer)?;
        http.check().map_err(D::Error::custom)?;
        Ok(http)
    }
}

impl Serialize for Http {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl Probe for Http {
    async fn observe(&self, cx: &RunContext) -> Observation {
        match ask(cx, self.timeout_seconds, self.ask(cx)).await {
            Ok(seen) => seen,
            Err(Cut::Late) => {
                let seconds = self.timeout_seconds.get().as_secs_f64();
                Observation::no(format!("`{}` did not answer within {seconds} s", self.url))
            }
            Err(Cut::Cancelled) => Observation::unknown("cancelled"),
        }
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        self.check().map_err(|error| PluginError::refused(error.to_string()))?;
        Ok(Reach::host(self.url.host().clone()))
    }

    fn at_most(&self) -> Option<Duration> {
        Some(self.timeout_seconds.get())
    }
}

register_probe!(Http, "http", any_answer: Http::any_answer);

impl Http {
    /// Asks with `GET` and takes every status from 200 to 299 for yes.
    pub fn get(url: HttpUrl) -> Self {
        Self {
            url,
            method: None,
            headers: BTreeMap::new(),
            body: None,
            expect_status: StatusSet::default(),
            expect_body: None,
            expect_json: Vec::new(),
            timeout_seconds: five_seconds(),
            tls: None,
        }
    }

    /// Says yes to whatever a URL answers.
    fn any_answer(url: HttpUrl) -> Self {
        Self { expect_status: StatusRange::any().into(), ..Self::get(url) }
    }

    fn method(&self) -> &str {
        let by_body = if self.body.is_some() { "POST" } else { "GET" };
        self.method.as_ref().map_or(by_body, HttpMethod::as_str)
    }

    fn check(&self) -> Result<(), HttpError> {
        match self.method() {
            "HEAD" if self.expect_body.is_some() => return Err(HttpError::HeadHasNoBody("expect_body")),
            "HEAD" if !self.expect_json.is_empty() => return Err(HttpError::HeadHasNoBody("expect_json")),
            "HEAD" if self.body.is_some() => return Err(HttpError::NoRequestBody("HEAD")),
            "CONNECT" => return Err(HttpError::Connect),
            _ => {}
        }
        exchange::parsed(&self.url).map_err(|error| HttpError::Url(error.to_string()))?;
        self.tls.as_ref().map_or(Ok(()), |tls| tls.check(&self.url))?;
        Ok(())
    }

    fn request(&self) -> exchange::Request<'_> {
        let Self { url, headers, body, tls, .. } = self;
        exchange::Request { url, method: self.method(), headers, body: body.as_deref(), tls: tls.as_ref() }
    }

    async fn ask(&self, cx: &RunContext) -> Observation {
        let request = self.request();
        let mut hop = exchange::Hop::first(&request);
        for _ in 0..=MAX_REDIRECTS {
            let response = match hop.send(&request, cx).await {
                Ok(response) => response,
                Err(seen) => return seen,
            };
            let status = response.status().as_u16();
            if self.expect_status.contains(status) {
                return self.judge_body(&hop.url, response).await;
            }
            match hop.next(&request, &response) {
                Ok(Some(next)) => hop = next,
                Ok(None) => {
                    let detail = format!("`{}` answered {status} instead of {}", hop.url, self.expect_status);
                    return Observation::no(detail).with_value(status);
                }
                Err(why) => return Observation::unknown(format!("`{}` redirects {why}", hop.url)),
            }
        }
        Observation::no(format!("`{}` redirects more than {MAX_REDIRECTS} times", self.url))
    }

    async fn judge_body(&self, url: &HttpUrl, response: Response) -> Observation {
        let status = response.status().as_u16();
        let answered = format!("`{url}` answered {status}");
        if self.expect_body.is_none() && self.expect_json.is_empty() {
            return Observation::yes(answered).with_value(status);
        }
        let (body, is_whole) = match exchange::read(response).await {
            Ok(read) => read,
            Err(error) => return exchange::unanswered(url, &error),
        };
        let text = String::from_utf8_lossy(&body);
        let seen = match self.wrong_with_body(&text) {
            None => Observation::yes(format!("{answered}, and the body {}", self.wanted_of_body())),
            Some(_) if !is_whole => Observation::unknown(format!(
                "{answered}, and its first {} bytes don't match {}",
                exchange::MAX_BODY_BYTES,
                self.wanted_of_body().trim_start_matches("matches ")
            )),
            Some(wrong) => Observation::no(format!("{answered}, but {wrong}")),
        };
        seen.with_value(status)
    }

    fn wanted_of_body(&self) -> &'static str {
        match (&self.expect_body, self.expect_json.is_empty()) {
            (Some(_), true) => "matches `expect_body`",
            (Some(_), false) => "matches `expect_body` and `expect_json`",
            _ => "matches `expect_json`",
        }
    }

    /// What is otherwise in a body than it should be.
    fn wrong_with_body(&self, text: &str) -> Option<String> {
        if self.expect_body.as_ref().is_some_and(|pattern| !pattern.is_in(text)) {
            return Some("the body does not match `expect_body`".to_owned());
        }
        if self.expect_json.is_empty() {
            return None;
        }
        match serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) {
            Ok(document) => self.expect_json.iter().find_map(|expected| expected.contradicted_by(&document)),
            Err(error) => Some(format!("the body is not JSON: {error}")),
        }
    }
}
