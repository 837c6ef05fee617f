//! One call of `grpc.health.v1.Health/Check` over a connection of its own.
//!
//! One unary call needs no channel, pool or code generator: HTTP/2, five bytes in front of each message, and two messages of one
//! field each (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).

use std::time::Duration;

use chaos_core::{shortened, visible_line};
use h2::RecvStream;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use prost::Message;
use prost::bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use super::call_error::CallError;
use super::status::{Health, Status};

const PATH: &str = "/grpc.health.v1.Health/Check";

/// The longest answer that is read; a health is two bytes.
const LONGEST: usize = 64 * 1024;

/// How many characters of the server's own words are shown.
const SHOWN: usize = 200;

/// In front of a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

fn malformed(why: impl Into<String>) -> CallError {
    CallError::Malformed(why.into())
}

/// What is asked.
pub(super) struct Call<'a> {
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// The host and the port that the server knows itself by.
    pub(super) authority: String,
    /// The service's full name.
    pub(super) service: &'a str,
    /// The limit that the server is told.
    pub(super) limit: Duration,
}

impl Call<'_> {
    /// Asks; the connection is closed afterwards.
    pub(super) async fn check(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<Health, CallError> {
        let (send, connection) = h2::client::Builder::new().max_header_list_size(16 * 1024).handshake(stream).await?;
        tokio::select! {
            biased;
            answer = self.exchange(send) => answer,
            // It moves the bytes; where it ends first, the server has.
            ended = connection => match ended {
                Ok(()) => Err(CallError::Closed),
                Err(error) => Err(error.into()),
            },
        }
    }

    async fn exchange(&self, send: SendRequest<Bytes>) -> Result<Health, CallError> {
        let request = Request::post(format!("{}://{}{PATH}", self.scheme, self.authority))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            // At most eight digits.
            .header("grpc-timeout", format!("{}m", self.limit.as_millis().clamp(1, 99_999_999)))
            .body(())
            .map_err(|error| malformed(error.to_string()))?;
        answer(send, request, framed(self.service)?).await
    }
}

async fn answer(send: SendRequest<Bytes>, request: Request<()>, message: Bytes) -> Result<Health, CallError> {
    let mut send = send.ready().await?;
    let (response, mut body) = send.send_request(request, false)?;
    body.send_data(message, true)?;
    let response = response.await?;
    // A server that fails before it has an answer sends the status at once; then there is neither body nor trailers.
    if let Some(status) = status(response.headers()) {
        return match status {
            Ok(()) => Err(malformed("status OK without a message")),
            Err(status) => Err(CallError::Status(status)),
        };
    }
    if response.status() != http::StatusCode::OK {
        return Err(CallError::Http(response.status().as_u16()));
    }
    let mut answer = response.into_body();
    let bytes = read(&mut answer).await?;
    let trailers = answer.trailers().await?;
    match trailers.as_ref().and_then(status) {
        Some(Err(status)) => Err(CallError::Status(status)),
        Some(Ok(())) => health(&bytes),
        None => Err(malformed("it ends without a status")),
    }
}

fn framed(service: &str) -> Result<Bytes, CallError> {
    let message = HealthCheckRequest { service: service.to_owned() }.encode_to_vec();
    let length = u32::try_from(message.len()).map_err(|_| malformed("the name of the service is too long"))?;
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    frame.put_u32(length);
    frame.put_slice(&message);
    Ok(frame.freeze())
}

async fn read(body: &mut RecvStream) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        if bytes.len() + data.len() > LONGEST {
            return Err(malformed(format!("it is longer than {LONGEST} bytes")));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// The status in headers or trailers, if it is there.
fn status(headers: &HeaderMap) -> Option<Result<(), Status>> {
    let code = headers.get("grpc-status")?;
    // What is not a number is of a server that does not know its own protocol: UNKNOWN.
    let code = code.to_str().ok().and_then(|code| code.parse().ok()).unwrap_or(2);
    if code == 0 {
        return Some(Ok(()));
    }
    let message = headers.get("grpc-message").map(|message| String::from_utf8_lossy(message.as_bytes()).into_owned());
    let message = visible_line(&shortened(&message.unwrap_or_default(), SHOWN)).into_owned();
    Some(Err(Status { code, message }))
}

fn health(bytes: &[u8]) -> Result<Health, CallError> {
    let Some((prefix, message)) = bytes.split_first_chunk::<PREFIX>() else {
        return Err(malformed(format!("{} bytes are less than a prefix", bytes.len())));
    };
    let [compressed, a, b, c, d] = *prefix;
    if compressed != 0 {
        return Err(malformed("it is compressed, which was not offered"));
    }
    let length = u32::from_be_bytes([a, b, c, d]);
    if usize::try_from(length) != Ok(message.len()) {
        return Err(malformed(format!("its prefix says {length} bytes, and there are {}", message.len())));
    }
    let read = HealthCheckResponse::decode(message).map_err(|error| malformed(error.to_string()))?;
    Ok(Health(read.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_malformed_and_never_a_health() {
        let rows: [(&[u8], &str); 6] = [
            (&[], "0 bytes are less than a prefix"),
            (&[0, 0, 0, 0], "4 bytes are less"),
            (&[1, 0, 0, 0, 2, 8, 1], "compressed"),
            (&[0, 0, 0, 0, 3, 8, 1], "says 3 bytes, and there are 2"),
            (&[0, 0, 0, 0, 2, 8, 1, 0], "says 2 bytes, and there are 3"),
            (&[0, 0, 0, 0, 2, 8, 255], "not a message of `grpc.health.v1`"),
        ];
        for (bytes, want) in rows {
            let why = health(bytes).unwrap_err().to_string();
            assert!(why.contains(want), "{bytes:?}: {why}");
        }
        assert_eq!(health(&[0, 0, 0, 0, 2, 8, 1]).unwrap(), Health(1));
        // An empty message is the default of its field.
        assert_eq!(health(&[0, 0, 0, 0, 0]).unwrap(), Health(0));
    }
}
