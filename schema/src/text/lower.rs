//! From the tree to a JSON value, with the place of every key and value beside it.

use std::collections::HashSet;

use serde_json::{Map, Number, Value};

use super::dialect::Dialect;
use super::node::{Kind, Node};
use super::places::{Place, Places};
use crate::diagnostic::{Code, Diagnostic, TextSpan};
use crate::pointer;

/// The key of YAML 1.1 that most readers still obey: what it names is merged into its mapping.
const MERGE: &str = "<<";

/// Bytes of all pointers of a text. A long key stands in the pointer of everything below it.
const MAX_POINTERS: usize = 128 * 1024 * 1024;

/// A value, its places, and what can't be told from the value any more.
#[derive(Debug, Default)]
pub(crate) struct Lowered {
    pub(crate) value: Value,
    pub(crate) places: Places,
    /// What is lost in a value: duplicate keys, keys that are no text, tags. Placed by pointer or span.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Pointers of `.inf` and `.nan`, which became null.
    pub(crate) not_finite: Vec<String>,
    /// What YAML 1.1 reads otherwise, and where.
    pub(crate) dialects: Vec<(String, Dialect, TextSpan)>,
}

/// Lowers a whole text's tree.
pub(crate) fn lower(text: &str, root: Node) -> Lowered {
    let mut lowering = Lowering { text, out: Lowered::default(), pointers: 0 };
    let value = lowering.node(root, None, String::new());
    lowering.out.value = value;
    lowering.out
}

struct Lowering<'t> {
    text: &'t str,
    out: Lowered,
    pointers: usize,
}

