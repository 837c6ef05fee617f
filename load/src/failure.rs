//! Names in words what went wrong with a request.

use std::fmt;
use std::io;

use crate::framing::Malformed;

/// Kind of a failed request, the words in which it is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// Nothing listens at the address.
    Refused,
    /// The other side reset the connection.
    Reset,
    /// The connection ended before any byte of an answer.
    Closed,
    /// The connection ended inside an answer.
    Truncated,
    /// The request was not answered in time.
    Timeout,
    /// The host or its network cannot be reached.
    Unreachable,
    /// The bytes that came are not an answer in this protocol.
    BadAnswer,
    /// The head of the answer has no end.
    HeadTooLarge,
    /// The TLS handshake failed.
    Tls,
    /// This process may not open more sockets.
    TooManyFiles,
    /// The server refused the stream of HTTP/2 before it looked at the request.
    StreamRefused,
    /// Redirects went on for too long.
    Redirects,
    /// Another error of the system.
    Io,
    /// An answer with a status that counts as an error.
    Status(u16),
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection refused",
            Self::Reset => "connection reset",
            Self::Closed => "connection closed before an answer",
            Self::Truncated => "answer cut short",
            Self::Timeout => "timeout",
            Self::Unreachable => "host unreachable",
            Self::BadAnswer => "malformed answer",
            Self::HeadTooLarge => "head of the answer too large",
            Self::Tls => "TLS handshake failed",
            Self::TooManyFiles => "too many open files",
            Self::StreamRefused => "stream refused",
            Self::Redirects => "too many redirects",
            Self::Io => "input/output error",
            Self::Status(status) => return write!(f, "status {status}"),
        })
    }
}

/// One failed request: its kind, and the cause in the system's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// The cause in the system's words.
    pub detail: String,
    /// The server had closed the connection before it took the request.
    pub(crate) untaken: bool,
}

impl Failure {
    /// Makes a failure.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), untaken: false }
    }

    /// The failure of a request that the server never took: it had closed the connection before.
    pub(crate) fn untaken(detail: impl Into<String>) -> Self {
        Self { untaken: true, ..Self::new(FailureKind::Closed, detail) }
    }
}

/// What a read says of a connection that the other side had closed before our bytes came.
#[derive(Debug, thiserror::Error)]
#[error("the server had closed the connection before the request came")]
pub(crate) struct ClosedBefore;

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<ClosedBefore>) {
            return Self::untaken(error.to_string());
        }
        let kind = match error.kind() {
            Kind::ConnectionRefused => FailureKind::Refused,
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => FailureKind::Reset,
            Kind::UnexpectedEof => FailureKind::Closed,
            Kind::TimedOut => FailureKind::Timeout,
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::AddrNotAvailable => FailureKind::Unreachable,
            Kind::InvalidData => FailureKind::Tls,
            _ if is_file_limit(error) => FailureKind::TooManyFiles,
            _ => FailureKind::Io,
        };
        Self::new(kind, error.to_string())
    }
}

fn is_file_limit(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let code = error.raw_os_error();
    code == Some(Errno::MFILE.raw_os_error()) || code == Some(Errno::NFILE.raw_os_error())
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        let (kind, detail) = match malformed {
            Malformed::Head => (FailureKind::BadAnswer, "the answer does not start with an HTTP/1 head"),
            Malformed::HeadTooLarge => (FailureKind::HeadTooLarge, "the head of the answer has no end"),
            Malformed::Length => (FailureKind::BadAnswer, "invalid length of the answer: expected one decimal number"),
            Malformed::Coding => (FailureKind::BadAnswer, "an HTTP/1.0 answer has a transfer coding"),
            Malformed::Chunk => (FailureKind::BadAnswer, "a chunk of the answer has no proper size"),
            Malformed::Truncated => (FailureKind::Truncated, "the connection ended inside the answer"),
        };
        Self::new(kind, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_its_cause_in_words() {
        let cases = [
            (io::Error::from(io::ErrorKind::ConnectionRefused), "connection refused"),
            (io::Error::from_raw_os_error(24), "too many open files"),
            (io::Error::from(io::ErrorKind::BrokenPipe), "connection reset"),
            (io::Error::from(io::ErrorKind::TimedOut), "timeout"),
        ];
        for (error, words) in cases {
            assert_eq!(Failure::from(error).kind.to_string(), words);
        }
        assert_eq!(FailureKind::Status(503).to_string(), "status 503");
    }

    #[test]
    fn only_what_the_server_never_took_may_be_sent_again() {
        let closed = io::Error::new(io::ErrorKind::BrokenPipe, ClosedBefore);
        assert!(Failure::from(closed).untaken);
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof] {
            assert!(!Failure::from(io::Error::from(kind)).untaken, "{kind:?}");
        }
    }
}
