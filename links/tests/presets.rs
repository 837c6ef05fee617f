//! What the presets put on the wire, between a client and services of the test's own.

#![cfg(feature = "http")]
#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

#[path = "support/raw_http.rs"]
mod raw_http;
#[path = "support/services.rs"]
mod services;

use std::net::SocketAddr;

use chaos_core::{HttpPreset, HttpRule};
use chaos_links::{Direction, HttpToxic, LinkSpec, Links, Protocol, ToxicKind, ToxicSpec};
use raw_http::{Body, Head, ask};
use serde_json::{Value, json};
use services::{SAYS, Services};

const CHAT: &str = "/v1/chat/completions";

struct Faulty {
    services: Services,
    links: Links,
    at: SocketAddr,
}

impl Faulty {
    fn with(preset: HttpPreset) -> Self {
        let services = Services::start();
        let links = Links::start(1).unwrap();
        let rule = HttpRule { preset: Some(preset), ..HttpRule::default() };
        let toxic = ToxicSpec::new(ToxicKind::Http(HttpToxic(rule)), Direction::Downstream);
        let toxics = vec![ToxicSpec { name: "rule".into(), ..toxic }];
        let spec = LinkSpec::new("link", "127.0.0.1:0", services.address.to_string());
        let view = links.create(&LinkSpec { protocol: Protocol::Http, toxics, ..spec }).unwrap();
        Self { services, links, at: view.listen.parse().unwrap() }
    }

    fn ask(&self, path: &str, request: &Value) -> (Head, Body) {
        ask(self.at, path, &request.to_string()).answer()
    }

    /// The answer as JSON, which must be whole.
    fn json(&self, path: &str, request: &Value) -> (u16, Value) {
        let (head, body) = self.ask(path, request);
        assert!(body.is_whole, "{body:?}");
        assert_eq!(head.headers["content-type"], "application/json");
        (head.status, serde_json::from_str(&body.text).unwrap())
    }

    /// The data of a whole stream's events.
    fn events(&self, path: &str, request: &Value) -> Vec<String> {
        let (head, body) = self.ask(path, request);
        assert!(head.status == 200 && body.is_whole, "{head:?} {body:?}");
        assert!(head.headers["content-type"].starts_with("text/event-stream"), "{head:?}");
        data(&body.text)
    }

    /// How many requests the server got since the last time, and the rule met in all.
    fn counts(&self) -> (usize, u64) {
        (self.services.served(), self.links.get("link").unwrap().rules["rule"])
    }
}

fn data(stream: &str) -> Vec<String> {
    stream.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
}

fn chat(content: &str) -> Value {
    json!({"model": "fake", "messages": [{"role": "user", "content": content}]})
}

fn with(mut request: Value, key: &str, value: Value) -> Value {
    request[key] = value;
    request
}

fn with_tools(request: Value) -> Value {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    with(request, "tools", json!([{"type": "function", "function": {"name": "weather", "parameters": parameters}}]))
}

fn call() -> Value {
    json!({"jsonrpc": "2.0", "id": "a-7", "method": "tools/call", "params": {"name": "add", "arguments": {}}})
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})
}

#[test]
fn a_model_refuses_in_place_of_the_server() {
    let faulty = Faulty::with(HttpPreset::LlmRateLimited);
    let (head, body) = faulty.ask(CHAT, &with(chat("Hi"), "stream", json!(true)));
    assert_eq!((head.status, head.headers["retry-after"].as_str()), (429, "1"));
    assert_eq!(
        (head.headers["content-type"].as_str(), head.headers["x-ratelimit-remaining-requests"].as_str()),
        ("application/json", "0")
    );
    let error: Value = serde_json::from_str(&body.text).unwrap();
    assert_eq!(error["error"]["code"], "rate_limit_exceeded");
    assert_eq!(faulty.ask("/v1/messages", &json!({})).0.status, 429);
    assert_eq!(faulty.counts(), (0, 2));

    let faulty = Faulty::with(HttpPreset::LlmOverloaded);
    let (status, error) = faulty.json(CHAT, &chat("Hi"));
    assert_eq!((status, &error["error"]["type"]), (503, &json!("service_unavailable_error")));
    let (status, error) = faulty.json("/v1/messages", &json!({}));
    assert_eq!((status, &error["error"]["type"]), (529, &json!("overloaded_error")));
    assert_eq!(faulty.counts(), (0, 2));
}

