//! A request of our own, as evidence of what a rule does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What came of a request of our own that fits a rule, through a twin of the link with a server of ours behind it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HttpTrial {
    /// How often that server got the request.
    pub served: u32,
    /// The status that the client saw, `None` where it got no answer.
    pub status: Option<u16>,
    /// The status of gRPC that it saw.
    pub grpc_status: Option<u8>,
    /// The headers that it saw, by names in lower case; the last one of a name.
    pub headers: BTreeMap<String, String>,
    /// The beginning of the body that it got, at most [`HttpTrial::MOST_TEXT`] bytes.
    pub body: String,
    /// Bytes of the body that it got.
    pub body_bytes: u64,
    /// Whole events of the body that it got.
    pub body_events: u32,
    /// Bytes of the body that the server sends.
    pub server_bytes: u64,
    /// Whether the body is the server's, as far as it came.
    pub is_unchanged: bool,
    /// Whether the body came to its end.
    pub is_complete: bool,
    /// Whether the answer differs from the server's in its headers.
    pub has_other_headers: bool,
    /// Microseconds until the first byte of the body or, where it has none, until the answer.
    pub first_byte_us: u64,
    /// Microseconds until the last byte that came.
    pub last_byte_us: u64,
    /// Microseconds until the end, or until the client gave up.
    pub total_us: u64,
    /// Why there was no answer, or no whole one.
    pub error: Option<String>,
}

impl HttpTrial {
    /// The most of a body that is told, in bytes.
    pub const MOST_TEXT: usize = 4096;
}
