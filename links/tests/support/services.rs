//! What agents depend on, small: a model in the shape of OpenAI's chat completions, and tools that speak MCP and plain JSON.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// A server on loopback that remembers what it served.
pub(crate) struct Services {
    pub(crate) address: SocketAddr,
    served: Arc<Mutex<Vec<String>>>,
}

/// What the model says where it calls no tool.
pub(crate) const SAYS: [&str; 3] = ["Hello", " there", "."];

impl Services {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, served) = (listener.local_addr().unwrap(), Arc::default());
        let log = Arc::clone(&served);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, log) = (client.unwrap(), Arc::clone(&log));
                // A client that leaves in the middle ends its thread.
                std::thread::spawn(move || serve(&client, &log));
            }
        });
        Self { address, served }
    }

    /// How many requests came since the last time.
    pub(crate) fn served(&self) -> usize {
        std::mem::take(&mut *self.served.lock().unwrap()).len()
    }
}

fn serve(client: &TcpStream, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut from = BufReader::new(client);
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let (mut length, mut header) = (0, String::new());
        while from.read_line(&mut header)? > 2 {
            let (name, value) = header.split_once(':').unwrap();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
            header.clear();
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        log.lock().unwrap().push(line.clone());
        let path = line.split(' ').nth(1).unwrap();
        answer(client, path, &serde_json::from_slice(&body).unwrap_or_default())?;
    }
}

fn answer(mut client: &TcpStream, path: &str, request: &Value) -> std::io::Result<()> {
    match path {
        "/v1/chat/completions" if request["stream"] == true => {
            let choices = if wants_call(request) { streamed_call() } else { streamed_words() };
            let chunks = choices.into_iter().map(|choices| completion("chat.completion.chunk", &choices).to_string());
            stream(client, chunks.chain(["[DONE]".to_owned()]).map(|data| format!("data: {data}\n\n")))
        }
        "/v1/chat/completions" => {
            let choices = if wants_call(request) { call() } else { words() };
            whole(client, &completion("chat.completion", &choices))
        }
        "/mcp" => whole(client, &rpc(request)),
        "/mcp/stream" => {
            let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}});
            stream(
                client,
                [progress, rpc(request)].map(|message| format!("event: message\ndata: {message}\n\n")).into_iter(),
            )
        }
        "/tool" => whole(client, &sum()),
        _ => client.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
    }
}

fn whole(mut client: &TcpStream, body: &Value) -> std::io::Result<()> {
    let body = body.to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all((head + &body).as_bytes())
}

fn stream(mut client: &TcpStream, events: impl Iterator<Item = String>) -> std::io::Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
    client.write_all(head.as_bytes())?;
    for event in events {
        client.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
    }
    client.write_all(b"0\r\n\r\n")
}

/// The model calls a tool where it is asked for the weather.
fn wants_call(request: &Value) -> bool {
    request["messages"][0]["content"] == "weather?" && request["tools"].is_array()
}

fn completion(object: &str, choices: &Value) -> Value {
    json!({
        "id": "chatcmpl-DIgPlQPwJD3L58NCrIk3tvAcboKkQ",
        "object": object,
        "created": 1_773_345_317,
        "model": "fake",
        "service_tier": "default",
        "system_fingerprint": null,
        "choices": choices,
        "usage": {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4},
    })
}

fn words() -> Value {
    let message = json!({"role": "assistant", "content": SAYS.concat(), "refusal": null, "annotations": []});
    json!([{"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"}])
}

fn call() -> Value {
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Rome\"}"}});
    let message =
        json!({"role": "assistant", "content": null, "tool_calls": [call], "refusal": null, "annotations": []});
    json!([{"index": 0, "message": message, "logprobs": null, "finish_reason": "tool_calls"}])
}

fn part(delta: &Value, reason: &Value) -> Value {
    json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}])
}

fn streamed_words() -> Vec<Value> {
    let begin = part(&json!({"role": "assistant", "content": "", "refusal": null}), &Value::Null);
    let words = SAYS.map(|word| part(&json!({"content": word}), &Value::Null));
    std::iter::once(begin).chain(words).chain([part(&json!({}), &json!("stop"))]).collect()
}

fn streamed_call() -> Vec<Value> {
    let call =
        json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}});
    let begin =
        part(&json!({"role": "assistant", "content": null, "tool_calls": [call], "refusal": null}), &Value::Null);
    let pieces = ["{\"", "city", "\":\"", "Rome", "\"}"];
    let pieces = pieces
        .map(|piece| part(&json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}), &Value::Null));
    std::iter::once(begin).chain(pieces).chain([part(&json!({}), &json!("tool_calls"))]).collect()
}

fn sum() -> Value {
    json!({"sum": 3, "is_odd": true, "of": ["1", "2"]})
}

fn rpc(request: &Value) -> Value {
    let result = match request["method"].as_str() {
        Some("tools/call") => {
            let text = json!({"type": "text", "text": sum().to_string()});
            json!({"content": [text], "structuredContent": sum(), "isError": false})
        }
        Some("sum") => sum(),
        _ => json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "limit": 1}),
    };
    json!({"jsonrpc": "2.0", "id": request["id"], "result": result})
}
