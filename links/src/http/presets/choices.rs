//! A model that answers, and says nothing.

use serde_json::Value;

use super::anthropic;
use super::exchange::{Exchange, Rewritten};

/// An answer, or a stream, without choices.
pub(super) fn emptied(exchange: &Exchange<'_>) -> Option<Rewritten> {
    exchange.each_json(without_choices).or_else(|| anthropic::without_content(exchange))
}

fn without_choices(answer: &mut Value) -> bool {
    match answer.get_mut("choices") {
        Some(Value::Array(choices)) if !choices.is_empty() => {
            choices.clear();
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::for_tests::{answered, streamed};
    use super::*;

    #[test]
    fn choices_go_and_the_rest_stays() {
        let answer = json!({"id": "chatcmpl-1", "choices": [{"index": 0}], "usage": {"total_tokens": 3}});
        let want = json!({"id": "chatcmpl-1", "choices": [], "usage": {"total_tokens": 3}});
        assert_eq!(answered(emptied, "", &answer.to_string()), Some((None, want)));
        for unharmed in [r#"{"choices":[]}"#, r#"{"choices":1}"#, r#"{"error":{}}"#, "[]", "<html>"] {
            assert_eq!(answered(emptied, "", unharmed), None, "{unharmed}");
        }
    }

    #[test]
    fn a_stream_has_its_end_and_no_choices() {
        let stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n";
        let want = "data: {\"choices\":[]}\n\ndata: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n";
        assert_eq!(streamed(emptied, "", stream).as_deref(), Some(want));
        assert_eq!(streamed(emptied, "", "data: [DONE]\n\n"), None);
    }
}
