//! One request and its answer, and where a redirect leads.

use std::collections::BTreeMap;
use std::error::Error;

use chaos_core::{HeaderName as Name, HeaderValue as Value, HttpUrl, HttpUrlError, LoadTls, Observation, RunContext};
use chaos_tls::{ClientTls, TlsFileError, in_words};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, ToStrError};
use reqwest::{Client, Method, Response, Url, redirect};

use crate::asking::{lacks_here, present};
use crate::client_tls::client_tls;

/// Bytes of an answer that are looked at.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// What is asked, as its author wrote it.
pub(crate) struct Request<'a> {
    pub(crate) url: &'a HttpUrl,
    pub(crate) method: &'a str,
    pub(crate) headers: &'a BTreeMap<Name, Value>,
    pub(crate) body: Option<&'a str>,
    pub(crate) tls: Option<&'a LoadTls>,
}

/// A URL that is about to be asked.
pub(crate) struct Hop {
    pub(crate) url: HttpUrl,
    method: Method,
    has_body: bool,
}

/// Text that the client does not take for a URL.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UrlError(String);

/// Why a redirect is not followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RedirectError {
    /// Bytes that are not text.
    #[error("to something that is not a URL")]
    NotText(#[from] ToStrError),
    /// Text that is not a URL.
    #[error("to something that is not a URL: {0}")]
    NotUrl(String),
    /// A URL that a probe does not ask.
    #[error("elsewhere: {0}")]
    Elsewhere(#[from] HttpUrlError),
}

/// Why no request can be made.
#[derive(Debug, thiserror::Error)]
enum SetUpError {
    #[error("invalid URL: {0}")]
    Url(#[from] UrlError),
    #[error("no TLS: {0}")]
    Tls(#[from] TlsFileError),
    #[error("no HTTP client: {0}")]
    Client(String),
}

impl Hop {
    /// The URL of the probe itself.
    pub(crate) fn first(http: &Request<'_>) -> Self {
        let method = Method::from_bytes(http.method.as_bytes()).expect("the parameter is a token");
        Self { url: http.url.clone(), method, has_body: http.body.is_some() }
    }

    /// Where an answer redirects to; `None` when it is not a redirect.
    pub(crate) fn next(&self, http: &Request<'_>, response: &Response) -> Result<Option<Self>, RedirectError> {
        let status = response.status().as_u16();
        if !matches!(status, 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
        let joined = response.url().join(location.to_str()?);
        let mut next = joined.map_err(|error| RedirectError::NotUrl(error.to_string()))?;
        next.set_fragment(None);
        let url: HttpUrl = next.as_str().parse()?;
        // RFC 9110, section 15.4: what every client does, whatever a 301 or 302 once meant.
        let turns = status == 303 && self.method != Method::HEAD || status < 303 && self.method == Method::POST;
        let method = if turns { Method::GET } else { self.method.clone() };
        Ok(Some(Self { has_body: self.has_body && !turns && is_same_origin(http.url, &url), url, method }))
    }

    /// One request, pinned to the addresses that the policy allows for its host.
    pub(crate) async fn send(&self, http: &Request<'_>, cx: &RunContext) -> Result<Response, Observation> {
        let url = &self.url;
        let addresses = cx.allowed_addresses(url.host()).await;
        let addresses = addresses.map_err(|refusal| Observation::unknown(refusal.to_string()))?;
        let set_up = || -> Result<(Client, Url), SetUpError> {
            let parsed = parsed(url)?;
            let client = Client::builder()
                .tls_backend_preconfigured(tls(http, url, cx).config()?)
                .redirect(redirect::Policy::none())
                .no_proxy()
                .resolve_to_addrs(parsed.host_str().unwrap_or_default(), &present(addresses))
                .user_agent(concat!("squall/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|error| SetUpError::Client(cause(&error)))?;
            Ok((client, parsed))
        };
        let (client, parsed) =
            set_up().map_err(|error| Observation::unknown(format!("failed to ask `{url}`: {error}")))?;
        let mut request = client.request(self.method.clone(), parsed);
        if is_same_origin(http.url, url) {
            request = request.headers(headers(http, self.has_body == http.body.is_some()));
        }
        if let Some(body) = http.body.filter(|_| self.has_body) {
            request = request.body(body.to_owned());
        }
        request.send().await.map_err(|error| unanswered(url, &error))
    }
}

/// The URL as the client reads it.
pub(crate) fn parsed(url: &HttpUrl) -> Result<Url, UrlError> {
    Url::parse(url.as_str()).map_err(|error| UrlError(error.to_string()))
}

/// The author's headers; without those of a body that is not sent.
fn headers(http: &Request<'_>, has_all: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in http.headers {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).expect("the parameter is a token");
        let mut value =
            HeaderValue::from_bytes(value.expose().as_bytes()).expect("the parameter has no control characters");
        value.set_sensitive(true);
        if has_all || !name.as_str().starts_with("content-") {
            headers.insert(name, value);
        }
    }
    headers
}

/// Trusts what the author says for every hop; his certificate is for the first host only.
fn tls(http: &Request<'_>, url: &HttpUrl, cx: &RunContext) -> ClientTls {
    let mut tls = ClientTls::http1(url.is_tls());
    if let Some(own) = http.tls.filter(|_| url.is_tls()) {
        let own = client_tls(own, cx);
        tls.trust = own.trust;
        tls.identity = own.identity.filter(|_| is_same_origin(http.url, url));
    }
    tls
}

/// Whether two URLs have one scheme, host and port, so that what is meant for one may go to the other.
fn is_same_origin(one: &HttpUrl, other: &HttpUrl) -> bool {
    (one.is_tls(), one.host()) == (other.is_tls(), other.host())
}

/// The body up to the bound, and whether that is all of it.
pub(crate) async fn read(mut response: Response) -> reqwest::Result<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = MAX_BODY_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((body, false));
        }
    }
    Ok((body, true))
}

/// No answer came: a no, unless this machine lacked something to ask with.
pub(crate) fn unanswered(url: &HttpUrl, error: &reqwest::Error) -> Observation {
    let why = cause(error);
    let ours = causes(error).filter_map(|cause| cause.downcast_ref::<std::io::Error>()).any(lacks_here);
    if error.is_builder() || ours {
        Observation::unknown(format!("failed to ask `{url}`: {why}"))
    } else {
        Observation::no(format!("`{url}` did not answer: {why}"))
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The innermost cause, in words where it is one of TLS: the outer ones only repeat the URL.
fn cause(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(String::new, in_words)
}
