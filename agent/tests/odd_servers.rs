//! Model servers that do not keep to OpenAI's API: one row for each behaviour, over real HTTP, with waits on virtual time.

#[path = "support/raw_server.rs"]
mod raw_server;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use chaos_agent::{
    BoxFuture, EndReason, Limits, LoopContext, LoopOutcome, OpenAiConfig, OpenAiModel, Redactor, Tool, ToolReply,
    TranscriptWriter, run_tool_loop,
};
use chaos_core::{Clock, VirtualClock};
use raw_server::{RawServer, answer, completion};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Ten seconds before 07:28:00 on 21 October 2026.
const NOW: Duration = Duration::from_secs(1_792_567_670);

/// Says back what it was called with.
struct Load;

impl Tool for Load {
    fn name(&self) -> &'static str {
        "load"
    }
    fn description(&self) -> &'static str {
        "Sends load."
    }
    fn parameters(&self) -> Value {
        json!({"type": "object", "required": ["qps"], "properties": {
            "qps": {"type": "integer"}, "target": {"type": "object", "properties": {"port": {"type": "integer"}}}}})
    }
    fn strict(&self) -> Option<bool> {
        Some(true)
    }
    fn call(&self, args: Value) -> BoxFuture<'_, ToolReply> {
        Box::pin(async move { ToolReply::done(args.to_string()) })
    }
}

/// One behaviour and what must come of it.
struct Row {
    name: &'static str,
    /// What the server sends, one answer to each request.
    sends: Vec<String>,
    /// Requests beyond one for each answer.
    retries: u32,
    /// Whole seconds of waits.
    waits: u64,
    /// What the calls came to.
    calls: &'static [&'static str],
    ends: Ends,
}

enum Ends {
    Says(&'static str),
    Fails(&'static str),
    With(&'static str),
}

use Ends::{Fails, Says, With};

async fn run(server: &RawServer) -> (LoopOutcome, u64, String) {
    let clock = Arc::new(VirtualClock::starting_at(SystemTime::UNIX_EPOCH + NOW));
    let model = OpenAiModel::new(OpenAiConfig::new("any").with_base_url(&server.base_url()).expect("usable"));
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("loop.jsonl");
    let transcript = TranscriptWriter::create(&path, Redactor::default()).expect("a new file");
    let mut cx = LoopContext::new(clock.clone(), CancellationToken::new(), transcript);
    let limits = Limits::for_planned(Duration::from_secs(1));
    let model = model.expect("a usable client");
    let outcome = run_tool_loop(&model, "Send load.", &[&Load], "", &limits, &mut cx).await;
    (outcome, clock.now().as_secs(), std::fs::read_to_string(path).expect("written"))
}

async fn check(rows: Vec<Row>) {
    for Row { name, sends, retries, waits, calls, ends } in rows {
        let requests = sends.len();
        let server = RawServer::start(sends);
        let (outcome, waited, transcript) = run(&server).await;
        let seen: Vec<&str> = outcome.calls.iter().map(|call| call.reply.as_str()).collect();
        match ends {
            Says(text) => {
                assert!(matches!(outcome.end, EndReason::Finished), "{name}: {:?}", outcome.end);
                assert_eq!(outcome.text, text, "{name}");
            }
            Fails(message) => {
                let error = outcome.end.error().unwrap_or_else(|| panic!("{name}: {:?}", outcome.end)).to_string();
                assert_eq!(error.replace(&server.base_url(), "BASE"), message, "{name}");
            }
            With(code) => assert_eq!(outcome.end.code(), code, "{name}"),
        }
        assert_eq!((outcome.retries, waited), (retries, waits), "{name}: retries, seconds of waits");
        assert_eq!(seen, calls, "{name}");
        assert_eq!(server.requests().len(), requests, "{name}: every answer was asked for");
        // What was sent back must be legal for any server.
        for body in server.bodies() {
            for call in body["messages"].as_array().into_iter().flatten().filter_map(|m| m["tool_calls"].as_array()) {
                for function in call.iter().map(|call| &call["function"]) {
                    let name = function["name"].as_str().expect("a name");
                    assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)));
                    let text = function["arguments"].as_str().expect("text");
                    assert!(serde_json::from_str::<Value>(text).expect("JSON").is_object());
                }
            }
        }
        // A retry is in the record, with what it met.
        let recorded = transcript.contains("\"failed_attempts\":[\"");
        assert_eq!(recorded, retries > 0 && !matches!(ends, Fails(_)), "{name}: {transcript}");
    }
}

