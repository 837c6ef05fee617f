//! Puts the events of a streamed reply together: some servers stream whatever `stream` says.

use serde_json::{Map, Value, json};

use super::failure::Failure;

/// Calls in one reply; a server that names more is broken.
const MAX_CALLS: usize = 256;
/// Lines of one event's data.
const MAX_DATA_LINES: usize = 64;
/// Bytes of one event's data that is spread over lines: it is read anew with each of them.
const MAX_SPREAD_DATA: usize = 256 * 1024;
/// Pieces of calls in one reply: one comes with each event of some 200 bytes.
const MAX_PIECES: usize = 200_000;

/// Whether a body is a stream of events, by its type or, where that is wrong, by its start.
pub(super) fn is_stream(content_type: Option<&str>, body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    content_type.is_some_and(|name| name.trim_start().starts_with("text/event-stream"))
        || [&b"data:"[..], b"event:"].iter().any(|start| body.starts_with(start))
}

/// Whether the last event has come; a server may keep the connection open after it. `from` is where new bytes begin.
pub(super) fn is_done(body: &[u8], from: usize) -> bool {
    const DONE: &[u8] = b"[DONE]";
    let from = from.saturating_sub(DONE.len());
    let ends = body[from..].windows(DONE.len()).enumerate().filter(|(_, bytes)| *bytes == DONE);
    ends.map(|(at, _)| body[..from + at].trim_ascii_end()).any(|before| {
        let line = before.strip_suffix(b"data:");
        line.is_some_and(|before| before.last().is_none_or(|byte| b"\r\n".contains(byte)))
    })
}

/// Gives the chat completion that the events add up to.
pub(super) fn assemble(body: &str) -> Result<Value, Failure> {
    let mut reply = Assembly::default();
    let (mut data, mut lines, mut is_error) = (String::new(), 0, false);
    for line in body.split(['\n', '\r']) {
        if let Some(name) = line.strip_prefix("event:") {
            is_error = name.trim() == "error";
        }
        let Some(text) = line.strip_prefix("data:") else { continue };
        let text = text.trim_start();
        if text.trim_end() == "[DONE]" {
            reply.done = true;
            break;
        }
        (data, lines) = if lines == 0 { (text.to_owned(), 1) } else { (format!("{data}\n{text}"), lines + 1) };
        match serde_json::from_str::<Value>(&data) {
            // An error ends the stream, and is read as one inside a success.
            Ok(event) if !event["error"].is_null() => return Ok(event),
            Ok(event) if is_error => return Ok(json!({ "error": event })),
            Ok(event) => reply.add(event)?,
            Err(_) if lines < MAX_DATA_LINES && data.len() < MAX_SPREAD_DATA && !text.is_empty() => continue,
            Err(_) => return Err(Failure::not_json(&data)),
        }
        lines = 0;
    }
    if lines > 0 {
        return Err(Failure::not_json(&data));
    }
    reply.finish()
}

/// What has come so far of the first choice.
#[derive(Default)]
struct Assembly {
    message: Map<String, Value>,
    calls: Vec<(Option<u64>, Map<String, Value>)>,
    pieces: usize,
    finish_reason: Value,
    usage: Value,
    begun: bool,
    done: bool,
}

impl Assembly {
    fn add(&mut self, mut event: Value) -> Result<(), Failure> {
        if !event["usage"].is_null() {
            self.usage = event["usage"].take();
        }
        // An index would panic where the event is a number, a text or a list.
        let choice = event
            .get_mut("choices")
            .and_then(Value::as_array_mut)
            .and_then(|choices| choices.iter_mut().find(|choice| choice["index"].as_u64().unwrap_or_default() == 0));
        let Some(Value::Object(choice)) = choice else { return Ok(()) };
        self.begun = true;
        if let Some(reason) = choice.remove("finish_reason").filter(|reason| !reason.is_null()) {
            self.finish_reason = reason;
        }
        if let Some(Value::Object(whole)) = choice.remove("message") {
            self.message = whole;
        }
        if let Some(Value::Object(delta)) = choice.remove("delta") {
            for (name, value) in delta {
                match (name.as_str(), value) {
                    ("tool_calls", value) => self.add_calls(value)?,
                    ("role", value) => drop(self.message.insert(name, value)),
                    (_, value) => append(self.message.entry(name).or_insert(Value::Null), value),
                }
            }
        }
        Ok(())
    }

