//! A model that calls a tool with arguments that are no JSON.

use std::collections::BTreeMap;

use hyper::Method;
use hyper::http::request::Parts;
use serde_json::{Map, Value, json};

use super::arguments::{self, Pieces};
use super::exchange::{Exchange, Rewritten, json as of_body};
use super::{anthropic, events};

/// Letters and digits of the name of a call, behind `call_`.
const NAME_OF_CALL: usize = 24;

/// Whether the request offers a tool that the model may call; or asks for a whole answer, which loses nothing when it is looked
/// at: a stream would come late.
pub(super) fn is_about(head: &Parts, request: &[u8]) -> bool {
    let request = of_body(request).filter(|_| head.method == Method::POST);
    request.is_some_and(|request| request["stream"] != true || (may_call(&request) && tools(&request).next().is_some()))
}

fn may_call(request: &Value) -> bool {
    let choice = &request["tool_choice"];
    choice != "none" && choice["type"] != "none"
}

/// Names of the request's tools, and the schemas of their parameters.
fn tools(request: &Value) -> impl Iterator<Item = (&str, &Value)> {
    request["tools"].as_array().into_iter().flatten().filter_map(tool_of)
}

/// The answer's calls with their arguments cut off; where it has none, a call of the request's first tool.
pub(super) fn malformed(exchange: &Exchange<'_>) -> Option<Rewritten> {
    let broken = if exchange.is_stream { broken_pieces(exchange) } else { exchange.each_json(broken_calls) };
    broken.or_else(|| anthropic::with_broken_input(exchange)).or_else(|| with_a_call(exchange))
}

/// A tool's name, and the schema of its parameters.
fn tool_of(tool: &Value) -> Option<(&str, &Value)> {
    let function = &tool["function"];
    let parameters = if function.is_object() { &function["parameters"] } else { &tool["input_schema"] };
    let name = function["name"].as_str().or_else(|| tool["name"].as_str().filter(|_| tool["type"] != "custom"))?;
    Some((name, parameters))
}

fn objects(list: Option<&mut Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    list.and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

/// The functions that the calls of a message or of a part of one are about, with the number of each call.
fn functions(message: Option<&mut Value>) -> impl Iterator<Item = (u64, &mut Map<String, Value>)> {
    let calls = objects(message.and_then(|message| message.get_mut("tool_calls")));
    calls.filter_map(|call| {
        let number = call.get("index").and_then(Value::as_u64).unwrap_or_default();
        Some((number, call.get_mut("function")?.as_object_mut()?))
    })
}

fn broken_calls(answer: &mut Value) -> bool {
    let mut is_changed = false;
    for choice in objects(answer.get_mut("choices")) {
        for (_, function) in functions(choice.get_mut("message")) {
            let whole = function.get("arguments").and_then(Value::as_str).unwrap_or_default();
            let broken = arguments::broken(whole);
            function.insert("arguments".into(), broken.into());
            is_changed = true;
        }
    }
    is_changed
}

/// Calls `with` on the function of each part of a call: the numbers of its choice and of itself, and the function.
fn each_part(chunk: &mut Value, mut with: impl FnMut((u64, u64), &mut Map<String, Value>)) -> bool {
    let mut is_met = false;
    for choice in objects(chunk.get_mut("choices")) {
        let number = choice.get("index").and_then(Value::as_u64).unwrap_or_default();
        for (call, function) in functions(choice.get_mut("delta")) {
            with((number, call), function);
            is_met = true;
        }
    }
    is_met
}

fn piece_of(function: &Map<String, Value>) -> &str {
    function.get("arguments").and_then(Value::as_str).unwrap_or_default()
}

fn broken_pieces(exchange: &Exchange<'_>) -> Option<Rewritten> {
    let mut calls: BTreeMap<(u64, u64), Pieces> = BTreeMap::new();
    for mut chunk in events::split(exchange.answer).into_iter().filter_map(events::json) {
        each_part(&mut chunk, |call, function| calls.entry(call).or_default().add(piece_of(function)));
    }
    exchange.each_json(|chunk| {
        each_part(chunk, |call, function| {
            let piece = calls.entry(call).or_default().next(piece_of(function));
            function.insert("arguments".into(), piece.into());
        })
    })
}

/// The call of the request's first tool.
struct Call {
    name: String,
    arguments: String,
}

impl Call {
    fn of(request: &[u8]) -> Option<Self> {
        let request = of_body(request).filter(may_call)?;
        let (name, parameters) = tools(&request).next()?;
        Some(Self { name: name.to_owned(), arguments: arguments::begun(parameters) })
    }

    /// As a message has it: named after the answer, so that each answer names another call.
    fn told(&self, answer: &Value, arguments: &str) -> Value {
        let of_answer = answer["id"].as_str().unwrap_or_default();
        let of_answer = of_answer.rsplit('-').next().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric);
        let name: String = of_answer.chain(std::iter::repeat('0')).take(NAME_OF_CALL).collect();
        json!({
            "id": format!("call_{name}"),
            "type": "function",
            "function": {"name": self.name, "arguments": arguments},
        })
    }
}