#[test]
fn a_stream_breaks_off_behind_its_first_word() {
    let faulty = Faulty::with(HttpPreset::LlmCutStream);
    let (head, body) = faulty.ask(CHAT, &with(chat("Hi"), "stream", json!(true)));
    assert!(head.status == 200 && !body.is_whole, "{body:?}");
    let events = data(&body.text);
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[1].contains(SAYS[0]) && body.text.ends_with("\n\n"), "{body:?}");
    assert_eq!(faulty.counts(), (1, 1));
    let (_, whole) = faulty.json(CHAT, &chat("Hi"));
    assert_eq!(whole["choices"][0]["message"]["content"], SAYS.concat());
    assert_eq!(faulty.counts(), (1, 1));
    assert_eq!(faulty.ask("/absent", &with(chat("Hi"), "stream", json!(true))).0.status, 404);
    assert_eq!(faulty.counts(), (1, 1));
}

#[test]
fn arguments_of_tool_calls_are_no_json() {
    let faulty = Faulty::with(HttpPreset::LlmMalformedToolCall);
    for (content, want) in [("weather?", "{\"city\""), ("Hi", "{\"city\":\"")] {
        let (status, answer) = faulty.json(CHAT, &with_tools(chat(content)));
        let choice = &answer["choices"][0];
        assert_eq!((status, &choice["finish_reason"]), (200, &json!("tool_calls")));
        let function = &choice["message"]["tool_calls"][0]["function"];
        assert_eq!(function, &json!({"name": "weather", "arguments": want}));

        let events = faulty.events(CHAT, &with(with_tools(chat(content)), "stream", json!(true)));
        assert_eq!(events.last().unwrap(), "[DONE]");
        let deltas = events.iter().filter_map(|event| serde_json::from_str::<Value>(event).ok());
        let functions = deltas.map(|chunk| chunk["choices"][0]["delta"]["tool_calls"][0]["function"].clone());
        let functions: Vec<Value> = functions.filter(Value::is_object).collect();
        assert_eq!(functions[0]["name"], "weather");
        let arguments: Vec<&str> = functions.iter().filter_map(|function| function["arguments"].as_str()).collect();
        assert_eq!(arguments.concat(), want);
    }
    assert_eq!(faulty.counts(), (4, 4));
    let (_, unharmed) = faulty.json(CHAT, &chat("weather?"));
    assert_eq!(unharmed["choices"][0]["message"]["content"], SAYS.concat());
    assert_eq!(faulty.counts(), (1, 4));
}

#[test]
fn an_answer_has_no_choices() {
    let faulty = Faulty::with(HttpPreset::LlmEmptyChoices);
    let (status, answer) = faulty.json(CHAT, &chat("Hi"));
    assert_eq!((status, &answer["choices"], &answer["usage"]["total_tokens"]), (200, &json!([]), &json!(4)));
    let mut events = faulty.events(CHAT, &with(chat("Hi"), "stream", json!(true)));
    assert_eq!(events.pop().as_deref(), Some("[DONE]"));
    assert_eq!(events.len(), SAYS.len() + 2);
    assert!(events.iter().all(|event| event.contains("\"choices\":[]")), "{events:?}");
    assert_eq!(faulty.counts(), (2, 2));
    assert_eq!(faulty.ask("/absent", &json!({})).0.status, 404);
    assert_eq!(faulty.counts(), (1, 2));
}

