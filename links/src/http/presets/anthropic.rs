//! Answers in the shape of Anthropic's messages.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::arguments::Pieces;
use super::events;
use super::exchange::{Exchange, Rewritten};

/// A message without content, which ends its turn.
pub(super) fn without_content(exchange: &Exchange<'_>) -> Option<Rewritten> {
    if !exchange.is_stream {
        return exchange.each_json(emptied);
    }
    let all = events::split(exchange.answer);
    let kinds: Vec<Option<Value>> = all.iter().map(|event| events::json(event)).collect();
    let is_content = |json: &Value| json["type"].as_str().is_some_and(|kind| kind.starts_with("content_block_"));
    if !kinds.iter().flatten().any(is_content) {
        return None;
    }
    let mut body = Vec::with_capacity(exchange.answer.len());
    for (event, json) in all.into_iter().zip(kinds) {
        match json {
            Some(json) if is_content(&json) => {}
            Some(mut json) if json["type"] == "message_delta" && json["delta"].is_object() => {
                json["delta"]["stop_reason"] = json!("end_turn");
                body.extend(events::with_json(event, &json));
            }
            _ => body.extend_from_slice(event),
        }
    }
    Some(Rewritten::body(body))
}

/// Input of tools that breaks off. Only a stream has a place for it: a whole message holds the input as a value.
pub(super) fn with_broken_input(exchange: &Exchange<'_>) -> Option<Rewritten> {
    if !exchange.is_stream {
        return None;
    }
    let mut inputs: BTreeMap<u64, Pieces> = BTreeMap::new();
    for json in events::split(exchange.answer).into_iter().filter_map(events::json) {
        if let Some((block, piece)) = piece_of_input(&json) {
            inputs.entry(block).or_default().add(piece);
        }
    }
    exchange.each_json(|json| {
        let Some((block, piece)) = piece_of_input(json) else { return false };
        let Some(input) = inputs.get_mut(&block) else { return false };
        json["delta"]["partial_json"] = input.next(piece).into();
        true
    })
}

/// The number of the block, and a piece of its input.
fn piece_of_input(json: &Value) -> Option<(u64, &str)> {
    let is_piece = json["type"] == "content_block_delta" && json["delta"]["type"] == "input_json_delta";
    let piece = json["delta"]["partial_json"].as_str().filter(|_| is_piece)?;
    Some((json["index"].as_u64()?, piece))
}

fn emptied(answer: &mut Value) -> bool {
    let has_content = answer["content"].as_array().is_some_and(|content| !content.is_empty());
    let Some(message) = answer
        .as_object_mut()
        .filter(|message| has_content && message.get("type").is_some_and(|kind| kind == "message"))
    else {
        return false;
    };
    message.insert("content".into(), json!([]));
    message.insert("stop_reason".into(), json!("end_turn"));
    true
}

#[cfg(test)]
mod tests {
    use super::super::for_tests::{answered, streamed};
    use super::super::{choices, tool_call};
    use super::*;

    const STREAM: &str = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[]}}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\"}}\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,",
        "\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"city\\\":\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,",
        "\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\" \\\"Rom\\\"}\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );

    fn kinds(stream: &str) -> Vec<String> {
        let events = events::split(stream.as_bytes()).into_iter().filter_map(events::json);
        events.map(|json| json["type"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_message_is_empty_and_whole() {
        let message =
            json!({"type": "message", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "tool_use"});
        let want = json!({"type": "message", "content": [], "stop_reason": "end_turn"});
        assert_eq!(answered(choices::emptied, "", &message.to_string()), Some((None, want)));
        let stream = streamed(choices::emptied, "", STREAM).unwrap();
        assert_eq!(kinds(&stream), ["message_start", "ping", "message_delta", "message_stop"]);
        assert!(
            stream.contains("\"stop_reason\":\"end_turn\"") && stream.contains("event: message_delta\n"),
            "{stream}"
        );
    }

    #[test]
    fn input_of_a_tool_is_cut_in_a_stream_and_a_whole_message_passes() {
        let stream = streamed(tool_call::malformed, "{}", STREAM).unwrap();
        assert_eq!(kinds(&stream), kinds(STREAM));
        let events = events::split(stream.as_bytes()).into_iter().filter_map(events::json);
        let input: String =
            events.filter_map(|json| piece_of_input(&json).map(|(_, piece)| piece.to_owned())).collect();
        assert_eq!(input, "{\"city\"");
        let whole = json!({"type": "message", "content": [{"type": "tool_use", "input": {"city": "Rom"}}]});
        let request = json!({"tools": [{"name": "weather", "input_schema": {}}]});
        assert_eq!(answered(tool_call::malformed, &request.to_string(), &whole.to_string()), None);
    }
}
