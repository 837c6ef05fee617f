//! Members that a vendor added, and that the next server may refuse to see in the history.

use serde_json::{Map, Value};

/// Members of an assistant message in OpenAI's API.
const MESSAGE: [&str; 7] = ["role", "content", "name", "refusal", "audio", "tool_calls", "function_call"];
/// Members of a tool call.
const CALL: [&str; 4] = ["id", "type", "function", "custom"];
/// Members of a call's function.
const FUNCTION: [&str; 2] = ["name", "arguments"];

/// Names what a request holds beyond OpenAI's API: in its assistant messages, and `strict` in its tools.
pub(super) fn additions(body: &Value) -> Vec<String> {
    let mut names = Vec::new();
    visit(&mut body.clone(), &mut |object, known| {
        names.extend(object.keys().filter(|name| !known.contains(&name.as_str())).cloned());
    });
    names.sort_unstable();
    names.dedup();
    names
}

/// Drops them all: a server that refuses one of them wrote none of them.
pub(super) fn drop_additions(body: &mut Value) {
    visit(body, &mut |object, known| object.retain(|name, _| known.contains(&name.as_str())));
}

/// Whether an error's text names a member, as a word of its own.
pub(super) fn names(text: &str, member: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(member)
        .any(|(at, _)| !text[..at].ends_with(part_of_word) && !text[at + member.len()..].starts_with(part_of_word))
}

/// Shows each object that may hold additions, with the members that it has in OpenAI's API.
fn visit(body: &mut Value, each: &mut impl FnMut(&mut Map<String, Value>, &[&str])) {
    for message in items(&mut body["messages"]) {
        if message["role"] != "assistant" {
            continue;
        }
        for call in items(&mut message["tool_calls"]) {
            if let Value::Object(function) = &mut call["function"] {
                each(function, &FUNCTION);
            }
            if let Value::Object(call) = call {
                each(call, &CALL);
            }
        }
        if let Value::Object(message) = message {
            each(message, &MESSAGE);
        }
    }
    for tool in items(&mut body["tools"]) {
        if let Value::Object(function) = &mut tool["function"] {
            each(function, &["name", "description", "parameters"]);
        }
    }
}

fn items(list: &mut Value) -> impl Iterator<Item = &mut Value> {
    list.as_array_mut().into_iter().flatten().filter(|item| item.is_object())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_vendor_added_is_named_and_dropped() {
        let mut body = json!({
            "messages": [
                {"role": "user", "content": "go", "kept": 1},
                {"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [
                    {"id": "a", "type": "function", "extra_content": {}, "function":
                        {"name": "load", "arguments": "{}", "parsed": null}}]},
                {"role": "tool", "tool_call_id": "a", "content": "x"},
            ],
            "tools": [{"type": "function", "function": {"name": "load", "parameters": {}, "strict": true}}],
            "vendor_switch": true,
        });
        assert_eq!(additions(&body), ["extra_content", "parsed", "reasoning_content", "strict"]);
        drop_additions(&mut body);
        assert_eq!(additions(&body), Vec::<String>::new());
        assert_eq!(
            body,
            json!({
                "messages": [
                    {"role": "user", "content": "go", "kept": 1},
                    {"role": "assistant", "content": null, "tool_calls": [
                        {"id": "a", "type": "function", "function": {"name": "load", "arguments": "{}"}}]},
                    {"role": "tool", "tool_call_id": "a", "content": "x"},
                ],
                "tools": [{"type": "function", "function": {"name": "load", "parameters": {}}}],
                "vendor_switch": true,
            })
        );
    }

    #[test]
    fn a_member_is_named_as_a_word() {
        assert!(names("property 'reasoning' is unsupported", "reasoning"));
        assert!(names(r#"["body","messages",2,"assistant","reasoning_content"]"#, "reasoning_content"));
        assert!(!names("reasoning_content is unsupported", "reasoning"));
        assert!(!names("restrict", "strict"));
    }
}
