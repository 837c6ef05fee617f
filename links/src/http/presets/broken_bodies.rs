//! Bodies that nobody should send, from a seed: no preset panics at one, and what comes out keeps to what was promised.

use chaos_core::HttpPreset;
use hyper::Request;
use serde_json::Value;

use super::exchange::Exchange;
use super::{events, of};
use crate::draw::Draw;

/// What bodies are made of: words of the protocols, in which each may stand anywhere.
const KEYS: &[&str] = &[
    "jsonrpc",
    "id",
    "method",
    "params",
    "name",
    "result",
    "error",
    "content",
    "structuredContent",
    "isError",
    "text",
    "type",
    "choices",
    "index",
    "delta",
    "message",
    "tool_calls",
    "function",
    "arguments",
    "finish_reason",
    "tools",
    "tool_choice",
    "parameters",
    "properties",
    "required",
    "input_schema",
    "content_block",
    "partial_json",
    "stop_reason",
    "resource",
    "stream",
];
const TEXTS: &[&str] = &[
    "2.0",
    "tools/call",
    "sum",
    "initialize",
    "message",
    "function",
    "custom",
    "none",
    "content_block_delta",
    "input_json_delta",
    "content_block_start",
    "message_delta",
    "tool_use",
    "text",
    "{\"a\":[1,true]}",
    "{\"a\":",
    "12",
    "",
    "é🙂",
    "\u{0}\n\r",
    "[[[[",
];
const PIECES: &[&str] = &[
    "data: ",
    "data:",
    "data",
    "event: message\n",
    "id: 1\r\n",
    "\n\n",
    "\r\r",
    "\r\n\r\n",
    "[DONE]",
    ": ping\n",
    "retry: x\n",
    "{",
    "\"",
];
const ROUNDS: u64 = 6_000;

struct Maker {
    draw: Draw,
    next: u64,
}

impl Maker {
    fn below(&mut self, bound: usize) -> usize {
        self.next += 1;
        usize::try_from(self.draw.number(self.next) % bound.max(1) as u64).unwrap()
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 12 }) {
            0 => Value::Null,
            1 => Value::Bool(self.below(2) == 0),
            2 => [0, 1, u64::MAX][self.below(3)].into(),
            3 => [-1.5, f64::MAX, -1e300][self.below(3)].into(),
            4 | 5 => self.pick(TEXTS).into(),
            6 | 7 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => (0..self.below(6)).map(|_| (self.pick(KEYS).to_owned(), self.value(depth - 1))).collect(),
        }
    }

    /// Something that a protocol knows, with a part of it replaced.
    fn known(&mut self) -> Value {
        const KNOWN: &[&str] = &[
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"sum"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\"sum\":3}"}],"structuredContent":{"sum":3}}}"#,
            r#"{"model":"m","stream":true,"tools":[{"type":"function","function":{"name":"add","parameters":{"required":["a"]}}}]}"#,
            r#"{"id":"c-1","choices":[{"index":0,"message":{"tool_calls":[{"function":{"arguments":"{}"}}]}}]}"#,
            r#"{"id":"c-1","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}"#,
            r#"{"id":"c-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}"#,
            r#"{"id":"c-1","choices":[{"index":0,"delta":{"content":"Hi"}}]}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
            r#"{"type":"message","content":[{"type":"text","text":"Hi"}]}"#,
        ];
        let mut known: Value = serde_json::from_str(self.pick(KNOWN)).unwrap();
        if self.below(3) == 0 {
            let depth = self.below(7);
            self.replace(&mut known, depth);
        }
        known
    }

    /// Another value in place of something at most so deep inside.
    fn replace(&mut self, value: &mut Value, depth: usize) {
        let inner = match value {
            Value::Array(list) if depth > 0 => list.iter_mut().collect(),
            Value::Object(map) if depth > 0 => map.values_mut().collect(),
            _ => Vec::new(),
        };
        let width = inner.len();
        match inner.into_iter().nth(self.below(width)) {
            Some(inner) => self.replace(inner, depth - 1),
            None => *value = self.value(2),
        }
    }

    fn json(&mut self) -> Value {
        if self.below(3) == 0 { self.value(4) } else { self.known() }
    }

    fn stream(&mut self) -> Vec<u8> {
        let mut stream = String::new();
        for _ in 0..self.below(8) {
            let event =
                if self.below(8) == 0 { self.pick(PIECES).to_owned() } else { format!("data: {}\n\n", self.json()) };
            stream.push_str(&event);
        }
        stream.into_bytes()
    }

    /// Cut, or with some other bytes, sometimes.
    fn damaged(&mut self, mut body: Vec<u8>) -> Vec<u8> {
        match self.below(5) {
            0 => body.truncate(self.below(body.len() + 1)),
            1 if !body.is_empty() => {
                let at = self.below(body.len());
                body[at] = u8::try_from(self.below(256)).unwrap();
            }
            _ => {}
        }
        body
    }
}

#[test]
fn no_body_makes_a_preset_panic_and_what_comes_out_is_well_formed() {
    let (head, ()) = Request::post("/v1/chat/completions").body(()).unwrap().into_parts();
    let mut rewritten = [0_u32; HttpPreset::ALL.len()];
    for round in 0..ROUNDS {
        let mut make = Maker { draw: Draw::of_seed(1).of(round), next: 0 };
        let is_stream = make.below(2) == 0;
        let request = make.json().to_string().into_bytes();
        let request = make.damaged(request);
        let answer = if is_stream { make.stream() } else { make.json().to_string().into_bytes() };
        let answer = make.damaged(answer);
        for (preset, count) in HttpPreset::ALL.into_iter().zip(&mut rewritten) {
            let what = of(preset, &head);
            let _ = what.is_about.map(|is_about| is_about(&head, &request));
            let exchange = Exchange { request: &request, answer: &answer, is_stream };
            let Some(told) = what.rewrite.and_then(|rewrite| rewrite(&exchange)) else { continue };
            *count += 1;
            let told = told.body;
            assert_ne!(told, answer, "{preset:?} of round {round} changes nothing");
            if !is_stream {
                let json: Value = serde_json::from_slice(&told).unwrap();
                assert!(preset != HttpPreset::LlmMalformedToolCall || broken(&json), "round {round}: {json}");
            } else if preset == HttpPreset::ToolWrongResult {
                assert_eq!(events::split(&told).len(), events::split(&answer).len(), "round {round}");
            }
        }
    }
    // Presets without a rewriting have none; each of the others met bodies that it changed.
    let changed: Vec<_> = HttpPreset::ALL.into_iter().zip(rewritten).filter(|(_, count)| *count > 100).collect();
    assert_eq!(changed.len(), 4, "{changed:?}");
}

/// Whether some call has arguments that are no JSON.
fn broken(answer: &Value) -> bool {
    let choices = answer["choices"].as_array().into_iter().flatten();
    let calls = choices.flat_map(|choice| choice["message"]["tool_calls"].as_array().into_iter().flatten());
    let mut arguments = calls.filter_map(|call| call["function"]["arguments"].as_str());
    arguments.any(|arguments| serde_json::from_str::<Value>(arguments).is_err())
}
