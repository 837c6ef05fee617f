//! Names and texts that try to leave their place in a page, a document or a terminal.

use chaos_core::visible;
use serde_json::Value;

use crate::documents::Dice;
use crate::target::Breach;

const TEXTS: [&str; 16] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='x",
    "]]><x/>",
    "<!-- ",
    "&lt;b&gt; &#60;",
    "</title></style></main>",
    "\u{1b}[31mred\u{1b}]0;title\u{7}",
    "\u{9b}2J\r\nfake: line",
    "\u{202e}drowssap\u{2066}",
    "\u{200b}\u{feff}\u{e0041}",
    "\0\u{fffe}\u{ffff}\u{d7ff}",
    "a\nb\tc\u{85}d\u{2028}e",
    "{{A}} ${x} `id` %s",
    "\u{1f980}e\u{301}\u{65e5}",
    "",
];

/// Puts such texts where free text is: where a member's name says so.
pub(super) fn hostile_texts(value: &mut Value, dice: &mut Dice) {
    const FREE: [&str; 17] = [
        "name",
        "detail",
        "output",
        "error",
        "task",
        "file",
        "command",
        "path",
        "why",
        "text",
        "cause",
        "summary",
        "step",
        "describe",
        "message",
        "label",
        "answer_text",
    ];
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                match inner {
                    Value::String(text) if FREE.contains(&key.as_str()) && dice.below(2) == 0 => {
                        *text = [*dice.pick(&TEXTS), text.as_str(), *dice.pick(&TEXTS)].concat();
                    }
                    inner => hostile_texts(inner, dice),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hostile_texts(item, dice)),
        _ => {}
    }
}

/// The same value with texts that mean nothing to HTML and XML.
pub(super) fn harmless(value: &Value) -> Value {
    let plain = |text: &str| text.replace(['<', '>', '&', '"', '\''], "x");
    match value {
        Value::String(text) => plain(text).into(),
        Value::Array(items) => items.iter().map(harmless).collect(),
        Value::Object(map) => map.iter().map(|(key, inner)| (plain(key), harmless(inner))).collect(),
        other => other.clone(),
    }
}

/// The tags of a page and the names of their attributes, in their order.
fn skeleton(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        let mut quote = None;
        let mut tag = String::new();
        let mut end = rest.len();
        for (index, c) in rest[at..].char_indices() {
            match quote {
                None if c == '>' => {
                    end = at + index + 1;
                    break;
                }
                None if c == '"' => quote = Some(tag.len()),
                None => tag.push(c),
                Some(_) if c == '"' => quote = None,
                Some(_) => {}
            }
        }
        tags.push(tag);
        rest = &rest[end..];
    }
    tags
}

/// What texts say changes nothing in the structure of a page.
pub(super) fn same_structure(kind: &str, hostile: &str, harmless: &str) -> Result<(), Breach> {
    let (one, other) = (skeleton(hostile), skeleton(harmless));
    let differs = one.iter().zip(&other).position(|(one, other)| one != other);
    match differs {
        None if one.len() == other.len() => Ok(()),
        at => Err(Breach(format!(
            "a text changes the {kind}: {:?} in place of {:?}",
            one.get(at.unwrap_or(other.len())),
            other.get(at.unwrap_or(one.len()))
        ))),
    }
}

/// Nothing in a text moves a terminal.
pub(super) fn is_visible(kind: &str, text: &str) -> Result<(), Breach> {
    if visible(text) == text { Ok(()) } else { Err(Breach(format!("hidden characters in {kind}: {text:?}"))) }
}