fn says_ok() -> String {
    completion(&json!({"role": "assistant", "content": "ok"}))
}

fn busy(status: &str, headers: &str, body: &str) -> Vec<String> {
    vec![answer(status, headers, body), says_ok()]
}

fn success(body: &str) -> Vec<String> {
    vec![answer("200 OK", "", body), says_ok()]
}

fn retried(name: &'static str, sends: Vec<String>, waits: u64) -> Row {
    Row { name, sends, retries: 1, waits, calls: &[], ends: Says("ok") }
}

fn fails(name: &'static str, answer: String, message: &'static str) -> Row {
    Row { name, sends: vec![answer], retries: 0, waits: 0, calls: &[], ends: Fails(message) }
}

/// A message that is answered, after which the model is done.
fn called(name: &'static str, message: &Value, calls: &'static [&'static str]) -> Row {
    Row { name, sends: vec![completion(message), says_ok()], retries: 0, waits: 0, calls, ends: Says("ok") }
}

fn call(name: &str, arguments: &Value) -> Value {
    json!({"tool_calls": [{"id": "a", "type": "function", "function": {"name": name, "arguments": arguments}}]})
}

fn finished_by(reason: &str, message: &Value) -> String {
    answer("200 OK", "", &json!({"choices": [{"message": message, "finish_reason": reason}]}).to_string())
}

fn streamed(content_type: &str, length: usize, events: &[Value], end: &str) -> String {
    let body: String =
        events.iter().flat_map(|event| ["data: ".to_owned(), event.to_string(), "\n\n".to_owned()]).collect();
    let length = (body.len() + end.len()).max(length);
    format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}{end}")
}

fn delta(delta: &Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta}]})
}