/// A head comes and no body, however much passes beside it, until the rule goes.
fn is_silent_until_the_rule_goes(preset: HttpPreset, path: &str, request: &Value) -> (usize, u64, String) {
    let faulty = Faulty::with(preset);
    let mut asked = ask(faulty.at, path, &request.to_string());
    let head = asked.head();
    assert_eq!(head.status, 200);
    let beside = ask(faulty.at, path, &request.to_string()).head();
    assert!(beside.status == 200 && asked.is_silent());
    let (served, met) = faulty.counts();
    faulty.links.remove_toxic("link", "rule").unwrap();
    let body = asked.body(&head);
    assert!(body.is_whole, "{body:?}");
    (served, met, body.text)
}

#[test]
fn the_first_token_comes_late() {
    let request = with(chat("Hi"), "stream", json!(true));
    let (served, met, late) = is_silent_until_the_rule_goes(HttpPreset::LlmSlowFirstToken, CHAT, &request);
    assert_eq!((served, met, data(&late).len()), (2, 2, SAYS.len() + 3));
}

#[test]
fn a_tool_acts_and_never_answers() {
    for (path, request) in [("/mcp", call()), ("/mcp/stream", call()), ("/tool", json!({"a": 1}))] {
        let (served, met, _) = is_silent_until_the_rule_goes(HttpPreset::ToolTimeout, path, &request);
        assert_eq!((served, met), (2, 2), "{path}");
    }
    let faulty = Faulty::with(HttpPreset::ToolTimeout);
    assert_eq!(faulty.json("/mcp", &initialize()).1["result"]["limit"], 1);
    assert_eq!(faulty.counts(), (1, 0));
}

#[test]
fn a_tool_acts_and_says_that_it_failed() {
    let faulty = Faulty::with(HttpPreset::ToolError);
    let says = json!([{"type": "text", "text": "Error executing tool add: internal error"}]);
    let want = json!({"jsonrpc": "2.0", "id": "a-7", "result": {"content": says, "isError": true}});
    assert_eq!(faulty.json("/mcp", &call()), (200, want.clone()));
    let events = faulty.events("/mcp/stream", &call());
    assert!(events[0].contains("notifications/progress") && events.len() == 2, "{events:?}");
    assert_eq!(serde_json::from_str::<Value>(&events[1]).unwrap(), want);
    let (status, error) = faulty.json("/tool", &json!({"a": 1}));
    assert_eq!((status, &error["error"]["type"]), (500, &json!("internal_error")));
    assert_eq!(faulty.json("/mcp", &with(call(), "method", json!("sum"))).1["error"]["code"], -32603);
    assert_eq!(faulty.counts(), (4, 4));
    assert_eq!(faulty.json("/mcp", &initialize()).1["result"]["limit"], 1);
    assert_eq!(faulty.counts(), (1, 4));
}

#[test]
fn a_tool_acts_and_what_it_says_is_wrong() {
    let faulty = Faulty::with(HttpPreset::ToolWrongResult);
    let wrong = json!({"sum": 4, "is_odd": false, "of": ["1", "2"]});
    let is_wrong = |message: &Value| {
        assert_eq!((&message["id"], &message["jsonrpc"]), (&json!("a-7"), &json!("2.0")));
        let result = &message["result"];
        assert_eq!((&result["structuredContent"], &result["isError"]), (&wrong, &json!(false)));
        let text = result["content"][0]["text"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), wrong);
    };
    is_wrong(&faulty.json("/mcp", &call()).1);
    let events = faulty.events("/mcp/stream", &call());
    assert!(events[0].contains("\"progress\":1"), "{events:?}");
    is_wrong(&serde_json::from_str(&events[1]).unwrap());
    assert_eq!(faulty.json("/tool", &json!({"a": 1})), (200, wrong.clone()));
    assert_eq!(faulty.json("/mcp", &with(call(), "method", json!("sum"))).1["result"], wrong);
    assert_eq!(faulty.counts(), (4, 4));
    assert_eq!(faulty.json("/mcp", &initialize()).1["result"]["limit"], 1);
    assert_eq!(faulty.counts(), (1, 4));
}
