//! A tool that fails, as its protocol says it.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::exchange::{Exchange, Rewritten};
use super::rpc;

/// The code of an internal error in JSON-RPC 2.0.
const INTERNAL_ERROR: i32 = -32603;

/// MCP's tools say it in their result, JSON-RPC in an error, and others by 500.
pub(super) fn fails(exchange: &Exchange<'_>) -> Option<Rewritten> {
    if let Some(calls) = rpc::calls(exchange.request) {
        return exchange.each_json(|answer| rpc::each_answer(answer, &calls, failed));
    }
    let body = json!({"error": {"type": "internal_error", "message": "the tool failed"}});
    let status = Some(StatusCode::INTERNAL_SERVER_ERROR);
    Some(Rewritten { status, body: body.to_string().into_bytes() })
}

fn failed(call: &rpc::Call, message: &mut Value) -> bool {
    let Some(message) = message.as_object_mut() else { return false };
    let Some(tool) = &call.tool else {
        message.remove("result");
        message.insert("error".into(), json!({"code": INTERNAL_ERROR, "message": "Internal error"}));
        return true;
    };
    // What the result has beside its content stays: `_meta`, and the kind of result.
    let mut result = message.get("result").and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
    result.remove("structuredContent");
    let says = format!("Error executing tool {tool}: internal error");
    result.insert("content".into(), json!([{"type": "text", "text": says}]));
    result.insert("isError".into(), json!(true));
    message.insert("result".into(), Value::Object(result));
    true
}

#[cfg(test)]
mod tests {
    use super::super::for_tests::{answered, streamed};
    use super::*;

    const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"add","arguments":{"a":1}}}"#;

    #[test]
    fn a_tool_of_mcp_says_it_in_its_result() {
        let answer = json!({"jsonrpc": "2.0", "id": 7, "result": {"_meta": {"a": 1}, "content": [], "structuredContent": {"sum": 3}}});
        let (status, told) = answered(fails, CALL, &answer.to_string()).unwrap();
        let says = json!([{"type": "text", "text": "Error executing tool add: internal error"}]);
        let want = json!({"jsonrpc": "2.0", "id": 7, "result": {"_meta": {"a": 1}, "content": says, "isError": true}});
        assert_eq!((status, told), (None, want));
        for unharmed in [
            r#"{"jsonrpc":"2.0","id":8,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"no"}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#,
            "",
        ] {
            assert_eq!(answered(fails, CALL, unharmed), None, "{unharmed}");
        }
    }

    #[test]
    fn only_the_answer_of_a_stream_is_one() {
        let progress = "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n";
        let stream = format!(
            "{progress}event: message\nid: 3\ndata: {{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{{\"content\":[]}}}}\n\n"
        );
        let told = streamed(fails, CALL, &stream).unwrap();
        let rest = told.strip_prefix(progress).unwrap();
        assert!(rest.starts_with("event: message\nid: 3\ndata: ") && rest.contains("\"isError\":true"), "{rest}");
    }

    #[test]
    fn other_services_say_it_in_their_own_way() {
        let call = r#"{"jsonrpc":"2.0","id":"a","method":"sum"}"#;
        let answer = r#"{"jsonrpc":"2.0","id":"a","result":3}"#;
        let want = json!({"jsonrpc": "2.0", "id": "a", "error": {"code": -32603, "message": "Internal error"}});
        assert_eq!(answered(fails, call, answer), Some((None, want)));
        let (status, body) = answered(fails, r#"{"a":1}"#, r#"{"sum":3}"#).unwrap();
        assert_eq!((status, &body["error"]["type"]), (Some(500), &json!("internal_error")));
    }
}
