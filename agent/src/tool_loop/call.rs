//! One call: found, decoded, run under its limits, its answer masked and cut.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    arguments,
    limits::Limits,
    loop_clock::{Deadline, LoopClock, Waited},
    message::RawCall,
    outcome::CallStatus,
    tool::{Tool, ToolReply},
    tool_set::ToolSet,
};

/// What a call came to: its status and the text for the model.
pub(super) struct Answer {
    pub(super) status: CallStatus,
    pub(super) text: String,
}

impl Answer {
    fn error(status: CallStatus, text: impl Into<String>) -> Self {
        let text = ToolReply::failed(text).into_model_text();
        Self { status, text }
    }

    /// For a call beyond the number that one reply may hold.
    pub(super) fn too_many(limit: usize) -> Self {
        let text = format!("too many tool calls in one turn; at most {limit} are run");
        Self::error(CallStatus::TooMany, text)
    }
}

/// Runs one call until it ends, its own time or the turn's is over, or the loop is cancelled.
pub(super) async fn answer(
    tool_set: &ToolSet<'_>,
    call: &RawCall,
    limits: &Limits,
    clock: &LoopClock,
    turn: Deadline,
    cancel: &CancellationToken,
) -> Answer {
    let Some((tool, spec)) = tool_set.get(&call.tool) else {
        let known = match tool_set.names() {
            names if names.is_empty() => "there are none".to_owned(),
            names => format!("the tools are {names}"),
        };
        let text = format!("unknown tool `{}`; {known}", call.tool);
        return Answer::error(CallStatus::UnknownTool, text);
    };
    if call.cut_off {
        let text = "the reply was cut off at the server's output limit (finish_reason `length`); write this call again, shorter";
        return Answer::error(CallStatus::BadArguments, text);
    }
    let args = match arguments::decode(&call.arguments, &spec.parameters) {
        Ok(args) => args,
        Err(problem) => return Answer::error(CallStatus::BadArguments, problem.to_string()),
    };
    let deadline = clock.within(limits.call_time).min(turn);
    let work = Box::pin(catch_panic(started(tool, args)));
    match clock.wait_with_grace(work, deadline, cancel, limits.cancel_grace).await {
        Waited::Done(Ok(reply)) => {
            let status = match &reply {
                ToolReply::Done(_) => CallStatus::Done,
                ToolReply::Failed(_) => CallStatus::Failed,
            };
            let text = reply.into_model_text();
            Answer { status, text }
        }
        Waited::Done(Err(Panicked { message })) => {
            let text = format!("the tool panicked: {message}");
            Answer::error(CallStatus::Panicked, text)
        }
        Waited::Late => Answer::error(CallStatus::TimedOut, "the tool did not end in time and was stopped"),
        Waited::Cancelled => Answer::error(CallStatus::Cancelled, "the run was cancelled"),
    }
}

/// Calls inside the future, so that a panic before the tool's first await is caught too.
async fn started(tool: &dyn Tool, args: Value) -> ToolReply {
    tool.call(args).await
}

/// A panic that was caught.
pub(super) struct Panicked {
    pub(super) message: String,
}

/// Runs a future and turns a panic into its message.
///
/// What a panicking plug-in leaves behind is its own: nothing of the loop is shared with it.
pub(super) async fn catch_panic<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let ended = AssertUnwindSafe(future).catch_unwind().await;
    ended.map_err(|payload| Panicked { message: message_of(payload.as_ref()) })
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "no message".to_owned()
    }
}
