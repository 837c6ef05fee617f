//! Which requests call a tool: of MCP, of another service that speaks JSON-RPC, or of one that speaks plain JSON.

use hyper::Method;
use hyper::header::ACCEPT;
use hyper::http::request::Parts;
use serde_json::Value;

use super::exchange::json as of_body;

/// Prefixes of MCP's methods that are no calls of tools.
const PROTOCOL: &[&str] = &[
    "initialize",
    "ping",
    "server/",
    "notifications/",
    "tools/list",
    "resources/",
    "prompts/",
    "completion/",
    "logging/",
    "roots/",
    "sampling/",
    "elicitation/",
    "subscriptions/",
    "tasks/",
];
const CALL: &str = "tools/call";
/// What MCP's clients name their session with, also in requests without a body.
const SESSION: &str = "mcp-session-id";

/// A call in a request of JSON-RPC.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    /// By which its answer is known.
    pub(super) id: Value,
    /// The tool, where it is one of MCP's.
    pub(super) tool: Option<String>,
}

/// The calls in a request of JSON-RPC, without MCP's own business; `None` where it is not JSON-RPC.
pub(super) fn calls(request: &[u8]) -> Option<Vec<Call>> {
    let request = of_body(request)?;
    let messages = match &request {
        Value::Array(messages) => messages.as_slice(),
        message => std::slice::from_ref(message),
    };
    let is_rpc = !messages.is_empty() && messages.iter().all(|message| message["jsonrpc"] == "2.0");
    is_rpc.then(|| messages.iter().filter_map(call).collect())
}

fn call(message: &Value) -> Option<Call> {
    let id = message.get("id").filter(|id| !id.is_null())?.clone();
    let method = message["method"].as_str()?;
    if method == CALL {
        let tool = message["params"]["name"].as_str().unwrap_or_default();
        return Some(Call { id, tool: Some(tool.to_owned()) });
    }
    let is_protocol = PROTOCOL.iter().any(|prefix| method.starts_with(prefix));
    (!is_protocol).then_some(Call { id, tool: None })
}

/// Whether the request calls a tool.
pub(super) fn calls_a_tool(head: &Parts, request: &[u8]) -> bool {
    match calls(request) {
        Some(calls) => !calls.is_empty(),
        None => is_plain_call(head),
    }
}

/// Not the stream on which a server of MCP speaks by itself, nor the end of a session.
fn is_plain_call(head: &Parts) -> bool {
    let is_session = head.headers.contains_key(SESSION);
    let accepts = head.headers.get(ACCEPT).map_or(&b""[..], |value| value.as_bytes());
    let takes_events = accepts.starts_with(b"text/event-stream");
    let asks = !matches!(head.method, Method::HEAD | Method::OPTIONS | Method::CONNECT | Method::TRACE);
    asks && !is_session && !(head.method == Method::GET && takes_events)
}

/// The messages of an answer that are answers to calls, each with its call.
pub(super) fn each_answer(
    answer: &mut Value,
    calls: &[Call],
    mut change: impl FnMut(&Call, &mut Value) -> bool,
) -> bool {
    let messages = match answer {
        Value::Array(messages) => messages.as_mut_slice(),
        message => std::slice::from_mut(message),
    };
    let mut is_changed = false;
    for message in messages {
        let call = calls.iter().find(|call| message.get("id") == Some(&call.id) && message.get("result").is_some());
        is_changed |= call.is_some_and(|call| change(call, message));
    }
    is_changed
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_are_those_of_tools() {
        let call = |id: Value, tool: Option<&str>| Call { id, tool: tool.map(str::to_owned) };
        let tool = json!({"jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": {"name": "add"}});
        let other = json!({"jsonrpc": "2.0", "id": 0, "method": "sum"});
        for (request, want) in [
            (tool.clone(), Some(vec![call(json!("a"), Some("add"))])),
            (other.clone(), Some(vec![call(json!(0), None)])),
            (json!([tool, other]), Some(vec![call(json!("a"), Some("add")), call(json!(0), None)])),
            (json!({"jsonrpc": "2.0", "id": 1, "method": "initialize"}), Some(vec![])),
            (json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}), Some(vec![])),
            (json!({"jsonrpc": "2.0", "method": "notifications/initialized"}), Some(vec![])),
            (json!({"jsonrpc": "2.0", "method": "tools/call"}), Some(vec![])),
            (json!({"jsonrpc": "2.0", "id": 1, "result": {}}), Some(vec![])),
            (json!({"city": "Rom"}), None),
            (json!([]), None),
            (json!(1), None),
        ] {
            assert_eq!(calls(request.to_string().as_bytes()), want, "{request}");
        }
        assert_eq!(calls(b"\xff{"), None);
    }

    #[test]
    fn plain_requests_call_a_tool_and_business_of_a_session_does_not() {
        let ask = |method: &str, header: (&str, &str)| {
            let request = Request::builder().method(method).uri("/mcp").header(header.0, header.1);
            request.body(()).unwrap().into_parts().0
        };
        for (head, want) in [
            (ask("GET", ("accept", "application/json")), true),
            (ask("POST", ("accept", "text/event-stream")), true),
            (ask("GET", ("accept", "text/event-stream")), false),
            (ask("DELETE", ("mcp-session-id", "1")), false),
            (ask("OPTIONS", ("accept", "*/*")), false),
        ] {
            assert_eq!(calls_a_tool(&head, b""), want, "{head:?}");
        }
    }
}
