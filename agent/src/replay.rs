//! Plays a transcript again, without a model and without touching the world.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use chaos_core::{BoxFuture, RealClock, Redactor};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    error::AgentError,
    limits::Limits,
    model::{Model, ModelRequest, ModelTurn},
    outcome::{CallRecord, LoopOutcome},
    tool::{ERROR_PREFIX, Tool, ToolReply, ToolSpec},
    tool_loop::{LoopContext, run_tool_loop},
    transcript::{Transcript, TranscriptWriter},
};

/// A model that says again what was recorded.
///
/// Which turn comes next follows from the conversation, so one replayer serves any number of loops.
#[derive(Clone, Debug)]
pub struct Replayer {
    name: String,
    turns: Vec<ModelTurn>,
    calls: Vec<CallRecord>,
}

impl Replayer {
    /// Takes the recorded turns.
    pub fn new(transcript: &Transcript) -> Self {
        let turn = |reply: &crate::transcript::Reply| ModelTurn {
            message: reply.message.clone(),
            finish_reason: reply.finish_reason.clone(),
            usage: Some(reply.counted.unwrap_or(reply.usage)),
            attempts: reply.attempts,
            failed_attempts: reply.failed_attempts.clone(),
        };
        Self {
            name: format!("replay of {}", transcript.model()),
            turns: transcript.replies.iter().map(turn).collect(),
            calls: transcript.calls.clone(),
        }
    }

    /// Checks that a replayed loop asked for the recorded calls: same tools, same raw arguments, same order.
    ///
    /// # Errors
    /// [`AgentError::ReplayDiffers`] for the first call that differs.
    pub fn check(&self, outcome: &LoopOutcome) -> Result<(), AgentError> {
        let count = self.calls.len().max(outcome.calls.len());
        for index in 0..count {
            let (recorded, replayed) = (self.calls.get(index), outcome.calls.get(index));
            let key = |call: &CallRecord| (call.tool.clone(), call.arguments.clone());
            if recorded.map(key) != replayed.map(key) {
                return Err(AgentError::ReplayDiffers {
                    call: index + 1,
                    recorded: shown(recorded),
                    replayed: shown(replayed),
                });
            }
        }
        Ok(())
    }
}

fn shown(call: Option<&CallRecord>) -> String {
    call.map_or_else(|| "nothing".to_owned(), |call| format!("`{}` in turn {}", call.tool, call.turn))
}

impl Model for Replayer {
    fn name(&self) -> &str {
        &self.name
    }

    fn reply<'a>(&'a self, request: ModelRequest<'a>) -> BoxFuture<'a, Result<ModelTurn, AgentError>> {
        let turn = self.turns.get(request.turns_so_far()).cloned();
        Box::pin(async move { turn.ok_or(AgentError::ReplayExhausted { recorded: self.turns.len() }) })
    }

    /// What counted then is in the transcript.
    fn is_metered(&self) -> bool {
        false
    }
}

/// Plays a whole transcript: recorded turns, recorded tool answers, the recorded limits.
///
/// # Errors
/// [`AgentError::ReplayDiffers`] when the loop, as it is today, asks for other calls than the recorded one did.
pub async fn replay(transcript: &Transcript) -> Result<LoopOutcome, AgentError> {
    let replayer = Replayer::new(transcript);
    let header = &transcript.header;
    let answers: VecDeque<CallRecord> = transcript.calls.iter().filter(|call| call.status.ran()).cloned().collect();
    let answers = Arc::new(Mutex::new(answers));
    let tools: Vec<RecordedTool> =
        header.tools.iter().map(|spec| RecordedTool { spec: spec.clone(), answers: Arc::clone(&answers) }).collect();
    let tools: Vec<&dyn Tool> = tools.iter().map(|tool| tool as &dyn Tool).collect();
    let limits: &Limits = &header.limits;
    let mut cx = LoopContext::new(
        Arc::new(RealClock::new()),
        CancellationToken::new(),
        TranscriptWriter::discard(Redactor::default()),
    );
    let outcome = run_tool_loop(&replayer, &header.goal, &tools, &header.system, limits, &mut cx).await;
    replayer.check(&outcome)?;
    Ok(outcome)
}

/// Stands in for a tool and answers what the tool answered then. All tools of a transcript share one queue.
struct RecordedTool {
    spec: ToolSpec,
    answers: Arc<Mutex<VecDeque<CallRecord>>>,
}

impl Tool for RecordedTool {
    fn name(&self) -> &str {
        &self.spec.name
    }

    fn description(&self) -> &str {
        &self.spec.description
    }

    fn parameters(&self) -> Value {
        self.spec.parameters.clone()
    }

    fn strict(&self) -> Option<bool> {
        self.spec.strict
    }

    fn call(&self, _args: Value) -> BoxFuture<'_, ToolReply> {
        let next = self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let reply = match next {
            Some(call) if call.tool == self.spec.name => match call.reply.strip_prefix(ERROR_PREFIX) {
                Some(problem) => ToolReply::failed(problem),
                None => ToolReply::done(call.reply),
            },
            _ => ToolReply::failed("the transcript has no answer to this call"),
        };
        Box::pin(async move { reply })
    }
}