    fn add_calls(&mut self, calls: Value) -> Result<(), Failure> {
        let calls = match calls {
            Value::Array(calls) => calls,
            one @ Value::Object(_) => vec![one],
            _ => return Ok(()),
        };
        for call in calls {
            let Value::Object(mut call) = call else { continue };
            let index = call.remove("index").and_then(|index| index.as_u64());
            let slot = self.slot(index, &call)?;
            for (name, value) in call {
                match (name.as_str(), value) {
                    ("function", Value::Object(function)) => add_function(&mut slot.1, function),
                    ("id" | "type", value) => set_once(&mut slot.1, name, value),
                    (_, value) => drop(slot.1.insert(name, value)),
                }
            }
        }
        Ok(())
    }

    /// The call that a part belongs to. A part with another id begins another call, whatever its index says.
    fn slot(
        &mut self,
        index: Option<u64>,
        part: &Map<String, Value>,
    ) -> Result<&mut (Option<u64>, Map<String, Value>), Failure> {
        self.pieces += 1;
        if self.pieces > MAX_PIECES {
            return Err(Failure::Shape("the stream holds more than 200000 pieces of tool calls"));
        }
        let id = text(part.get("id"));
        let named = !text(part.get("function").and_then(|function| function.get("name"))).is_empty();
        let fits = |(other, call): &(Option<u64>, Map<String, Value>)| {
            *other == index && (id.is_empty() || ["", id].contains(&text(call.get("id"))))
        };
        let at = match index {
            Some(_) => self.calls.iter().rposition(fits),
            None if id.is_empty() && named => None,
            None if id.is_empty() => self.calls.len().checked_sub(1),
            None => self.calls.iter().rposition(|(_, call)| text(call.get("id")) == id),
        };
        let at = at.unwrap_or(self.calls.len());
        if at == self.calls.len() {
            if at == MAX_CALLS {
                return Err(Failure::Shape("the stream holds more than 256 tool calls"));
            }
            self.calls.push((index, Map::new()));
        }
        Ok(&mut self.calls[at])
    }

    fn finish(mut self) -> Result<Value, Failure> {
        if !self.done && self.finish_reason.is_null() {
            return Err(if self.begun {
                Failure::Transport("the stream ended before its last event".to_owned())
            } else {
                Failure::NoAnswer("the stream is empty")
            });
        }
        if !self.begun {
            return Err(Failure::NoAnswer("the stream holds no choice"));
        }
        if !self.calls.is_empty() {
            let calls: Vec<Value> = self.calls.into_iter().map(|(_, call)| Value::Object(call)).collect();
            self.message.insert("tool_calls".to_owned(), calls.into());
        }
        Ok(json!({
            "choices": [{"message": self.message, "finish_reason": self.finish_reason}],
            "usage": self.usage,
        }))
    }
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

/// Names come whole, and some servers repeat them; arguments come in pieces, or whole as an object.
fn add_function(call: &mut Map<String, Value>, part: Map<String, Value>) {
    let slot = call.entry("function").or_insert_with(|| json!({}));
    let Value::Object(function) = slot else { return };
    for (name, value) in part {
        if name == "name" {
            set_once(function, name, value);
        } else {
            append(function.entry(name).or_insert(Value::Null), value);
        }
    }
}

fn set_once(object: &mut Map<String, Value>, name: String, value: Value) {
    let absent = object.get(&name).is_none_or(|old| old.is_null() || old == "");
    if absent && !value.is_null() {
        object.insert(name, value);
    }
}

/// Texts and lists grow, an object's members grow one by one; of everything else the last one counts.
fn append(slot: &mut Value, value: Value) {
    match (slot, value) {
        (_, Value::Null) => {}
        (Value::String(text), Value::String(more)) => text.push_str(&more),
        (Value::Array(items), Value::Array(more)) => items.extend(more),
        (Value::Object(object), Value::Object(more)) => {
            for (name, value) in more {
                append(object.entry(name).or_insert(Value::Null), value);
            }
        }
        (slot, value) => *slot = value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(events: &[Value]) -> String {
        events.iter().flat_map(|event| ["data: ".to_owned(), event.to_string(), "\n\n".to_owned()]).collect()
    }

    fn delta(delta: &Value) -> Value {
        json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
    }

    #[test]
    fn pieces_add_up_to_a_completion() {
        let body = events(&[
            delta(&json!({"role": "assistant", "content": ""})),
            delta(&json!({"reasoning_content": "let me "})),
            delta(&json!({"reasoning_content": "think"})),
            delta(&json!({"content": "he"})),
            json!({"choices": [{"index": 1, "delta": {"content": "other"}}]}),
            delta(&json!({"content": "re"})),
            delta(&json!({"tool_calls": [{"index": 0, "id": "a", "type": "function",
                "function": {"name": "load", "arguments": ""}}]})),
            delta(&json!({"tool_calls": [{"index": 0, "function": {"name": "load", "arguments": "{\"qps\":"}}]})),
            delta(&json!({"tool_calls": [{"index": 0, "function": {"arguments": "5}"}}]})),
            // The same index with another id: one vendor gives every call the index 0.
            delta(&json!({"tool_calls": [{"index": 0, "id": "b", "function": {"name": "rm", "arguments": "{}"}}]})),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}),
        ]);
        let body = format!(": keep-alive\r\nevent: message\r\n{body}data: [DONE]\n\ndata: nonsense\n");
        assert_eq!(
            assemble(&body).expect("a completion"),
            json!({
                "choices": [{"finish_reason": "tool_calls", "message": {
                    "role": "assistant", "content": "here", "reasoning_content": "let me think",
                    "tool_calls": [
                        {"id": "a", "type": "function", "function": {"name": "load", "arguments": "{\"qps\":5}"}},
                        {"id": "b", "function": {"name": "rm", "arguments": "{}"}},
                    ]}}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 4},
            })
        );
    }

