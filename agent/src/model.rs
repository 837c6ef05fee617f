//! What the loop asks of a model, whatever is behind it.

use std::time::Duration;

use chaos_core::{BoxFuture, Clock, Secret};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{error::AgentError, tool::ToolSpec};

/// Time for one answer where a model names none: slow local models need tens of seconds.
pub(crate) const DEFAULT_ANSWER_TIME: Duration = Duration::from_mins(1);

/// Answers a conversation with the next assistant turn.
///
/// Messages are values in the shape of OpenAI's chat API, so that what a vendor adds survives the round trip.
/// A request that takes too long, or is cancelled, is dropped.
pub trait Model: Send + Sync {
    /// Names the model for people and for the transcript.
    fn name(&self) -> &str;

    /// Gives the next turn.
    ///
    /// # Errors
    /// [`AgentError`] when no answer can be had; the loop then ends. Retries are the model's own business.
    fn reply<'a>(&'a self, request: ModelRequest<'a>) -> BoxFuture<'a, Result<ModelTurn, AgentError>>;

    /// Time that one answer may take, retries and their waits included; a caller derives its limits from it.
    fn answer_time(&self) -> Duration {
        DEFAULT_ANSWER_TIME
    }

    /// Whether its tokens are estimated beside the server's own count; `false` for one that asks no server.
    fn is_metered(&self) -> bool {
        true
    }

    /// Lists values that must not reach a transcript, for instance an API key.
    fn secrets(&self) -> Vec<Secret> {
        Vec::new()
    }
}

/// The conversation so far and the tools on offer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ModelRequest<'a> {
    /// All messages, oldest first.
    pub messages: &'a [Value],
    /// The tools that may be called.
    pub tools: &'a [ToolSpec],
    /// Where waits take their time from. A model that does real I/O marks it with [`Clock::external`].
    pub clock: &'a dyn Clock,
}

impl<'a> ModelRequest<'a> {
    /// Puts a request together.
    pub fn new(messages: &'a [Value], tools: &'a [ToolSpec], clock: &'a dyn Clock) -> Self {
        Self { messages, tools, clock }
    }

    /// Counts the assistant turns so far.
    pub fn turns_so_far(&self) -> usize {
        let assistant = |message: &&Value| message["role"] == "assistant";
        self.messages.iter().filter(assistant).count()
    }
}

/// One turn of a model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelTurn {
    /// The assistant message, as it came.
    pub message: Value,
    /// Why the model stopped, as the server put it.
    pub finish_reason: Option<String>,
    /// Tokens used by this request; `None` when the server does not say.
    pub usage: Option<TokenUsage>,
    /// Requests it took to get the answer.
    pub attempts: u32,
    /// What each request before the last one met, without secrets.
    pub failed_attempts: Vec<String>,
}

impl ModelTurn {
    /// Wraps an assistant message that took one request and no tokens.
    pub fn new(message: Value) -> Self {
        Self {
            message,
            finish_reason: None,
            usage: Some(TokenUsage::default()),
            attempts: 1,
            failed_attempts: Vec::new(),
        }
    }
}

/// Tokens of one request, or of a whole loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Tokens read.
    pub prompt: u64,
    /// Tokens written.
    pub completion: u64,
    /// True when a part of these is estimated from the length: the server gave no count, or a smaller one.
    #[serde(default)]
    pub estimated: bool,
}

impl TokenUsage {
    /// Tokens read and written together.
    pub fn total(self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }

    /// Estimates what a request sends, from the lengths of the JSON texts of its messages and tools.
    pub(crate) fn of_request(messages: &[Value], tools: &[ToolSpec]) -> Self {
        let told: u64 = messages.iter().map(tokens).sum();
        let offered: u64 = tools.iter().map(|tool| tokens(&tool.to_openai())).sum();
        Self { prompt: told.saturating_add(offered), completion: 0, estimated: true }
    }

    /// The same with the reply that it got, calls and reasoning included.
    pub(crate) fn with_reply(self, reply: &Value) -> Self {
        Self { completion: tokens(reply), ..self }
    }

    /// The same request made so many times.
    pub(crate) fn times(self, attempts: u32) -> Self {
        Self { prompt: self.prompt.saturating_mul(u64::from(attempts)), ..self }
    }

    /// The larger figure of each kind: a server that counts nothing, or too little, makes no budget endless.
    pub(crate) fn or_larger(self, other: Self) -> Self {
        let estimated = (self.estimated && (self.prompt > other.prompt || self.completion > other.completion))
            || (other.estimated && (other.prompt > self.prompt || other.completion > self.completion));
        Self {
            prompt: self.prompt.max(other.prompt),
            completion: self.completion.max(other.completion),
            estimated: estimated || (self.estimated && other.estimated),
        }
    }

    /// Adds the tokens of one more request.
    pub(crate) fn add(&mut self, other: Self) {
        self.prompt = self.prompt.saturating_add(other.prompt);
        self.completion = self.completion.saturating_add(other.completion);
        self.estimated |= other.estimated;
    }
}

/// Four bytes of JSON text a token, rounded up: OpenAI's rule of thumb for English text.
fn tokens(value: &Value) -> u64 {
    (value.to_string().len() as u64).div_ceil(4)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_estimate_is_four_bytes_a_token_and_says_so() {
        let usage = TokenUsage::of_request(&[json!("abcdef"), json!("ab")], &[]).with_reply(&json!("abc"));
        // With their quotes: 8 and 4 bytes read, 5 written.
        let expected = TokenUsage { prompt: 3, completion: 2, estimated: true };
        assert_eq!(usage, expected);
    }

    #[test]
    fn the_larger_figure_of_each_kind_counts() {
        let of = |prompt, completion, estimated| TokenUsage { prompt, completion, estimated };
        assert_eq!(of(0, 0, false).or_larger(of(30, 5, true)), of(30, 5, true));
        assert_eq!(of(40, 9, false).or_larger(of(30, 5, true)), of(40, 9, false));
        assert_eq!(of(40, 1, false).or_larger(of(30, 5, true)), of(40, 5, true));
        assert_eq!(of(u64::MAX, 1, true).times(4), of(u64::MAX, 1, true));
    }

    #[test]
    fn the_tools_on_offer_are_sent_too() {
        let parameters = json!({"type": "object", "description": "x".repeat(4000)});
        let tool = ToolSpec { name: "load".into(), description: String::new(), parameters, strict: None };
        assert!(TokenUsage::of_request(&[], &[tool]).prompt > 1000);
    }

    #[test]
    fn a_sum_stays_estimated_and_does_not_overflow() {
        let mut sum = TokenUsage { prompt: u64::MAX, completion: 1, estimated: false };
        sum.add(TokenUsage { prompt: 1, completion: 1, estimated: true });
        assert_eq!(sum.total(), u64::MAX);
        assert!(sum.estimated);
    }
}