impl Lowering<'_> {
    fn node(&mut self, node: Node, key: Option<TextSpan>, at: String) -> Value {
        let value = self.value_span(&node, key);
        let before = self.pointers;
        self.pointers = before.saturating_add(at.len());
        if self.pointers > MAX_POINTERS {
            if before <= MAX_POINTERS {
                let message = "keys are too long for so many values below them".to_owned();
                let help = format!("the limit is {MAX_POINTERS} bytes of all JSON pointers together");
                self.report(Code::TooLarge, "", Some(value), message, &help);
            }
            return Value::Null;
        }
        self.out.places.insert(at.clone(), Place { key, value });
        if let Some(dialect) = node.dialect {
            self.out.dialects.push((at.clone(), dialect, value));
        }
        match node.kind {
            Kind::Null => Value::Null,
            Kind::Bool(b) => Value::Bool(b),
            Kind::Text(text) => {
                if node.plain && self.swallows_a_comment(&text, node.span) {
                    self.comment(&at, node.span, "text");
                }
                Value::String(text)
            }
            Kind::Number(Some(number)) => Value::Number(number),
            Kind::Number(None) => {
                self.out.not_finite.push(at);
                Value::Null
            }
            Kind::List(items) => {
                let items = items.into_iter().enumerate();
                Value::Array(items.map(|(i, item)| self.node(item, None, pointer::join(&at, &i.to_string()))).collect())
            }
            Kind::Map(entries) => self.map(entries, &at),
        }
    }

    fn map(&mut self, entries: Vec<(Node, Node)>, at: &str) -> Value {
        let mut map = Map::new();
        let mut merged = Vec::new();
        // Equal as YAML counts: `1` and `0x1` are one key, and so are `1` and `"1"` once they are text.
        let mut seen = HashSet::new();
        for (key, value) in entries {
            let span = Some(key.span);
            let Some(name) = key_text(&key) else {
                self.report(Code::KeyNotText, at, span, "a key must be text".into(), "put quotes around it");
                continue;
            };
            let pointer = pointer::join(at, &name);
            if let Some(dialect) = key.dialect {
                self.out.dialects.push((pointer.clone(), dialect, key.span));
            }
            if key.plain && self.is_no_key(&name, key.span) {
                self.comment(&pointer, key.span, "key");
            }
            if !seen.insert(name.clone()) {
                let line = "keep one of the two";
                self.report(Code::DuplicateKey, &pointer, span, format!("duplicate key `{name}`"), line);
                continue;
            }
            if key.plain && name == MERGE {
                merged.push((value, key.span));
                continue;
            }
            let value = self.node(value, span, pointer);
            map.insert(name, value);
        }
        for (value, span) in merged {
            self.merge(value, span, at, &mut map);
        }
        Value::Object(map)
    }

    /// What stands in the mapping itself counts, then what is named first.
    fn merge(&mut self, value: Node, span: TextSpan, at: &str, into: &mut Map<String, Value>) {
        let sources = match value.kind {
            Kind::List(items) => items,
            _ => vec![value],
        };
        for source in sources {
            let Kind::Map(entries) = source.kind else {
                let message = "`<<` merges mappings, and this is none";
                self.report(
                    Code::Syntax,
                    at,
                    Some(span),
                    message.into(),
                    "name an anchor of a mapping, such as `<<: *base`",
                );
                continue;
            };
            let fresh = |(key, _): &(Node, Node)| key_text(key).is_none_or(|name| !into.contains_key(&name));
            let entries: Vec<_> = entries.into_iter().filter(fresh).collect();
            if let Value::Object(map) = self.map(entries, at) {
                into.extend(map);
            }
        }
    }

    /// A comment of another language that YAML takes for the beginning of a key, and what stands behind it.
    fn is_no_key(&self, name: &str, span: TextSpan) -> bool {
        let quoted = name.contains('"') || name.contains(" '") || name.ends_with('\'');
        quoted
            || begins_like_a_comment(name)
            || self.text.get(span.start..span.end).is_some_and(|raw| raw.contains('\n'))
    }

    fn swallows_a_comment(&self, text: &str, span: TextSpan) -> bool {
        let raw = self.text.get(span.start..span.end).unwrap_or_default();
        begins_like_a_comment(text) && (raw.contains('\n') || text.contains(['"', '\'']))
    }

    fn comment(&mut self, at: &str, span: TextSpan, what: &str) {
        let message = format!("a comment or a quote is read as part of this {what}");
        let help = "YAML comments begin with `#`, JSON has none; text that holds quotes stands in quotes itself";
        self.report(Code::SwallowedComment, at, Some(span), message, help);
    }

    fn report(&mut self, code: Code, at: &str, span: Option<TextSpan>, message: String, help: &str) {
        let mut diagnostic = Diagnostic::new(code, at, message).help(help);
        diagnostic.span = span;
        self.out.diagnostics.push(diagnostic);
    }

    /// A block mapping has no length of its own: its first key stands for it, and an absent value's key.
    fn value_span(&self, node: &Node, key: Option<TextSpan>) -> TextSpan {
        let first_key = match &node.kind {
            Kind::Map(entries) => entries.first().map(|(key, _)| key.span),
            _ => None,
        };
        let own = self.trimmed(node.span);
        if own.end > own.start || matches!(node.kind, Kind::List(_)) {
            return own;
        }
        first_key.or(key).unwrap_or(node.span)
    }

    /// A block scalar's span ends behind its line breaks.
    fn trimmed(&self, span: TextSpan) -> TextSpan {
        let text = self.text.get(span.start..span.end).unwrap_or_default();
        TextSpan { start: span.start, end: span.start + text.trim_end().len() }
    }
}

fn begins_like_a_comment(text: &str) -> bool {
    text.starts_with("//") || text.starts_with("/*")
}

/// A scalar key as the text that it is in JSON; an absent key is none.
fn key_text(key: &Node) -> Option<String> {
    match &key.kind {
        Kind::Text(name) => Some(name.clone()),
        Kind::Bool(b) => Some(b.to_string()),
        Kind::Number(number) => number.as_ref().map(whole),
        Kind::Null | Kind::List(_) | Kind::Map(_) => None,
    }
}

/// `1.0` is the number 1, and `-0` the number 0.
fn whole(number: &Number) -> String {
    if number.as_f64() == Some(0.0) {
        return "0".to_owned();
    }
    let text = number.to_string();
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::read::read_json;
    use super::super::source::Source;
    use super::*;

    #[test]
    fn a_long_key_above_many_values_is_bounded() {
        // 1 MB of key and 200,000 values would be 200 GB of pointers.
        let text = format!("{{\"{}\": [{}0]}}", "k".repeat(1 << 20), "0,".repeat(200_000));
        let lowered = read_json(&Source::new("a.json", &text)).unwrap();
        assert_eq!(lowered.diagnostics.len(), 1);
        assert_eq!(lowered.diagnostics[0].code, Code::TooLarge);
    }
}