#[tokio::test(start_paused = true)]
async fn waits_are_those_that_the_server_asks_for() {
    let too_many = "429 Too Many Requests";
    check(vec![
        retried("no wish: our own first wait", busy(too_many, "", "{}"), 0),
        retried("seconds", busy(too_many, "retry-after: 3\r\n", "{}"), 3),
        retried("seconds with a unit", busy(too_many, "retry-after: 3s\r\n", "{}"), 3),
        retried("a date", busy(too_many, "retry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\n", "{}"), 10),
        retried("a date that has passed", busy(too_many, "retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n", ""), 0),
        retried("milliseconds", busy(too_many, "retry-after-ms: 4000\r\nretry-after: 9\r\n", "{}"), 4),
        retried("an hour: our cap", busy(too_many, "retry-after: 3600\r\n", "{}"), 20),
        retried(
            "in the text",
            busy(too_many, "", r#"{"error": {"message": "Rate limit. Please try again in 3s."}}"#),
            3,
        ),
        retried("408", busy("408 Request Timeout", "retry-after: 1\r\n", ""), 1),
        retried("503", busy("503 Service Unavailable", "retry-after: 2\r\n", "<html>"), 2),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_success_that_is_none_is_asked_for_again() {
    check(vec![
        retried("429 as text", success("429 Too Many Requests: try again in 3s"), 3),
        retried("429 as text in JSON", success(r#""429 Too Many Requests""#), 0),
        retried("an error with its code as text", success(r#"{"error": {"message": "slow down", "code": "429"}}"#), 0),
        retried("an error with a word", success(r#"{"error": {"message": "x", "type": "rate_limit_error"}}"#), 0),
        retried("empty", success(""), 0),
        retried("white space", success(" \n"), 0),
        retried("choices null", success(r#"{"choices": null}"#), 0),
        retried("no choice", success(r#"{"choices": []}"#), 0),
        retried("a message that is null", success(r#"{"choices": [{"message": null}]}"#), 0),
        retried("a stream without an event", vec![streamed("text/event-stream", 0, &[], ": hello\n\n"), says_ok()], 0),
        retried(
            "an error in a stream",
            vec![
                streamed("text/event-stream", 0, &[json!({"error": {"code": 503, "message": "busy"}})], ""),
                says_ok(),
            ],
            0,
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_cured_is_named() {
    let mut rows = vec![
        fails("401", answer("401 Unauthorized", "", "{}"), "model server refused with status 401: {}"),
        fails(
            "404 at a base with its version",
            answer("404 Not Found", "", r#"{"detail": "Not Found"}"#),
            "model server refused with status 404: Not Found (from BASE/chat/completions)",
        ),
        fails(
            "a web page",
            answer("200 OK", "", "<!doctype html>\n<p>"),
            "model reply is not a chat completion: reply is not JSON: it begins with `<!doctype html>` (from BASE/chat/completions)",
        ),
        fails(
            "no choices at all",
            answer("200 OK", "", r#"{"output": []}"#),
            "model reply is not a chat completion: `choices` is absent",
        ),
        fails(
            "a stream that breaks off",
            streamed("text/event-stream", 0, &[delta(&json!({"content": "half"}))], ""),
            "model server did not answer after 1 attempts: connection broke: the stream ended before its last event",
        ),
    ];
    rows.push(Row {
        name: "empty for ever",
        sends: vec![answer("200 OK", "", ""); 4],
        // They end in the error, which says how many there were.
        retries: 0,
        waits: 1,
        calls: &[],
        ends: Fails("model server did not answer after 4 attempts: reply is empty"),
    });
    check(rows).await;
}

#[tokio::test(start_paused = true)]
async fn calls_are_read_in_every_shape() {
    const FIVE: &[&str] = &["{\"qps\":5}"];
    let function = json!({"name": "load", "arguments": "{\"qps\": 5}"});
    check(vec![
        called("tool_calls is one object", &json!({"tool_calls": {"id": "a", "function": function}}), FIVE),
        called("a legacy function_call", &json!({"content": null, "function_call": function}), FIVE),
        called("a namespace", &call("functions.load", &json!("{\"qps\": 5}")), FIVE),
        called("a channel", &call("load<|channel|>commentary", &json!("{\"qps\": 5}")), FIVE),
        called("arguments encoded twice", &call("load", &json!("\"{\\\"qps\\\": 5}\"")), FIVE),
        called("arguments as an object", &call("load", &json!({"qps": 5})), FIVE),
        called("a number as text", &call("load", &json!("{\"qps\": \"5\"}")), FIVE),
        called("a whole float", &call("load", &json!("{\"qps\": 5.0}")), FIVE),
        called(
            "an object as text",
            &call("load", &json!(r#"{"qps": 5, "target": "{\"port\": \"80\"}"}"#)),
            &["{\"qps\":5,\"target\":{\"port\":80}}"],
        ),
        called("no name", &call("", &json!("{}")), &["Error: unknown tool ``; the tools are `load`"]),
        called("an illegal name", &call("a b!", &json!("{}")), &["Error: unknown tool `a b!`; the tools are `load`"]),
        Row {
            name: "tool_calls is empty text",
            sends: vec![completion(&json!({"content": "ok", "tool_calls": ""}))],
            retries: 0,
            waits: 0,
            calls: &[],
            ends: Says("ok"),
        },
        Row {
            name: "a byte order mark",
            sends: vec![answer("200 OK", "", "\u{feff}{\"choices\": [{\"message\": {\"content\": \"ok\"}}]}")],
            retries: 0,
            waits: 0,
            calls: &[],
            ends: Says("ok"),
        },
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_read_whatever_was_asked_for() {
    let events = [
        delta(&json!({"role": "assistant", "tool_calls": [
            {"index": 0, "id": "a", "function": {"name": "load", "arguments": "{\"qps\""}}]})),
        delta(&json!({"tool_calls": [{"index": 0, "function": {"arguments": ":5}"}}]})),
    ];
    let text = [delta(&json!({"content": "o"})), delta(&json!({"content": "k"}))];
    let done = "data: [DONE]\n\n";
    check(vec![
        Row {
            name: "a call and a text",
            sends: vec![
                streamed("text/event-stream", 0, &events, done),
                // More was announced than comes: the last event is the end, whatever the connection does.
                streamed("application/json", 100_000, &text, done),
            ],
            retries: 0,
            waits: 0,
            calls: &["{\"qps\":5}"],
            ends: Says("ok"),
        },
        fails(
            "a stream without end",
            streamed("text/event-stream", 0, &[], &format!(":{}\n", "x".repeat(17 * 1024 * 1024))),
            "model reply is not a chat completion: reply is longer than 16777216 bytes",
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_final_answer_is_asked_for_once_more() {
    let cut = || finished_by("length", &json!({"content": "the load was"}));
    let as_text = || completion(&json!({"content": "<tool_call>{\"name\": \"load\"}</tool_call>"}));
    let cut_call = finished_by("length", &call("load", &json!("{\"qps\":")));
    let row = |name, sends, ends| Row { name, sends, retries: 0, waits: 0, calls: &[], ends };
    check(vec![
        row("cut off once", vec![cut(), says_ok()], Says("ok")),
        row("cut off again and again", vec![cut(), cut(), cut()], With("cut_off")),
        row("a call as text, once", vec![as_text(), says_ok()], Says("ok")),
        row("calls as text", vec![as_text(), as_text(), as_text()], With("call_as_text")),
        Row {
            name: "a call that was cut off",
            sends: vec![cut_call, says_ok()],
            retries: 0,
            waits: 0,
            calls: &[
                "Error: the reply was cut off at the server's output limit (finish_reason `length`); write this call \
                      again, shorter",
            ],
            ends: Says("ok"),
        },
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_another_vendor_added_is_dropped_once_it_is_refused() {
    let first = json!({"content": null, "reasoning_content": "hm", "tool_calls": [
        {"id": "a", "type": "function", "extra_content": {}, "function": {"name": "load", "arguments": "{\"qps\":5}"}}]});
    let refusal = r#"{"detail": [{"loc": ["body", "messages", 1, "assistant", "reasoning_content"], "msg": "extra"}]}"#;
    let server = RawServer::start(vec![
        completion(&first),
        answer("422 Unprocessable Entity", "", refusal),
        completion(&first),
        says_ok(),
    ]);
    let (outcome, _, transcript) = run(&server).await;
    assert_eq!((outcome.text.as_str(), outcome.retries), ("ok", 1), "{:?}", outcome.end);
    let bodies = server.bodies();
    assert_eq!(bodies[1]["messages"][1]["reasoning_content"], "hm");
    for body in &bodies[2..] {
        let text = body.to_string();
        assert!(!text.contains("reasoning_content") && !text.contains("extra_content"), "{text}");
    }
    assert!(
        transcript.contains("; asked again without `extra_content`, `reasoning_content`, `strict`"),
        "{transcript}"
    );
    // A 400 that names none of them is what it says.
    let server = RawServer::start(vec![completion(&first), answer("400 Bad Request", "", "too hot")]);
    let (outcome, ..) = run(&server).await;
    assert_eq!(outcome.end.error().expect("refused").to_string(), "model server refused with status 400: too hot");
}

#[tokio::test(start_paused = true)]
async fn a_base_without_its_version_is_named() {
    let server = RawServer::start(vec![answer("404 Not Found", "", "404 page not found")]);
    let base = server.base_url().trim_end_matches("/v1").to_owned();
    let model = OpenAiModel::new(OpenAiConfig::new("any").with_base_url(&base).expect("usable")).expect("usable");
    let clock = Arc::new(VirtualClock::starting_at(SystemTime::UNIX_EPOCH));
    let mut cx = LoopContext::new(clock, CancellationToken::new(), TranscriptWriter::discard(Redactor::default()));
    let limits = Limits::for_planned(Duration::from_secs(1));
    let outcome = run_tool_loop(&model, "", &[&Load], "", &limits, &mut cx).await;
    assert_eq!(
        outcome.end.error().expect("refused").to_string(),
        format!(
            "model server refused with status 404: 404 page not found (from {base}/chat/completions; most servers need \
             a `/v1`: try OPENAI_BASE_URL={base}/v1)"
        )
    );
}
