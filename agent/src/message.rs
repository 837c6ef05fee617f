//! The shapes of chat messages: those the loop writes, and those it reads from a model.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{arguments, error::AgentError, tool_set::ToolSet};

/// Characters of a tool's name that every server takes in the history.
const MAX_NAME: usize = 64;
/// The name in the history of a call that has none.
const NAMELESS: &str = "unnamed_tool";

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
    /// The name of the tool that is meant; else as the model wrote it, empty where it gave none.
    pub(crate) tool: String,
    /// The arguments, untouched.
    pub(crate) arguments: Value,
    /// Whether the reply ended inside them.
    pub(crate) cut_off: bool,
}

impl RawCall {
    /// Whether the arguments are not whole, as those of a call at which a reply was cut off.
    pub(crate) fn is_torn(&self) -> bool {
        arguments::as_text(&self.arguments).is_none()
    }
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

/// Gives a message of ours to the model, after its own.
pub(crate) fn instruction(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

/// Reads a message and fills the gaps that a server would refuse to see in the history.
///
/// Everything that the vendor added stays. Filled are: the role, absent or repeated call ids, the call's `type`, names
/// that are not a tool's, and arguments. Those are sent back as the text of a JSON object, `{}` where they are none:
/// several servers parse the history's arguments and refuse the whole request otherwise. The raw arguments go to the
/// transcript, and the model reads what was wrong with them. One call in place of a list, a list as text and the older
/// `function_call` become `tool_calls`.
pub(crate) fn read_assistant(message: Value, turn: u32, tools: &ToolSet<'_>) -> Result<Assistant, AgentError> {
    let Value::Object(mut message) = message else {
        return Err(malformed("the message is not an object"));
    };
    message.insert("role".into(), "assistant".into());
    let text = text_of(&message);
    let mut calls = written_calls(&mut message)?;
    let raw = read_calls(&mut calls, turn, tools);
    if !calls.is_empty() {
        message.insert("tool_calls".into(), calls.into());
    } else if message.get("content").is_none_or(Value::is_null) {
        // A message without content is legal only beside calls.
        message.insert("content".into(), text.clone().into());
    }
    Ok(Assistant { message: Value::Object(message), text, calls: raw })
}

/// Takes the calls out of a message, in whichever shape they came.
fn written_calls(message: &mut Map<String, Value>) -> Result<Vec<Value>, AgentError> {
    let mut written = message.remove("tool_calls").unwrap_or_default();
    if let Value::String(text) = &written {
        written = match text.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        };
    }
    let calls = match written {
        Value::Null => Vec::new(),
        Value::Object(one) if one.is_empty() => Vec::new(),
        one @ Value::Object(_) => vec![one],
        Value::Array(calls) => calls,
        _ => return Err(malformed("`tool_calls` is not a list")),
    };
    match message.remove("function_call") {
        Some(function @ Value::Object(_)) if calls.is_empty() && function["name"].is_string() => {
            Ok(vec![json!({"type": "function", "function": function})])
        }
        _ => Ok(calls),
    }
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

fn read_calls(calls: &mut [Value], turn: u32, tools: &ToolSet<'_>) -> Vec<RawCall> {
    let mut seen = BTreeSet::new();
    calls
        .iter_mut()
        .enumerate()
        .map(|(index, call)| {
            let raw = read_call(call, turn, index, &seen, tools);
            seen.insert(raw.id.clone());
            raw
        })
        .collect()
}

fn read_call(call: &mut Value, turn: u32, index: usize, seen: &BTreeSet<String>, tools: &ToolSet<'_>) -> RawCall {
    let call = object_in(call);
    let id = match call.get("id") {
        Some(Value::String(id)) if !id.is_empty() && !seen.contains(id) => id.clone(),
        _ => format!("call_{turn}_{}", index + 1),
    };
    call.insert("id".into(), id.clone().into());
    if call.get("type").and_then(Value::as_str).is_none_or(str::is_empty) {
        call.insert("type".into(), "function".into());
    }
    if !call.get("function").is_some_and(Value::is_object) && call.contains_key("name") {
        // The members of `function` without it around them.
        let parts = ["name", "arguments"].into_iter().filter_map(|part| Some((part.to_owned(), call.remove(part)?)));
        let function: Map<String, Value> = parts.collect();
        call.insert("function".into(), function.into());
    }
    let function = object_in(call.entry("function").or_insert(Value::Null));
    let written = function.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let tool = tools.resolve(&written).unwrap_or(&written).to_owned();
    function.insert("name".into(), legal_name(&tool).into());
    let arguments = function.get("arguments").cloned().unwrap_or(Value::Null);
    function.insert("arguments".into(), arguments::as_text(&arguments).unwrap_or_else(|| "{}".to_owned()).into());
    RawCall { id, tool, arguments, cut_off: false }
}

/// A name that every server takes: OpenAI's own refuses a whole conversation for one that is not.
fn legal_name(name: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let name: String = name.chars().map(legal).take(MAX_NAME).collect();
    if name.is_empty() { NAMELESS.to_owned() } else { name }
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
    use crate::{BoxFuture, Tool, ToolReply};

    struct Load;

    impl Tool for Load {
        fn name(&self) -> &'static str {
            "load"
        }
        fn description(&self) -> &'static str {
            "Sends load."
        }
        fn parameters(&self) -> Value {
            json!({"type": "object"})
        }
        fn call(&self, _args: Value) -> BoxFuture<'_, ToolReply> {
            Box::pin(async { ToolReply::done("") })
        }
    }

    fn read(message: Value, turn: u32) -> Result<Assistant, AgentError> {
        let tools: [&dyn Tool; 1] = [&Load];
        read_assistant(message, turn, &ToolSet::new(&tools).expect("usable"))
    }

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
        let read = read(message.clone(), 1).expect("well formed");
        assert_eq!(read.message, message);
        assert_eq!(read.text, "");
        let arguments = json!("{\"qps\": 3}");
        let expected = RawCall { id: "call_a".into(), tool: "load".into(), arguments, cut_off: false };
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
            let read = read(message.clone(), 1).expect("readable");
            assert_eq!(read.text, text, "{message}");
            assert_eq!(read.message["role"], "assistant");
        }
    }

    #[test]
    fn gaps_in_calls_are_filled_and_raw_arguments_kept() {
        let read = read(
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
                {"id": "call_3_3", "type": "function", "function": {"name": "unnamed_tool", "arguments": "{\"a\":1}"}},
                {"id": "call_3_4", "type": "function", "function": {"name": "unnamed_tool", "arguments": "{}"}},
            ])
        );
    }

    #[test]
    fn calls_are_read_from_every_shape_and_sent_back_in_one() {
        let function = json!({"name": "load", "arguments": "{\"qps\":1}"});
        let call = json!({"id": "call_1_1", "type": "function", "function": function});
        let cases = [
            json!({"tool_calls": [{"function": function}]}),
            json!({"tool_calls": {"type": "", "function": function}}),
            json!({"tool_calls": json!([{"function": function}]).to_string()}),
            json!({"function_call": function}),
            json!({"tool_calls": [], "function_call": function}),
            json!({"tool_calls": [function]}),
            json!({"tool_calls": [{"function": {"name": "load", "arguments": {"qps": 1}}}]}),
            json!({"tool_calls": [{"function": {"name": "load", "arguments": "\"{\\\"qps\\\":1}\""}}]}),
            json!({"tool_calls": [{"function": {"name": "functions.load<|channel|>x", "arguments": "{\"qps\":1}"}}]}),
        ];
        for message in cases {
            let read = read(message.clone(), 1).expect("readable");
            assert_eq!(read.calls[0].tool, "load", "{message}");
            assert_eq!(read.message, json!({"role": "assistant", "tool_calls": [call]}), "{message}");
        }
        for none in [json!(""), json!(null), json!([]), json!({}), json!(" ")] {
            let read = read(json!({"content": null, "tool_calls": none, "function_call": null}), 1).expect("readable");
            assert_eq!((read.calls.len(), read.message), (0, json!({"role": "assistant", "content": ""})));
        }
    }

    #[test]
    fn names_that_no_tool_has_go_back_legal_and_stand_in_the_record_as_written() {
        let long = "x".repeat(70);
        for (written, sent) in
            [("", "unnamed_tool"), ("two words", "two_words"), ("a.b/ü", "a_b__"), (&long, &long[..64])]
        {
            let read = read(json!({"tool_calls": [{"function": {"name": written}}]}), 1).expect("readable");
            assert_eq!(read.calls[0].tool, written);
            assert_eq!(read.message["tool_calls"][0]["function"]["name"], sent);
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (message, problem) in [
            (json!("text"), "the message is not an object"),
            (json!({"tool_calls": 5}), "`tool_calls` is not a list"),
            (json!({"tool_calls": "none"}), "`tool_calls` is not a list"),
        ] {
            let error = read(message, 1).expect_err("malformed");
            assert_eq!(error.to_string(), format!("model reply is not a chat completion: {problem}"));
        }
    }
}
