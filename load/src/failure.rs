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
}

impl Failure {
    /// Makes a failure.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// Whether a reused connection that fails like this was dead before the
    /// request reached anybody. A timeout is not: the server may be at work.
    pub(crate) fn is_dead_connection(&self) -> bool {
        matches!(self.kind, FailureKind::Closed | FailureKind::Reset)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let kind = match error.kind() {
            Kind::ConnectionRefused => FailureKind::Refused,
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => FailureKind::Reset,
            Kind::UnexpectedEof => FailureKind::Closed,
            Kind::TimedOut => FailureKind::Timeout,
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::AddrNotAvailable => FailureKind::Unreachable,
            Kind::InvalidData => FailureKind::Tls,
            _ if is_file_limit(&error) => FailureKind::TooManyFiles,
            _ => FailureKind::Io,
        };
        Self { kind, detail: error.to_string() }
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
    fn only_a_dead_connection_is_worth_a_second_try() {
        assert!(Failure::new(FailureKind::Closed, "").is_dead_connection());
        assert!(!Failure::new(FailureKind::Timeout, "").is_dead_connection());
    }
}
