//! What a health service answers: a health, or a status of gRPC.

use std::fmt;

/// The health of a service, as `grpc.health.v1` numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Health(pub(super) i32);

impl Health {
    pub(super) fn is_serving(self) -> bool {
        self.0 == 1
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("UNKNOWN"),
            1 => f.write_str("SERVING"),
            2 => f.write_str("NOT_SERVING"),
            3 => f.write_str("SERVICE_UNKNOWN"),
            other => write!(f, "in health {other}, which `grpc.health.v1` does not have"),
        }
    }
}

/// A status other than OK (<https://grpc.github.io/grpc/core/md_doc_statuscodes.html>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) code: u32,
    pub(super) message: String,
}

const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl Status {
    fn name(&self) -> Option<&'static str> {
        usize::try_from(self.code).ok().and_then(|code| NAMES.get(code)).copied()
    }

    /// Whether the server is there and has told nothing of the service: it has no health service, or does not talk to us.
    pub(super) fn is_no_answer(&self) -> bool {
        matches!(self.name(), Some("UNIMPLEMENTED" | "UNAUTHENTICATED" | "PERMISSION_DENIED"))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "the server answered {name}")?,
            None => write!(f, "the server answered status {}", self.code)?,
        }
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}