fn with_a_call(exchange: &Exchange<'_>) -> Option<Rewritten> {
    let call = Call::of(exchange.request)?;
    if exchange.is_stream {
        return streamed_call(exchange, &call);
    }
    exchange.each_json(|answer| {
        let told = call.told(answer, &call.arguments);
        let mut is_changed = false;
        for choice in objects(answer.get_mut("choices")) {
            if let Some(message) = choice.get_mut("message").and_then(Value::as_object_mut) {
                message.insert("content".into(), Value::Null);
                message.insert("tool_calls".into(), json!([told]));
                choice.insert("finish_reason".into(), json!("tool_calls"));
                is_changed = true;
            }
        }
        is_changed
    })
}

/// In place of the chunks that have choices, the three of a call: its name, its arguments, and the end.
fn streamed_call(exchange: &Exchange<'_>, call: &Call) -> Option<Rewritten> {
    let mut is_told = false;
    let mut body = Vec::with_capacity(exchange.answer.len());
    for event in events::split(exchange.answer) {
        let chunk = events::json(event).filter(|chunk| {
            chunk["choices"].as_array().is_some_and(|choices| choices.iter().any(|choice| choice["delta"].is_object()))
        });
        match chunk {
            Some(_) if is_told => {}
            Some(mut chunk) => {
                is_told = true;
                for choices in chunks_of_call(&chunk, call) {
                    chunk["choices"] = choices;
                    body.extend(events::with_json(event, &chunk));
                }
            }
            None => body.extend_from_slice(event),
        }
    }
    is_told.then(|| Rewritten::body(body))
}

