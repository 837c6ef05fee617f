//! From a chat completion to a model's turn, and from a conversation to a request.

use serde_json::{Map, Value};

use crate::{
    error::AgentError,
    model::{ModelRequest, ModelTurn, TokenUsage},
    tool::ToolSpec,
};

/// Puts a request body together. `extra` cannot replace what the loop decides.
pub(super) fn body(model: &str, extra: &Map<String, Value>, request: ModelRequest<'_>) -> Value {
    let mut body = extra.clone();
    body.insert("model".into(), model.into());
    body.insert("messages".into(), request.messages.into());
    body.insert("stream".into(), false.into());
    // An empty list of tools is refused by OpenAI's own server.
    body.remove("tools");
    if !request.tools.is_empty() {
        let tools: Vec<Value> = request.tools.iter().map(ToolSpec::to_openai).collect();
        body.insert("tools".into(), tools.into());
    }
    Value::Object(body)
}

/// Reads the first choice and the token count.
pub(super) fn turn(reply: &Value, attempts: u32) -> Result<ModelTurn, AgentError> {
    let choice = reply
        .get("choices")
        .and_then(|choices| choices.get(0))
        .ok_or_else(|| malformed("`choices` is absent or empty"))?;
    let message = choice
        .get("message")
        .filter(|message| message.is_object())
        .ok_or_else(|| malformed("`choices[0].message` is absent"))?;
    Ok(ModelTurn {
        message: message.clone(),
        finish_reason: choice["finish_reason"].as_str().map(str::to_owned),
        usage: usage(&reply["usage"]),
        attempts,
    })
}

fn usage(usage: &Value) -> Option<TokenUsage> {
    Some(TokenUsage {
        prompt: usage["prompt_tokens"].as_u64()?,
        completion: usage["completion_tokens"].as_u64()?,
        estimated: false,
    })
}

fn malformed(problem: &str) -> AgentError {
    let problem = problem.to_owned();
    AgentError::ModelReply { problem }
}

#[cfg(test)]
mod tests {
    use chaos_core::RealClock;
    use serde_json::json;

    use super::*;

    fn extra(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_request_has_this_shape() {
        let tools = [ToolSpec {
            name: "load".into(),
            description: "Sends load.".into(),
            parameters: json!({"type": "object"}),
            strict: None,
        }];
        let clock = RealClock::new();
        let messages = [json!({"role": "user", "content": "go"})];
        let request = ModelRequest::new(&messages, &tools, &clock);
        assert_eq!(
            body("m", &extra(&json!({"temperature": 0, "chat_template_kwargs": {"a": 1}})), request),
            json!({
                "model": "m",
                "messages": [{"role": "user", "content": "go"}],
                "stream": false,
                "tools": [{"type": "function", "function": {
                    "name": "load", "description": "Sends load.", "parameters": {"type": "object"}}}],
                "temperature": 0,
                "chat_template_kwargs": {"a": 1},
            })
        );
    }

    #[test]
    fn extra_members_cannot_replace_what_the_loop_decides() {
        let clock = RealClock::new();
        let sneaky = extra(&json!({"model": "x", "messages": [], "stream": true, "tools": [1]}));
        assert_eq!(
            body("m", &sneaky, ModelRequest::new(&[json!(1)], &[], &clock)),
            json!({"model": "m", "messages": [1], "stream": false})
        );
    }

    #[test]
    fn vendor_fields_of_a_message_survive() {
        let message = json!({"role": "assistant", "content": "hi", "reasoning_content": "hm"});
        let reply = json!({
            "choices": [{"message": message, "finish_reason": "vendor_reason"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "vendor": {}},
        });
        let turn = turn(&reply, 3).expect("a completion");
        assert_eq!(turn.message, message);
        assert_eq!(turn.finish_reason.as_deref(), Some("vendor_reason"));
        assert_eq!(turn.usage.map(TokenUsage::total), Some(7));
        assert_eq!(turn.attempts, 3);
    }

    #[test]
    fn replies_of_another_shape_are_refused() {
        let cases = [
            (json!({}), "`choices` is absent or empty"),
            (json!({"choices": []}), "`choices` is absent or empty"),
            (json!([1]), "`choices` is absent or empty"),
            (json!({"choices": [{"text": "old"}]}), "`choices[0].message` is absent"),
            (json!({"choices": [{"message": "x"}]}), "`choices[0].message` is absent"),
        ];
        for (reply, problem) in cases {
            let error = turn(&reply, 1).expect_err(problem);
            let message = format!("model reply is not a chat completion: {problem}");
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn a_reply_without_a_token_count_has_none() {
        let reply = json!({"choices": [{"message": {}}], "usage": {"prompt_tokens": 5}});
        assert_eq!(turn(&reply, 1).expect("a completion").usage, None);
    }
}