    #[test]
    fn streams_that_fail_say_how() {
        let hi = delta(&json!({"content": "hi"}));
        let cases = [
            (events(std::slice::from_ref(&hi)), "connection broke: the stream ended before its last event"),
            (String::from(": nothing\n\n"), "the stream is empty"),
            (String::from("data: [DONE]\n\n"), "the stream holds no choice"),
            (format!("{}data: <html>\n\ndata:\n", events(&[hi])), "reply is not JSON: it begins with `<html>`"),
        ];
        for (body, message) in cases {
            assert_eq!(assemble(&body).expect_err(message).to_string(), message);
        }
        for body in ["data: {\"error\": {\"code\": 429}}\n\n", "event: error\ndata: {\"code\": 429}\n\n"] {
            assert_eq!(assemble(body).expect("as a success"), json!({"error": {"code": 429}}));
        }
        let many: Vec<Value> = (0..=MAX_CALLS).map(|n| json!({"index": n, "id": n.to_string()})).collect();
        let body = events(&[delta(&json!({ "tool_calls": many }))]);
        assert!(matches!(assemble(&body), Err(Failure::Shape(_))));
    }

    /// Sixteen megabytes that cost as much time as a server can make them cost.
    #[test]
    fn a_long_stream_is_read_in_a_time_that_grows_with_its_length() {
        let begun = std::time::Instant::now();
        // One event over many lines was read anew with each of them: a gigabyte.
        let spread = format!("data: [{}\n{}", "1,".repeat(7 << 20), "data: 1,\n".repeat(62));
        assert!(matches!(assemble(&spread), Err(Failure::NotJson(_))));
        // Each piece of a call was compared with every call, and texts were copied for that.
        let calls: Vec<Value> = (0..MAX_CALLS).map(|at| json!({"id": format!("c{at}")})).collect();
        let pieces = "{\"id\":\"c0\"},".repeat(1 << 20);
        let body = format!(
            "{}data: {{\"choices\": [{{\"delta\": {{\"tool_calls\": [{pieces}{{}}]}}}}]}}\n\n",
            events(&[delta(&json!({ "tool_calls": calls }))])
        );
        let error = assemble(&body).expect_err("too many pieces").to_string();
        assert_eq!(error, "the stream holds more than 200000 pieces of tool calls");
        assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{:?}", begun.elapsed());
    }

    #[test]
    fn an_event_that_is_no_object_is_ignored() {
        let hi = delta(&json!({"content": "hi"}));
        let body = format!("data: 5\n\ndata: [1]\n\ndata: \"x\"\n\ndata: null\n\n{}data: [DONE]\n\n", events(&[hi]));
        assert_eq!(assemble(&body).expect("a completion")["choices"][0]["message"]["content"], "hi");
    }

    #[test]
    fn data_of_one_event_may_span_lines() {
        let body = "data: {\"choices\": [{\"delta\": {\"content\": \"x\"},\ndata: \"finish_reason\": \"stop\"}]}\n\n";
        assert_eq!(assemble(body).expect("a completion")["choices"][0]["message"]["content"], "x");
    }

    #[test]
    fn the_end_is_seen_wherever_a_chunk_ends() {
        let body = b"data: {\"a\": \"data: [DONE]\"}\n\ndata: [DONE]\n\n";
        let at = body.windows(6).rposition(|bytes| bytes == b"[DONE]").expect("there") + 6;
        for end in 0..=body.len() {
            assert_eq!((0..end).any(|from| is_done(&body[..end], from)), end >= at, "{end}");
        }
    }

    #[test]
    fn a_stream_is_known_by_type_or_start() {
        assert!(is_stream(Some("text/event-stream; charset=utf-8"), b""));
        assert!(is_stream(Some("application/json"), b"\ndata: {}"));
        assert!(!is_stream(Some("application/json"), b"{}"));
    }
}
