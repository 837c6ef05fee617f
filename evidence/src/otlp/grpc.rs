//! OTLP over gRPC: unary calls, so a message is a five-byte head and the status stands in the trailers.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{HeaderName, Method, Response, Version};

use super::body::{MOST_BYTES, Packing};
use super::intake::{Encoding, Intake};
use super::refusal::Refusal;
use super::signal::Signal;

const CONTENT: &str = "application/grpc";
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// The head before each message: whether it is packed, and its length.
const HEAD: usize = 5;

/// What the head of a call says.
#[derive(Debug, Clone, Copy)]
pub(super) struct GrpcCall {
    pub(super) signal: Signal,
    packing: Packing,
}

/// An answer: its head with the message, and its trailers; without trailers the status stands in the head.
pub(super) type GrpcAnswer = (Response<Bytes>, Option<HeaderMap>);

/// Whether a request says that it is gRPC.
pub(super) fn is_grpc(version: Version, headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    version == Version::HTTP_2 && kind.starts_with(CONTENT.as_bytes())
}

impl GrpcCall {
    /// Reads the head of a call.
    pub(super) fn of(method: &Method, path: &str, headers: &HeaderMap) -> Result<Self, Refusal> {
        let signal = Signal::of_grpc(path).ok_or_else(|| Refusal::no_such_path(path))?;
        if method != Method::POST {
            return Err(Refusal::not_post());
        }
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind != CONTENT && kind != "application/grpc+proto" {
            return Err(Refusal::unsupported("expected messages in protobuf"));
        }
        let encoding = headers.get(ENCODING).map_or(Some(""), |encoding| encoding.to_str().ok());
        let packing = encoding.and_then(Packing::of_name);
        let packing = packing.ok_or_else(|| Refusal::unsupported("expected the encoding gzip or identity"))?;
        Ok(Self { signal, packing })
    }

    /// Takes in the body, and answers.
    pub(super) fn answer(self, body: &Bytes, intake: &Intake) -> GrpcAnswer {
        let plain = self.message(body).inspect_err(|refusal| intake.lost(self.signal, refusal));
        match plain.and_then(|plain| intake.take(self.signal, Encoding::Protobuf, plain)) {
            Ok(message) => {
                let mut framed = BytesMut::with_capacity(HEAD + message.len());
                framed.put_u8(0);
                // An answer has one message of some hundred bytes at the most.
                framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
                framed.put(message);
                let mut trailers = HeaderMap::new();
                trailers.insert(STATUS, HeaderValue::from_static("0"));
                (head(framed.freeze()), Some(trailers))
            }
            Err(refusal) => refuse(&refusal),
        }
    }

    /// The one message of a call.
    fn message(self, body: &Bytes) -> Result<Bytes, Refusal> {
        let [packed, a, b, c, d, ..] = body.as_ref() else {
            return Err(Refusal::unreadable("expected a message"));
        };
        let (packed, length) = (*packed, u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        if length > MOST_BYTES {
            return Err(Refusal::too_large(MOST_BYTES));
        }
        if body.len() != HEAD + length {
            return Err(Refusal::unreadable("expected one message of the length that it says"));
        }
        let message = body.slice(HEAD..);
        match (packed, self.packing) {
            (0, _) => Ok(message),
            (1, Packing::Gzip) => Packing::Gzip.open(message),
            (1, Packing::Plain) => {
                Err(Refusal::unreadable("the message is packed, and `grpc-encoding` does not say how"))
            }
            _ => Err(Refusal::unreadable("invalid flag of a message: expected 0 or 1")),
        }
    }
}

/// Answers a call that is not taken in.
pub(super) fn refuse(refusal: &Refusal) -> GrpcAnswer {
    let mut response = head(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(STATUS, HeaderValue::from(refusal.code as i32));
    if let Ok(message) = HeaderValue::from_str(&percent_encoded(&refusal.message)) {
        headers.insert(MESSAGE, message);
    }
    (response, None)
}

fn head(body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity,gzip"));
    response
}

/// As the protocol of gRPC wants a message in a header.
fn percent_encoded(message: &str) -> String {
    use std::fmt::Write;
    message.bytes().fold(String::with_capacity(message.len()), |mut text, byte| {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            text.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}
