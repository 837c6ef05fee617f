//! Masks JSON text as it stands, so that the order of members is kept.

use super::all::{All, MASK};
use super::unasked;

/// The text without secrets.
pub(super) fn masked(json: &str, all: &All<'_>) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    // Whether the next value belongs to a member that holds a credential by its name.
    let mut credential = false;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '"' => string_length(rest),
            '-' | '0'..='9' => rest.find(|c: char| !"+-.eE0123456789".contains(c)).unwrap_or(rest.len()),
            _ => next.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        match next {
            '"' => match serde_json::from_str::<String>(token) {
                Ok(text) => {
                    let is_name = rest.trim_start().starts_with(':');
                    let shown = if credential && !is_name { MASK.to_owned() } else { all.text(&text) };
                    credential = is_name && unasked::is_credential(&text);
                    if shown == text { out += token } else { out += &quoted(&shown) }
                }
                Err(_) => out += &all.text(token),
            },
            '-' | '0'..='9' if all.is_number(token) => out += &quoted(MASK),
            ':' => out.push(next),
            _ => {
                credential &= next.is_whitespace();
                out += token;
            }
        }
    }
    out
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The length of a string with its quotes; of one that does not end, all.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{Redactor, Secret};

    fn redactor() -> Redactor {
        Redactor::new(["hunter2", "91827364", "a\"b\\c\u{202e}d"].map(Secret::new))
    }

    #[test]
    fn the_order_and_everything_else_stays() {
        let text = "{\n  \"z\": [\"x\", -1.5e3, true, null],\n  \"a\": {\"é\\n\": \"\\ud83e\\udd80\", \"\": \"\"}\n}\n";
        assert_eq!(redactor().json(text), text);
        let text = r#"{"z":"my hunter2","hunter2":1,"pin":91827364,"pin2":91827364.0,"a":918273640}"#;
        assert_eq!(redactor().json(text), r#"{"z":"my ***","***":1,"pin":"***","pin2":"***","a":918273640}"#);
        let text = r#"{"Authorization" : "x", "b": "authorization", "c": "y", "cookie": ["z"], "api_key": "k"}"#;
        let masked = r#"{"Authorization" : "***", "b": "authorization", "c": "y", "cookie": ["z"], "api_key": "***"}"#;
        assert_eq!(redactor().json(text), masked);
    }

    #[test]
    fn text_is_masked_as_a_value_is() {
        let value = json!({"k\"": ["a\"b\\c\u{202e}d", "\\", "\\\"", 91_827_364, 1], "authorization": "q", "x": {"y": "Bearer A1b2C3"}});
        let text = redactor().json(&value.to_string());
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), redactor().value(&value));
    }

    #[test]
    fn a_string_that_is_none_is_masked_all_the_same() {
        for text in ["{\"a\": \"hunter2", "\"\\x hunter2\"", "\"\\"] {
            assert!(!redactor().json(text).contains("hunter2"));
        }
    }
}
