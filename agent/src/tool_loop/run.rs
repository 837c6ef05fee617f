//! One run of the loop, turn by turn, with its record.

use std::sync::Arc;

use serde_json::Value;

use super::{
    call::{self, Answer, Panicked},
    context::LoopContext,
    unfinished::{MAX_REMINDERS, Unfinished, is_cut_off},
};
use crate::{
    error::AgentError,
    limits::Limits,
    loop_clock::{Deadline, LoopClock, Waited},
    message::{self, Assistant, RawCall},
    model::{Model, ModelRequest, ModelTurn, TokenUsage},
    outcome::{CallRecord, CallStatus, EndReason, LoopOutcome, TimeLimit},
    tool::Tool,
    tool_set::ToolSet,
    transcript::{End, Header, Line, Reply, Request, VERSION},
    truncate::truncate,
};

/// The last text is kept whole up to here: a report, not a data dump.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// See [`super::run_tool_loop`].
pub(super) async fn run(
    model: &dyn Model,
    goal: &str,
    tools: &[&dyn Tool],
    system: &str,
    limits: &Limits,
    cx: &mut LoopContext,
) -> LoopOutcome {
    let tool_set = match ToolSet::new(tools) {
        Ok(tool_set) => tool_set,
        Err(error) => return outcome(EndReason::Setup(error)),
    };
    cx.transcript.add_secrets(model.secrets());
    let header = Header {
        version: VERSION,
        writer: env!("CARGO_PKG_VERSION").to_owned(),
        model: model.name().to_owned(),
        system: system.to_owned(),
        goal: goal.to_owned(),
        tools: tool_set.specs().to_vec(),
        limits: limits.clone(),
    };
    let clock = LoopClock::start(Arc::clone(&cx.clock));
    let total_time = cx.time_left.map_or(limits.total_time, |left| left.min(limits.total_time));
    let mut run = Run {
        model,
        tool_set,
        limits,
        total: clock.within(total_time),
        clock,
        messages: message::opening(system, goal),
        recorded: 0,
        reminders: 0,
        outcome: outcome(EndReason::Finished),
        cx,
    };
    let end = match run.record(&Line::Header(header)) {
        Ok(()) => run.turns().await,
        Err(end) => end,
    };
    run.finish(end)
}

fn outcome(end: EndReason) -> LoopOutcome {
    LoopOutcome { end, text: String::new(), turns: 0, calls: Vec::new(), usage: TokenUsage::default(), retries: 0 }
}

/// What a reply asks for, and why one that asks for nothing is not a final answer.
struct Asked {
    calls: Vec<RawCall>,
    unfinished: Option<Unfinished>,
}

struct Run<'a> {
    model: &'a dyn Model,
    tool_set: ToolSet<'a>,
    limits: &'a Limits,
    cx: &'a mut LoopContext,
    clock: LoopClock,
    total: Deadline,
    messages: Vec<Value>,
    /// How many of the messages are in the transcript already.
    recorded: usize,
    /// How often the model was told that its reply is not a final answer.
    reminders: u32,
    outcome: LoopOutcome,
}

