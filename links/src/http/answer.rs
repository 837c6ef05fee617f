//! Answers in place of the server's, and changes of what it answers.

use bytes::Bytes;
use chaos_core::{HttpAnswer, HttpChange};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, TRAILER, TRANSFER_ENCODING};
use hyper::http::response::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};

use crate::http::body::Source;
use crate::http::headers::{grpc_message, has_type, set};

/// What the request was, as far as its answer hangs on it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) is_h2: bool,
    /// The type of its body, where it is gRPC.
    pub(super) grpc_type: Option<hyper::header::HeaderValue>,
}

impl Asked {
    pub(super) fn of<B>(request: &hyper::Request<B>) -> Self {
        let is_grpc = has_type(request.headers(), "application/grpc");
        Self {
            method: request.method().clone(),
            is_h2: request.version() == hyper::Version::HTTP_2,
            grpc_type: request.headers().get(CONTENT_TYPE).filter(|_| is_grpc).cloned(),
        }
    }
}

fn head(status: u16) -> Parts {
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    parts
}

/// The answer of a rule.
pub(super) fn of(answer: &HttpAnswer, asked: &Asked) -> (Parts, Source) {
    let mut parts = head(if answer.grpc.is_some() { 200 } else { answer.status.get() });
    let headers = &mut parts.headers;
    for (name, value) in &answer.headers {
        set(headers, name.as_str(), value.as_str());
    }
    if let Some(after) = answer.retry_after {
        let after = after.get();
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if let Some(grpc) = &answer.grpc {
        // Only headers, which end the stream, and no body (gRPC over HTTP2, `Trailers-Only`).
        let of_request = asked.grpc_type.clone();
        let fallback = hyper::header::HeaderValue::from_static("application/grpc");
        headers.insert(CONTENT_TYPE, of_request.unwrap_or(fallback));
        headers.insert("grpc-status", u16::from(grpc.code.get()).into());
        if !grpc.message.is_empty() {
            headers.insert("grpc-message", grpc_message(&grpc.message));
        }
        return (parts, Source::default());
    }
    if !answer.body.is_empty() && !headers.contains_key(CONTENT_TYPE) {
        set(headers, "content-type", "text/plain; charset=utf-8");
    }
    let body = with_body(&mut parts, Bytes::copy_from_slice(answer.body.as_bytes()), asked);
    (parts, body)
}

/// What is said to a request that an HTTP link does not forward.
pub(super) fn refused(asked: &Asked) -> (Parts, Source) {
    let mut parts = head(501);
    set(&mut parts.headers, "content-type", "text/plain; charset=utf-8");
    let body = with_body(&mut parts, Bytes::from_static(b"an HTTP link forwards no CONNECT\n"), asked);
    (parts, body)
}

/// Gives an answer another body, and the headers that go with it.
pub(super) fn with_body(parts: &mut Parts, body: Bytes, asked: &Asked) -> Source {
    unframed(&mut parts.headers);
    if has_no_body(parts.status) {
        return Source::default();
    }
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    if asked.method == Method::HEAD { Source::default() } else { Source::of_bytes(body) }
}

/// Takes away what the headers say of the body's length and packing.
pub(super) fn unframed(headers: &mut HeaderMap) {
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING, TRAILER, CONTENT_ENCODING] {
        headers.remove(name);
    }
}

/// Whether an answer of a status never has a body (RFC 9110, 6.4.1).
fn has_no_body(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) || status.is_informational()
}

/// Changes the server's answer. What is left of its own body comes back where it is not to be sent.
pub(super) fn change(parts: &mut Parts, body: Source, change: &HttpChange, asked: &Asked) -> (Source, Option<Source>) {
    if let Some(status) = change.status {
        parts.status = StatusCode::from_u16(status.get()).unwrap_or(parts.status);
        // The words beside the old one.
        parts.extensions.remove::<hyper::ext::ReasonPhrase>();
    }
    for name in &change.remove_headers {
        parts.headers.remove(name.as_str());
    }
    for (name, value) in &change.set_headers {
        set(&mut parts.headers, name.as_str(), value.as_str());
    }
    match &change.body {
        Some(text) => (with_body(parts, Bytes::copy_from_slice(text.as_bytes()), asked), Some(body)),
        None if has_no_body(parts.status) => {
            unframed(&mut parts.headers);
            (Source::default(), Some(body))
        }
        None => (body, None),
    }
}
