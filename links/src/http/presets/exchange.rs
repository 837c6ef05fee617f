//! A request and its answer, and what takes the place of the answer.

use hyper::StatusCode;
use hyper::http::request::Parts;
use serde_json::Value;

use super::events;

/// Whether a preset is about a request with this head and body.
pub(crate) type IsAbout = fn(&Parts, &[u8]) -> bool;

/// What becomes of an answer whose status is one of success; `None` where it passes unharmed, and is not counted.
pub(crate) type Rewrite = fn(&Exchange<'_>) -> Option<Rewritten>;

/// A request and its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange<'a> {
    /// The body of the request.
    pub(crate) request: &'a [u8],
    /// The body of the answer, in no encoding.
    pub(crate) answer: &'a [u8],
    /// Whether the answer is a stream of server-sent events.
    pub(crate) is_stream: bool,
}

/// The answer that takes the place of the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rewritten {
    /// Another status, and a body of JSON in place of what the server's was.
    pub(crate) status: Option<StatusCode>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// A body as JSON, where it is.
pub(super) fn json(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}

impl Rewritten {
    /// Another body under the same status.
    pub(super) fn body(body: Vec<u8>) -> Self {
        Self { status: None, body }
    }
}

impl Exchange<'_> {
    /// What the answer becomes where each of its JSON values does, in its body or in its events.
    ///
    /// `change` says whether it changed the value; where it changed none, the answer passes unharmed.
    pub(super) fn each_json(&self, mut change: impl FnMut(&mut Value) -> bool) -> Option<Rewritten> {
        if self.is_stream {
            return events::changed(self.answer, change).map(Rewritten::body);
        }
        let mut answer = json(self.answer)?;
        change(&mut answer).then(|| Rewritten::body(answer.to_string().into_bytes()))
    }
}
