//! The offline planner: makes the planned call without a model, and says so.

use chaos_core::BoxFuture;
use serde_json::{Value, json};

use crate::{
    error::AgentError,
    model::{Model, ModelRequest, ModelTurn},
    tool::ERROR_PREFIX,
};

/// Makes one planned call, then reports what came of it.
///
/// It holds no state: what to say follows from the conversation alone, so equal tools give equal transcripts.
#[derive(Clone, Debug)]
pub struct OfflinePlanner {
    tool: String,
    arguments: Value,
}

impl OfflinePlanner {
    /// Plans a call of the named tool.
    pub fn new(tool: impl Into<String>, arguments: Value) -> Self {
        Self { tool: tool.into(), arguments }
    }

    fn planned_call(&self) -> Value {
        json!({
            "role": "assistant",
            "content": null,
            "tool_calls": [{
                "id": "call_planned",
                "type": "function",
                "function": {"name": self.tool, "arguments": self.arguments.to_string()},
            }],
        })
    }

    fn report(&self, messages: &[Value]) -> Value {
        let answer = messages
            .iter()
            .rev()
            .find(|message| message["role"] == "tool")
            .and_then(|message| message["content"].as_str())
            .unwrap_or_default();
        let outcome = match answer.strip_prefix(ERROR_PREFIX) {
            Some(problem) => format!("The planned call of `{}` failed: {problem}", self.tool),
            None => format!("The planned call of `{}` was made once. It answered: {answer}", self.tool),
        };
        json!({
            "role": "assistant",
            "content": format!("{outcome}\nNo model was used: the offline planner made this call."),
        })
    }
}

impl Model for OfflinePlanner {
    fn name(&self) -> &'static str {
        "offline planner"
    }

    fn reply<'a>(&'a self, request: ModelRequest<'a>) -> BoxFuture<'a, Result<ModelTurn, AgentError>> {
        let message = if request.turns_so_far() == 0 { self.planned_call() } else { self.report(request.messages) };
        Box::pin(async move { Ok(ModelTurn::new(message)) })
    }

    fn is_metered(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::RealClock;

    use super::*;
    use crate::message;

    async fn turn(planner: &OfflinePlanner, messages: &[Value]) -> Value {
        let clock = RealClock::new();
        let turn = planner.reply(ModelRequest::new(messages, &[], &clock)).await;
        turn.expect("never fails").message
    }

    #[tokio::test]
    async fn the_first_turn_is_the_planned_call() {
        let planner = OfflinePlanner::new("load", json!({"qps": 300}));
        let message = turn(&planner, &message::opening("", "go")).await;
        assert_eq!(
            message["tool_calls"],
            json!([{"id": "call_planned", "type": "function",
                "function": {"name": "load", "arguments": "{\"qps\":300}"}}])
        );
    }

    #[tokio::test]
    async fn the_second_turn_reports_and_says_that_no_model_was_used() {
        let planner = OfflinePlanner::new("load", json!({}));
        let cases = [
            (
                "300 requests answered",
                "The planned call of `load` was made once. It answered: 300 requests answered\n\
                 No model was used: the offline planner made this call.",
            ),
            (
                "Error: connection refused",
                "The planned call of `load` failed: connection refused\n\
                 No model was used: the offline planner made this call.",
            ),
        ];
        for (answer, expected) in cases {
            let mut messages = message::opening("", "go");
            messages.push(planner.planned_call());
            messages.push(message::tool_result("call_planned", answer));
            let message = turn(&planner, &messages).await;
            assert_eq!(message["content"], expected);
            assert!(message.get("tool_calls").is_none());
        }
    }
}
