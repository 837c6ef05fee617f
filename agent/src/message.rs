//! The shapes of chat messages: those the loop writes, and those it reads from a model.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{arguments, error::AgentError};

/// An assistant message, read and made fit for being sent back.
#[derive(Debug, PartialEq)]
pub(crate) struct Assistant {
    /// The message for the history: as it came, with gaps in its tool calls filled.
    pub(crate) message: Value,
    /// What it says, beside the calls.
    pub(crate) text: String,
    /// What it asks for.
    pub(crate) calls: Vec<RawCall>,
}

/// One tool call as the model wrote it.
#[derive(Debug, PartialEq)]
pub(crate) struct RawCall {
    /// The call's id; made up where the model gave none.
    pub(crate) id: String,
    /// The tool's name; empty where the model gave none.
    pub(crate) tool: String,
    /// The arguments, untouched.
    pub(crate) arguments: Value,
}

/// Gives the messages that open a conversation. An empty system text is left out.
pub(crate) fn opening(system: &str, goal: &str) -> Vec<Value> {
    let mut messages = Vec::new();
    if !system.is_empty() {
        messages.push(json!({"role": "system", "content": system}));
    }
    messages.push(json!({"role": "user", "content": goal}));
    messages
}

/// Gives the answer to one tool call.
pub(crate) fn tool_result(id: &str, text: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": text})
}

/// Reads a message and fills the gaps that a server would refuse to see in the history.
///
/// Everything that the vendor added stays. Filled are: the role, absent or repeated call ids, the call's `type`, and
/// arguments that are no JSON object, which become `{}`: several servers parse the history's arguments and refuse the
/// whole request otherwise. The raw arguments go to the transcript, and the model reads what was wrong with them.
pub(crate) fn read_assistant(message: Value, turn: u32) -> Result<Assistant, AgentError> {
    let Value::Object(mut message) = message else {
        return Err(malformed("the message is not an object"));
    };
    message.insert("role".into(), "assistant".into());
    let text = text_of(&message);
    let calls = match message.get_mut("tool_calls") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(calls)) => read_calls(calls, turn),
        Some(_) => return Err(malformed("`tool_calls` is not a list")),
    };
    Ok(Assistant { message: Value::Object(message), text, calls })
}

fn malformed(problem: &str) -> AgentError {
    AgentError::ModelReply { problem: problem.to_owned() }
}

/// Content is a string, or a list of parts of which those with text count; a refusal stands where content does not.
fn text_of(message: &Map<String, Value>) -> String {
    let text = match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    };
    match message.get("refusal").and_then(Value::as_str) {
        Some(refusal) if text.is_empty() => refusal.to_owned(),
        _ => text,
    }
}

fn read_calls(calls: &mut [Value], turn: u32) -> Vec<RawCall> {
    let mut seen = BTreeSet::new();
    calls
        .iter_mut()
        .enumerate()
        .map(|(index, call)| {
            let raw = read_call(call, turn, index, &seen);
            seen.insert(raw.id.clone());
            raw
        })
        .collect()
}

fn read_call(call: &mut Value, turn: u32, index: usize, seen: &BTreeSet<String>) -> RawCall {
    let call = object_in(call);
    let id = match call.get("id") {
        Some(Value::String(id)) if !id.is_empty() && !seen.contains(id) => id.clone(),
        _ => format!("call_{turn}_{}", index + 1),
    };
    call.insert("id".into(), id.clone().into());
    call.entry("type").or_insert_with(|| "function".into());
    let function = object_in(call.entry("function").or_insert(Value::Null));
    let tool = match function.get("name") {
        Some(Value::String(name)) => name.clone(),
        _ => String::new(),
    };
    function.insert("name".into(), tool.clone().into());
    let arguments = function.get("arguments").cloned().unwrap_or(Value::Null);
    if !arguments::is_object(&arguments) {
        function.insert("arguments".into(), "{}".into());
    }
    RawCall { id, tool, arguments }
}

/// Makes sure that a slot holds an object.
fn object_in(slot: &mut Value) -> &mut Map<String, Value> {
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    slot.as_object_mut().expect("the line above put an object there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_writes_these_shapes() {
        assert_eq!(
            opening("be brief", "make load"),
            [json!({"role": "system", "content": "be brief"}), json!({"role": "user", "content": "make load"}),]
        );
        assert_eq!(opening("", "go"), [json!({"role": "user", "content": "go"})]);
        assert_eq!(tool_result("call_9", "done"), json!({"role": "tool", "tool_call_id": "call_9", "content": "done"}));
    }

    #[test]
    fn a_well_formed_message_goes_back_untouched() {
        let message = json!({
            "role": "assistant",
            "content": null,
            "reasoning_content": "vendor's own",
            "tool_calls": [{
                "id": "call_a", "type": "function", "index": 0,
                "function": {"name": "load", "arguments": "{\"qps\": 3}"},
                "extra_content": {"signature": "opaque"},
            }],
        });
        let read = read_assistant(message.clone(), 1).expect("well formed");
        assert_eq!(read.message, message);
        assert_eq!(read.text, "");
        let expected = RawCall { id: "call_a".into(), tool: "load".into(), arguments: json!("{\"qps\": 3}") };
        assert_eq!(read.calls, [expected]);
    }

    #[test]
    fn text_is_read_from_every_shape_of_content() {
        let cases = [
            (json!({"content": "plain"}), "plain"),
            (json!({"content": null}), ""),
            (json!({}), ""),
            (json!({"content": [{"type": "text", "text": "a"}, {"type": "image"}, {"text": "b"}]}), "a\nb"),
            (json!({"content": null, "refusal": "no"}), "no"),
            (json!({"content": 5}), ""),
        ];
        for (message, text) in cases {
            let read = read_assistant(message.clone(), 1).expect("readable");
            assert_eq!(read.text, text, "{message}");
            assert_eq!(read.message["role"], "assistant");
        }
    }

    #[test]
    fn gaps_in_calls_are_filled_and_raw_arguments_kept() {
        let read = read_assistant(
            json!({"tool_calls": [
                {"id": "x", "function": {"name": "load", "arguments": "{\"qps\":"}},
                {"id": "x", "function": {"name": "load"}},
                {"function": {"arguments": {"a": 1}}},
                "nonsense",
            ]}),
            3,
        )
        .expect("readable");
        let ids: Vec<&str> = read.calls.iter().map(|call| call.id.as_str()).collect();
        assert_eq!(ids, ["x", "call_3_2", "call_3_3", "call_3_4"]);
        assert_eq!(read.calls[0].arguments, json!("{\"qps\":"));
        assert_eq!(
            read.message["tool_calls"],
            json!([
                {"id": "x", "type": "function", "function": {"name": "load", "arguments": "{}"}},
                {"id": "call_3_2", "type": "function", "function": {"name": "load", "arguments": "{}"}},
                {"id": "call_3_3", "type": "function", "function": {"name": "", "arguments": {"a": 1}}},
                {"id": "call_3_4", "type": "function", "function": {"name": "", "arguments": "{}"}},
            ])
        );
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (message, problem) in [
            (json!("text"), "the message is not an object"),
            (json!({"tool_calls": {"id": "x"}}), "`tool_calls` is not a list"),
        ] {
            let error = read_assistant(message, 1).expect_err("malformed");
            assert_eq!(error.to_string(), format!("model reply is not a chat completion: {problem}"));
        }
    }
}
