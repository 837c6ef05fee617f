//! From a chat completion to a model's turn, and from a conversation to a request.

use serde_json::{Map, Value};

use super::failure::Failure;
use crate::{
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

/// Reads the first choice and the token count. One choice that is not in a list counts too.
pub(super) fn turn(reply: &Value) -> Result<ModelTurn, Failure> {
    let choice = match reply.get("choices") {
        None => return Err(Failure::Shape("`choices` is absent")),
        Some(Value::Null) => return Err(Failure::NoAnswer("`choices` is null")),
        Some(Value::Array(choices)) => choices.first().ok_or(Failure::NoAnswer("`choices` is empty"))?,
        Some(one) => one,
    };
    let message = match choice.get("message") {
        Some(Value::Null) => return Err(Failure::NoAnswer("`choices[0].message` is null")),
        Some(message) if message.is_object() => message,
        _ => return Err(Failure::Shape("`choices[0].message` is absent")),
    };
    let mut turn = ModelTurn::new(message.clone());
    turn.finish_reason = choice["finish_reason"].as_str().map(str::to_owned);
    turn.usage = usage(&reply["usage"]);
    Ok(turn)
}

fn usage(usage: &Value) -> Option<TokenUsage> {
    Some(TokenUsage {
        prompt: usage["prompt_tokens"].as_u64()?,
        completion: usage["completion_tokens"].as_u64()?,
        estimated: false,
    })
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
        let turn = turn(&reply).expect("a completion");
        assert_eq!(turn.message, message);
        assert_eq!(turn.finish_reason.as_deref(), Some("vendor_reason"));
        assert_eq!(turn.usage.map(TokenUsage::total), Some(7));
    }

    #[test]
    fn replies_without_an_answer_and_of_another_shape_are_told_apart() {
        let cases = [
            (json!({}), "`choices` is absent", false),
            (json!([1]), "`choices` is absent", false),
            (json!({"choices": [{"text": "old"}]}), "`choices[0].message` is absent", false),
            (json!({"choices": [{"message": "x"}]}), "`choices[0].message` is absent", false),
            (json!({"choices": []}), "`choices` is empty", true),
            (json!({"choices": null}), "`choices` is null", true),
            (json!({"choices": [{"message": null}]}), "`choices[0].message` is null", true),
        ];
        for (reply, problem, transient) in cases {
            let failure = turn(&reply).expect_err(problem);
            assert_eq!((failure.to_string().as_str(), failure.is_transient()), (problem, transient));
        }
        assert!(turn(&json!({"choices": {"message": {"content": "not in a list"}}})).is_ok());
    }

    #[test]
    fn a_reply_without_a_token_count_has_none() {
        let reply = json!({"choices": [{"message": {}}], "usage": {"prompt_tokens": 5}});
        assert_eq!(turn(&reply).expect("a completion").usage, None);
    }
}