impl Run<'_> {
    async fn turns(&mut self) -> EndReason {
        for turn in 1..=self.limits.max_turns {
            if let Err(end) = self.turn(turn).await {
                return end;
            }
        }
        EndReason::TurnCap
    }

    /// Takes one turn; an `Err` ends the loop, with its reason.
    async fn turn(&mut self, turn: u32) -> Result<(), EndReason> {
        let deadline = self.clock.within(self.limits.turn_time).min(self.total);
        let answer = self.ask(turn, deadline).await?;
        let Asked { calls: asked, unfinished } = self.take_reply(turn, answer)?;
        // Without room for the next request the model would not read what its calls answer.
        let over_budget = !self.has_room();
        if asked.is_empty() {
            let Some(unfinished) = unfinished else { return Err(EndReason::Finished) };
            if over_budget || turn == self.limits.max_turns || self.reminders == MAX_REMINDERS {
                return Err(unfinished.end());
            }
            self.reminders += 1;
            self.messages.push(message::instruction(unfinished.reminder()));
            return Ok(());
        }
        if over_budget || turn == self.limits.max_turns {
            self.leave(turn, asked)?;
            return Err(if over_budget { EndReason::Tokens } else { EndReason::TurnCap });
        }
        let mut asked = asked.into_iter();
        let mut number = 0;
        while let Some(call) = asked.next() {
            number += 1;
            let answer = if number > self.limits.max_calls_per_turn {
                Answer::too_many(self.limits.max_calls_per_turn)
            } else {
                call::answer(&self.tool_set, &call, self.limits, &self.clock, deadline, &self.cx.cancel).await
            };
            self.take_answer(turn, call, &answer)?;
            if let Err(end) = self.may_go_on(deadline) {
                self.leave(turn, asked.collect())?;
                return Err(end);
            }
        }
        Ok(())
    }

    async fn ask(&mut self, turn: u32, deadline: Deadline) -> Result<ModelTurn, EndReason> {
        self.may_go_on(deadline)?;
        if !self.has_room() {
            return Err(EndReason::Tokens);
        }
        let estimate = self.estimate();
        let request =
            Request { turn, at_ms: self.clock.elapsed_ms(), messages: self.messages[self.recorded..].to_vec() };
        self.record(&Line::Request(request))?;
        self.recorded = self.messages.len();
        let request = ModelRequest::new(&self.messages, self.tool_set.specs(), self.clock.clock());
        let reply = call::catch_panic(async { self.model.reply(request).await });
        let end = match self.clock.wait(reply, deadline, &self.cx.cancel).await {
            Waited::Done(Ok(Ok(answer))) => return Ok(answer),
            Waited::Done(Ok(Err(error))) => EndReason::ModelError(error),
            Waited::Done(Err(Panicked { message })) => EndReason::ModelError(AgentError::ModelPanicked { message }),
            Waited::Late => self.late(),
            Waited::Cancelled => EndReason::Cancelled,
        };
        // It was sent, whatever came of it.
        let attempts = match &end {
            EndReason::ModelError(AgentError::ModelUnavailable { attempts, .. }) => *attempts,
            _ => 1,
        };
        self.outcome.usage.add(estimate.times(attempts));
        Err(end)
    }

    /// What the next request takes by our own estimate.
    fn estimate(&self) -> TokenUsage {
        if self.model.is_metered() {
            TokenUsage::of_request(&self.messages, self.tool_set.specs())
        } else {
            TokenUsage::default()
        }
    }

    /// Whether the next request fits what is left of the token budget.
    fn has_room(&self) -> bool {
        self.outcome.usage.total().saturating_add(self.estimate().prompt) <= self.limits.max_tokens
    }

    /// What the server says of an answer, and what counts against the budget.
    fn usage_of(&self, answer: &ModelTurn) -> (TokenUsage, TokenUsage) {
        let sent = self.estimate();
        if !self.model.is_metered() {
            let usage = answer.usage.unwrap_or_default();
            return (usage, usage);
        }
        let estimate = sent.with_reply(&answer.message);
        let reported = answer.usage.unwrap_or(estimate);
        let mut counted = reported.or_larger(estimate);
        if answer.attempts > 1 {
            counted.add(sent.times(answer.attempts - 1));
        }
        (reported, counted)
    }

    /// Records a reply, puts it into the conversation and gives the calls that it asks for.
    fn take_reply(&mut self, turn: u32, answer: ModelTurn) -> Result<Asked, EndReason> {
        let (usage, counted) = self.usage_of(&answer);
        self.outcome.usage.add(counted);
        self.outcome.turns = turn;
        self.outcome.retries = self.outcome.retries.saturating_add(answer.attempts.saturating_sub(1));
        if answer.attempts > 1 {
            let met = answer.failed_attempts.join("; ");
            self.cx.note(&format!("the model answered turn {turn} after {} attempts: {met}", answer.attempts));
        }
        self.record(&Line::Reply(Reply {
            turn,
            at_ms: self.clock.elapsed_ms(),
            message: answer.message.clone(),
            finish_reason: answer.finish_reason.clone(),
            usage,
            counted: Some(counted),
            attempts: answer.attempts,
            failed_attempts: answer.failed_attempts,
        }))?;
        let Assistant { message, text, mut calls } =
            message::read_assistant(answer.message, turn, &self.tool_set).map_err(EndReason::ModelError)?;
        let finish_reason = answer.finish_reason.as_deref();
        if let Some(last) = calls.last_mut() {
            last.cut_off = is_cut_off(finish_reason) && last.is_torn();
        }
        let unfinished = Unfinished::of(finish_reason, &text, &self.tool_set);
        if !text.trim().is_empty() {
            self.outcome.text = truncate(&self.cx.transcript.mask(&text), MAX_TEXT_BYTES);
        }
        self.messages.push(message);
        Ok(Asked { calls, unfinished })
    }

    /// Masks and cuts an answer, records it and puts it into the conversation.
    fn take_answer(&mut self, turn: u32, call: RawCall, answer: &Answer) -> Result<(), EndReason> {
        let text = truncate(&self.cx.transcript.mask(&answer.text), self.limits.max_tool_output_bytes);
        self.messages.push(message::tool_result(&call.id, &text));
        self.keep(turn, call, answer.status, text)
    }

    /// Records calls that will not be answered.
    fn leave(&mut self, turn: u32, calls: Vec<RawCall>) -> Result<(), EndReason> {
        calls.into_iter().try_for_each(|call| self.keep(turn, call, CallStatus::NotRun, String::new()))
    }

    fn keep(&mut self, turn: u32, call: RawCall, status: CallStatus, reply: String) -> Result<(), EndReason> {
        let call = CallRecord { turn, id: call.id, tool: call.tool, arguments: call.arguments, status, reply };
        self.cx.note(&format!("tool call `{}` in turn {turn}: {}", call.tool, call.status));
        self.outcome.calls.push(call.clone());
        self.record(&Line::Call(call))
    }

    fn may_go_on(&self, deadline: Deadline) -> Result<(), EndReason> {
        if self.cx.cancel.is_cancelled() {
            Err(EndReason::Cancelled)
        } else if self.clock.passed(deadline) {
            Err(self.late())
        } else {
            Ok(())
        }
    }

    fn late(&self) -> EndReason {
        EndReason::Time(if self.clock.passed(self.total) { TimeLimit::Total } else { TimeLimit::Turn })
    }

    fn record(&mut self, line: &Line) -> Result<(), EndReason> {
        self.cx.transcript.write(line).map_err(EndReason::TranscriptFailed)
    }

    fn finish(mut self, end: EndReason) -> LoopOutcome {
        let line = End {
            at_ms: self.clock.elapsed_ms(),
            reason: end.code().to_owned(),
            error: end.error().map(ToString::to_string),
            turns: self.outcome.turns,
            text: self.outcome.text.clone(),
            usage: self.outcome.usage,
        };
        self.outcome.end = match (self.record(&Line::End(line)), end) {
            // A failure that came before is the one to report.
            (Err(failed), EndReason::Finished) => failed,
            (_, end) => end,
        };
        self.outcome
    }
}
