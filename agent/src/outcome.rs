//! What a finished loop hands back.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{error::AgentError, model::TokenUsage};

/// Everything a caller needs to judge a loop. The transcript has the details.
#[derive(Debug)]
#[non_exhaustive]
pub struct LoopOutcome {
    /// Why the loop ended.
    pub end: EndReason,
    /// The last text that the model gave, also when that turn asked for tools too. Secrets are masked.
    pub text: String,
    /// Answers that the model gave.
    pub turns: u32,
    /// Every call that the model asked for, in order, also those that were not run.
    pub calls: Vec<CallRecord>,
    /// Tokens over all turns, as they count against [`crate::Limits::max_tokens`].
    pub usage: TokenUsage,
    /// Requests to the model beyond one for each answer: attempts that failed and were made again.
    pub retries: u32,
}

/// Why a loop ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum EndReason {
    /// The model answered without asking for a tool.
    Finished,
    /// The model's last reply was cut off at the server's output limit, also when it was asked to be shorter.
    CutOff,
    /// The model wrote a tool call as text, also when it was told how to ask for one.
    CallAsText,
    /// The model still asked for tools when its last turn was used up.
    TurnCap,
    /// A time limit was reached.
    Time(TimeLimit),
    /// The token budget was used up.
    Tokens,
    /// The loop was cancelled from outside.
    Cancelled,
    /// The model gave no usable answer.
    ModelError(AgentError),
    /// The tools that were handed in cannot be offered; nothing was asked of the model.
    Setup(AgentError),
    /// The transcript could not be written, and nothing is done without one.
    TranscriptFailed(AgentError),
}

/// Which time limit ended a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLimit {
    /// [`crate::Limits::turn_time`].
    Turn,
    /// [`crate::Limits::total_time`].
    Total,
}

impl EndReason {
    /// Names the reason as the transcript does.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::CutOff => "cut_off",
            Self::CallAsText => "call_as_text",
            Self::TurnCap => "turn_cap",
            Self::Time(TimeLimit::Turn) => "turn_time",
            Self::Time(TimeLimit::Total) => "total_time",
            Self::Tokens => "tokens",
            Self::Cancelled => "cancelled",
            Self::ModelError(_) => "model_error",
            Self::Setup(_) => "setup",
            Self::TranscriptFailed(_) => "transcript_failed",
        }
    }

    /// Gives the error behind the reason, where there is one.
    pub fn error(&self) -> Option<&AgentError> {
        match self {
            Self::ModelError(error) | Self::Setup(error) | Self::TranscriptFailed(error) => Some(error),
            _ => None,
        }
    }
}

/// One call that a model asked for, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CallRecord {
    /// The turn that asked for it, from 1.
    pub turn: u32,
    /// The call's id.
    pub id: String,
    /// The tool's name; as the model wrote it where no tool is meant.
    pub tool: String,
    /// The arguments as the model wrote them: usually a string that holds JSON, or should.
    pub arguments: Value,
    /// What came of it.
    pub status: CallStatus,
    /// What the model read as the answer; empty for a call that was not answered.
    pub reply: String,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CallStatus {
    /// The tool did it.
    Done,
    /// The tool refused or failed.
    Failed,
    /// The tool panicked.
    Panicked,
    /// The tool took too long and was dropped.
    TimedOut,
    /// The loop was cancelled, and the call did not end within its grace.
    Cancelled,
    /// No tool has that name; nothing was done.
    UnknownTool,
    /// The arguments could not be read; nothing was done.
    BadArguments,
    /// One reply asked for too many calls; nothing was done.
    TooMany,
    /// The loop ended before its turn came; nothing was done.
    NotRun,
}

impl CallStatus {
    /// Whether the tool itself was started.
    pub fn ran(self) -> bool {
        match self {
            Self::Done | Self::Failed | Self::Panicked | Self::TimedOut | Self::Cancelled => true,
            Self::UnknownTool | Self::BadArguments | Self::TooMany | Self::NotRun => false,
        }
    }
}

impl fmt::Display for CallStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::TimedOut => "timed out",
            Self::Cancelled => "cancelled",
            Self::UnknownTool => "unknown tool",
            Self::BadArguments => "bad arguments",
            Self::TooMany => "one call too many",
            Self::NotRun => "not run",
        })
    }
}
