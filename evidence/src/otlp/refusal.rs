//! Why a request was not taken in, in the words of HTTP and of gRPC.

use http::StatusCode;

/// A request that was not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refusal {
    /// What HTTP is told.
    pub(super) status: StatusCode,
    /// What gRPC is told, and `google.rpc.Status` in bodies of HTTP.
    pub(super) code: Code,
    /// What is wrong, and what would be right.
    pub(super) message: String,
}

/// The codes of gRPC that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Code {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Unavailable = 14,
}

impl Refusal {
    /// What was sent can't be read; sending it again won't help.
    pub(super) fn unreadable(why: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, why)
    }

    pub(super) fn too_large(most: usize) -> Self {
        let why = format!("the request takes more than {} MiB; send smaller batches", most >> 20);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, why)
    }

    /// Of a type or an encoding that is not understood.
    pub(super) fn unsupported(why: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Unimplemented, why)
    }

    /// Too much at once; it should be sent again.
    pub(super) fn busy() -> Self {
        let why = "too many requests at once; send it again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, why)
    }

    /// Its body did not come in time.
    pub(super) fn late() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded, "the request was not complete in time")
    }

    pub(super) fn no_such_path(path: &str) -> Self {
        let path: String = path.chars().take(100).collect();
        Self::new(StatusCode::NOT_FOUND, Code::Unimplemented, format!("nothing is taken in at `{path}`"))
    }

    pub(super) fn not_post() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented, "expected POST")
    }

    fn new(status: StatusCode, code: Code, message: impl std::fmt::Display) -> Self {
        Self { status, code, message: message.to_string() }
    }
}
