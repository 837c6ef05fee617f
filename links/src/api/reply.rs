//! Answers in toxiproxy's shape.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Number, Value};

use crate::error::LinkError;
use crate::link::LinkView;
use crate::protocol::Protocol;
use crate::toxic::ToxicSpec;

pub(super) type Reply = Result<Response<Full<Bytes>>, LinkError>;

#[derive(Serialize)]
struct LinkBody<'a> {
    name: &'a str,
    listen: &'a str,
    upstream: &'a str,
    /// An extension; not shown for TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'a str>,
    enabled: bool,
    toxics: Vec<ToxicBody<'a>>,
    /// An extension; shown where it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<TlsBody<'a>>,
}

#[derive(Serialize)]
struct TlsBody<'a> {
    clients: bool,
    server: bool,
    /// The certificate of the link's own CA, as PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<&'a str>,
}

impl<'a> LinkBody<'a> {
    fn of(link: &'a LinkView) -> Self {
        let LinkView { name, listen, upstream, enabled, .. } = link;
        let protocol = (link.protocol != Protocol::Tcp).then(|| link.protocol.name());
        let toxics = link.toxics.iter().map(ToxicBody::of).collect();
        let tls = &link.tls;
        let tls = tls.is_used().then_some(TlsBody { clients: tls.clients, server: tls.server, ca: link.ca.as_deref() });
        Self { name, listen, upstream, protocol, enabled: *enabled, toxics, tls }
    }
}

#[derive(Serialize)]
struct ToxicBody<'a> {
    attributes: Value,
    name: &'a str,
    r#type: &'a str,
    stream: &'a str,
    toxicity: Option<Number>,
}

impl<'a> ToxicBody<'a> {
    fn of(toxic: &'a ToxicSpec) -> Self {
        Self {
            attributes: toxic.kind.attributes(),
            name: &toxic.name,
            r#type: toxic.kind.type_name(),
            stream: toxic.stream.name(),
            toxicity: number(toxic.toxicity),
        }
    }
}

/// The shortest text that reads back as the same single: `0.1`, not `0.10000000149011612`, and `1`, not `1.0`.
fn number(share: f32) -> Option<Number> {
    let text = share.to_string();
    text.parse::<i64>().map(Number::from).ok().or_else(|| text.parse().ok().and_then(Number::from_f64))
}

#[derive(Serialize)]
struct Populated<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// `null` when there is none.
    proxies: Option<Vec<LinkBody<'a>>>,
}

#[derive(Serialize)]
struct Failure {
    error: String,
    status: u16,
}

fn answer(status: StatusCode, headers: &[(HeaderName, &'static str)], body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    for (name, value) in headers {
        response.headers_mut().insert(name.clone(), HeaderValue::from_static(value));
    }
    response
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_vec(body) {
        Ok(body) => answer(status, &[(CONTENT_TYPE, "application/json")], body),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    }
}

pub(super) fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    answer(status, &headers, body.to_owned())
}

pub(super) fn unmatched(status: StatusCode) -> Response<Full<Bytes>> {
    if status == StatusCode::NOT_FOUND {
        text(status, "404 page not found\n")
    } else {
        answer(status, &[], Bytes::new())
    }
}

pub(super) fn nothing() -> Response<Full<Bytes>> {
    answer(StatusCode::NO_CONTENT, &[], Bytes::new())
}

pub(super) fn version(version: &str) -> Response<Full<Bytes>> {
    let headers = [(CONTENT_TYPE, "application/json;charset=utf-8")];
    answer(StatusCode::OK, &headers, format!("{{\"version\": \"{version}\"}}\n"))
}

pub(super) fn metrics(body: String) -> Response<Full<Bytes>> {
    let headers = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")];
    answer(StatusCode::OK, &headers, body)
}

pub(super) fn link(status: StatusCode, link: &LinkView) -> Response<Full<Bytes>> {
    json(status, &LinkBody::of(link))
}

pub(super) fn links(links: &[LinkView]) -> Response<Full<Bytes>> {
    let all: BTreeMap<&str, LinkBody<'_>> = links.iter().map(|link| (&*link.name, LinkBody::of(link))).collect();
    json(StatusCode::OK, &all)
}

pub(super) fn toxic(toxic: &ToxicSpec) -> Response<Full<Bytes>> {
    json(StatusCode::OK, &ToxicBody::of(toxic))
}

pub(super) fn toxics(toxics: &[ToxicSpec]) -> Response<Full<Bytes>> {
    json(StatusCode::OK, &toxics.iter().map(ToxicBody::of).collect::<Vec<_>>())
}

pub(super) fn populated(links: &[LinkView], error: Option<&LinkError>) -> Response<Full<Bytes>> {
    let status = error.map_or(StatusCode::CREATED, status);
    let proxies = Some(links.iter().map(LinkBody::of).collect::<Vec<_>>()).filter(|links| !links.is_empty());
    let body = Populated { error: error.map(message), status: error.map(|_| status.as_u16()), proxies };
    json(status, &body)
}

/// The text of the API has always been served with the type of a plain one.
pub(super) fn error(error: &LinkError) -> Response<Full<Bytes>> {
    let status = status(error);
    let failure = Failure { error: message(error), status: status.as_u16() };
    text(status, &format!("{}\n", serde_json::to_string(&failure).unwrap_or_default()))
}

fn status(error: &LinkError) -> StatusCode {
    match error {
        LinkError::LinkNotFound | LinkError::ToxicNotFound => StatusCode::NOT_FOUND,
        LinkError::LinkExists | LinkError::ToxicExists => StatusCode::CONFLICT,
        LinkError::UnknownToxic
        | LinkError::WrongProtocol(..)
        | LinkError::NoFlows(_)
        | LinkError::UnknownStream
        | LinkError::MissingField(_)
        | LinkError::NoHttp
        | LinkError::TlsProtocol(_)
        | LinkError::BadBody(_) => StatusCode::BAD_REQUEST,
        #[cfg(feature = "http")]
        LinkError::Rule(_) | LinkError::Tls(_) => StatusCode::BAD_REQUEST,
        LinkError::Listen { .. } | LinkError::Start(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Clients look for some of these texts, such as "bind: address already in use".
fn message(error: &LinkError) -> String {
    match error {
        LinkError::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
            format!("listen tcp {address}: bind: address already in use")
        }
        other => other.to_string(),
    }
}
