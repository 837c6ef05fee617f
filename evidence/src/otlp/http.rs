//! OTLP over HTTP.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Method, Response, StatusCode};
use prost::Message;
use serde::Serialize;

use super::body::Packing;
use super::intake::{Encoding, Intake};
use super::refusal::Refusal;
use super::signal::Signal;

/// When a sender should try again, in seconds.
const RETRY_SECONDS: u16 = 1;

/// What the head of a request says of its body.
#[derive(Debug, Clone, Copy)]
pub(super) struct HttpRequest {
    pub(super) signal: Signal,
    encoding: Encoding,
    packing: Packing,
}

/// `google.rpc.Status`, which tells what was wrong with a request.
#[derive(Clone, PartialEq, Message, Serialize)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

impl HttpRequest {
    /// Reads the head of a request.
    pub(super) fn of(method: &Method, path: &str, headers: &HeaderMap) -> Result<Self, Refusal> {
        let signal = Signal::of_http(path).ok_or_else(|| Refusal::no_such_path(path))?;
        if method != Method::POST {
            return Err(Refusal::not_post());
        }
        let kind = text(headers, &CONTENT_TYPE);
        let encoding = match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/x-protobuf" => Encoding::Protobuf,
            "application/json" => Encoding::Json,
            _ => {
                return Err(Refusal::unsupported(
                    "expected the content type application/x-protobuf or application/json",
                ));
            }
        };
        let packing = Packing::of_name(&text(headers, &CONTENT_ENCODING).to_ascii_lowercase())
            .ok_or_else(|| Refusal::unsupported("expected the content encoding gzip, or none"))?;
        Ok(Self { signal, encoding, packing })
    }

    /// Takes in the body, and answers.
    pub(super) fn answer(self, body: Bytes, intake: &Intake) -> Response<Bytes> {
        let plain = self.packing.open(body).inspect_err(|refusal| intake.lost(self.signal, refusal));
        match plain.and_then(|plain| intake.take(self.signal, self.encoding, plain)) {
            Ok(message) => response(StatusCode::OK, self.encoding.content_type(), message),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    /// Answers a request that is not taken in, in its own encoding.
    pub(super) fn refuse(self, refusal: &Refusal) -> Response<Bytes> {
        let status = Status { code: refusal.code as i32, message: refusal.message.clone() };
        let mut response = response(refusal.status, self.encoding.content_type(), self.encoding.write(&status));
        if refusal.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS.into());
        }
        response
    }
}

impl Encoding {
    fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// Answers a request whose head is wrong already, so that its encoding is not known.
pub(super) fn refuse_head(refusal: &Refusal) -> Response<Bytes> {
    let mut response = response(refusal.status, "text/plain; charset=utf-8", refusal.message.clone().into());
    if refusal.status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn text<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
