//! The lines of a transcript.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{limits::Limits, model::TokenUsage, outcome::CallRecord, tool::ToolSpec};

/// Version of the format; raised only when an older reader would misread a line.
pub(crate) const VERSION: u32 = 1;

/// One line, told apart by its `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Line {
    Header(Header),
    Request(Request),
    Reply(Reply),
    Call(CallRecord),
    End(End),
}

/// What the loop was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) version: u32,
    /// The version of this crate that wrote it.
    pub(crate) writer: String,
    pub(crate) model: String,
    pub(crate) system: String,
    pub(crate) goal: String,
    pub(crate) tools: Vec<ToolSpec>,
    pub(crate) limits: Limits,
}

/// The messages that are new in a request; with those of the requests before, the whole conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) turn: u32,
    /// Milliseconds since the loop started.
    pub(crate) at_ms: u64,
    pub(crate) messages: Vec<Value>,
}

/// The model's answer, as it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub(crate) turn: u32,
    pub(crate) at_ms: u64,
    pub(crate) message: Value,
    pub(crate) finish_reason: Option<String>,
    /// As the server counts them; estimated where it does not.
    pub(crate) usage: TokenUsage,
    /// What counts against the budget, failed attempts included: by our own estimate where that is larger. Absent before
    /// there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) counted: Option<TokenUsage>,
    pub(crate) attempts: u32,
    /// What each request before the last one met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) failed_attempts: Vec<String>,
}

/// How the loop ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) at_ms: u64,
    pub(crate) reason: String,
    pub(crate) error: Option<String>,
    pub(crate) turns: u32,
    pub(crate) text: String,
    pub(crate) usage: TokenUsage,
}