fn chunks_of_call(first: &Value, call: &Call) -> [Value; 3] {
    let mut named = call.told(first, "");
    named["index"] = json!(0);
    let deltas = [
        (json!({"role": "assistant", "content": null, "tool_calls": [named], "refusal": null}), Value::Null),
        (json!({"tool_calls": [{"index": 0, "function": {"arguments": call.arguments}}]}), Value::Null),
        (json!({}), json!("tool_calls")),
    ];
    deltas.map(|(delta, reason)| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}]))
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::super::for_tests::{answered, streamed};
    use super::*;

    fn request() -> Value {
        json!({"messages": [], "tools": [
            {"type": "custom", "custom": {"name": "free"}},
            {"type": "function", "function": {"name": "weather", "parameters": {"properties": {"city": {}}, "required": ["city"]}}},
        ]})
    }

    fn chunks(stream: &str) -> Vec<Value> {
        events::split(stream.as_bytes()).into_iter().filter_map(events::json).collect()
    }

    fn stream(chunks: &[Value]) -> String {
        let events: Vec<String> = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
        events.concat() + "data: [DONE]\n\n"
    }

    #[test]
    fn it_is_about_streams_with_tools_that_may_be_called() {
        let with = |key: &str, value: Value| {
            let mut request = request();
            request["stream"] = json!(true);
            request[key] = value;
            request
        };
        for (request, want) in [
            (with("tool_choice", json!("auto")), true),
            (json!({"messages": [], "stream": false}), true),
            (with("tool_choice", json!("none")), false),
            (with("tool_choice", json!({"type": "none"})), false),
            (with("tools", json!([])), false),
            (with("tools", json!([{"type": "custom", "custom": {"name": "free"}}])), false),
            (with("tools", json!([{"name": "weather", "input_schema": {}}])), true),
            (json!({"messages": [], "stream": true}), false),
        ] {
            let (head, ()) = Request::post("/v1/chat/completions").body(()).unwrap().into_parts();
            assert_eq!(is_about(&head, request.to_string().as_bytes()), want, "{request}");
        }
    }

    #[test]
    fn each_call_of_an_answer_has_broken_arguments() {
        let call = |arguments: &str| json!({"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": arguments}});
        let answer = |calls: Value| json!({"choices": [{"message": {"content": null, "tool_calls": calls}, "finish_reason": "tool_calls"}]});
        let whole = answer(json!([call(r#"{"city":"Rom"}"#), call("{}"), {"type": "custom"}])).to_string();
        let want = answer(json!([call(r#"{"city""#), call("{"), {"type": "custom"}]));
        assert_eq!(answered(malformed, &request().to_string(), &whole), Some((None, want)));
    }

    #[test]
    fn an_answer_without_a_call_becomes_one_of_the_first_tool() {
        let answer = json!({"id": "chatcmpl-abc1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]});
        let (_, told) = answered(malformed, &request().to_string(), &answer.to_string()).unwrap();
        let choice = &told["choices"][0];
        assert_eq!((&choice["finish_reason"], &choice["message"]["content"]), (&json!("tool_calls"), &Value::Null));
        let call = json!({"id": "call_abc100000000000000000000", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\""}});
        assert_eq!(choice["message"]["tool_calls"], json!([call]));
        let none = json!({"tools": request()["tools"], "tool_choice": "none"}).to_string();
        for unharmed in [r#"{"tools":[]}"#, "{}", &none] {
            assert_eq!(answered(malformed, unharmed, &answer.to_string()), None, "{unharmed}");
        }
        assert_eq!(answered(malformed, &request().to_string(), r#"{"error":{"message":"no"}}"#), None);
    }

    #[test]
    fn pieces_of_streamed_calls_end_early_and_the_stream_does_not() {
        let part = |index: u64, arguments: &str| json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}}]});
        let pieces = [part(0, ""), part(0, "{\"city\":"), part(1, "{}"), part(0, "\"Rom\"}"), json!({"choices": []})];
        let told = streamed(malformed, &request().to_string(), &stream(&pieces)).unwrap();
        let want = [part(0, ""), part(0, "{\"city\""), part(1, "{"), part(0, ""), json!({"choices": []})];
        assert_eq!(chunks(&told), want);
        assert!(told.ends_with("data: [DONE]\n\n"));
    }

    #[test]
    fn a_stream_without_a_call_becomes_one_of_the_first_tool() {
        let words =
            |delta: Value| json!({"id": "chatcmpl-abc1", "choices": [{"index": 0, "delta": delta}], "usage": null});
        let usage = json!({"id": "chatcmpl-abc1", "choices": [], "usage": {"total_tokens": 3}});
        let says = [
            words(json!({"role": "assistant", "content": ""})),
            words(json!({"content": "Hi"})),
            words(json!({})),
            usage.clone(),
        ];
        let told = streamed(malformed, &request().to_string(), &stream(&says)).unwrap();
        let told = chunks(&told);
        assert_eq!((told.len(), &told[3]), (4, &usage));
        let named = &told[0]["choices"][0]["delta"];
        assert_eq!(
            (&named["role"], &named["tool_calls"][0]["function"]),
            (&json!("assistant"), &json!({"name": "weather", "arguments": ""}))
        );
        assert_eq!(told[1]["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"], "{\"city\":\"");
        assert_eq!(
            (&told[2]["choices"][0]["finish_reason"], &told[2]["id"]),
            (&json!("tool_calls"), &json!("chatcmpl-abc1"))
        );
    }
}
