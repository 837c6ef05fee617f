//! From the tree to a JSON value, with the place of every key and value beside it.

use serde_json::{Map, Value};
use serde_saphyr::{Location, Spanned};

use super::number::resolve;
use super::places::{Place, Places};
use super::tree::Node;
use crate::diagnostic::{Code, Diagnostic, TextSpan};
use crate::pointer;

/// A value, its places, and what can't be told from the value any more.
#[derive(Debug, Default)]
pub(crate) struct Lowered {
    pub(crate) value: Value,
    pub(crate) places: Places,
    /// Duplicate keys and keys that are no text, already placed by pointer.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Pointers of `.inf` and `.nan`, which became null.
    pub(crate) not_finite: Vec<String>,
}

/// Lowers a whole text's tree.
pub(crate) fn lower(text: &str, root: Spanned<Node>) -> Lowered {
    let mut lowering = Lowering { text, out: Lowered::default() };
    let value = lowering.node(root, None, String::new());
    lowering.out.value = value;
    lowering.out
}

struct Lowering<'t> {
    text: &'t str,
    out: Lowered,
}

impl Lowering<'_> {
    fn node(&mut self, node: Spanned<Node>, key: Option<TextSpan>, at: String) -> Value {
        let value = self.value_span(&node, key);
        self.out.places.insert(at.clone(), Place { key, value });
        match node.value {
            Node::Null => Value::Null,
            Node::Bool(b) => Value::Bool(b),
            Node::Text(text) => Value::String(text),
            Node::Number(number) => {
                if number.is_none() {
                    self.out.not_finite.push(at);
                }
                resolve(number, span_of(node.defined).and_then(|s| self.text.get(s.start..s.end)))
            }
            Node::List(items) => {
                let items = items.into_iter().enumerate();
                Value::Array(items.map(|(i, item)| self.node(item, None, pointer::join(&at, &i.to_string()))).collect())
            }
            Node::Map(entries) => self.map(entries, &at),
        }
    }

    fn map(&mut self, entries: Vec<(Spanned<Node>, Spanned<Node>)>, at: &str) -> Value {
        let mut map = Map::new();
        for (key, value) in entries {
            let key_span = span_of(key.referenced);
            let Some(name) = self.key(&key) else {
                self.report(Code::KeyNotText, at, key_span, "a key must be text".into(), "put quotes around it");
                continue;
            };
            let pointer = pointer::join(at, &name);
            if map.contains_key(&name) {
                let line = "keep one of the two";
                self.report(Code::DuplicateKey, &pointer, key_span, format!("duplicate key `{name}`"), line);
                continue;
            }
            let value = self.node(value, key_span, pointer);
            map.insert(name, value);
        }
        Value::Object(map)
    }

    /// A scalar key as the text that stands in the file (`1:` is the key "1").
    fn key(&self, key: &Spanned<Node>) -> Option<String> {
        match &key.value {
            Node::Text(name) => Some(name.clone()),
            Node::List(_) | Node::Map(_) => None,
            Node::Null | Node::Bool(_) | Node::Number(_) => {
                let span = span_of(key.defined)?;
                self.text.get(span.start..span.end).map(str::to_owned)
            }
        }
    }

    fn report(&mut self, code: Code, at: &str, span: Option<TextSpan>, message: String, help: &str) {
        let mut diagnostic = Diagnostic::new(code, at, message).help(help);
        diagnostic.span = span;
        self.out.diagnostics.push(diagnostic);
    }

    /// A block mapping has no length of its own: its first key stands for it, and an absent value's key.
    fn value_span(&self, node: &Spanned<Node>, key: Option<TextSpan>) -> TextSpan {
        let own = span_of(node.referenced);
        let first_key = match &node.value {
            Node::Map(entries) => entries.first().and_then(|(key, _)| span_of(key.referenced)),
            _ => None,
        };
        let empty = |span: &TextSpan| span.end <= span.start;
        let trimmed = own.map(|span| self.trimmed(span));
        match trimmed {
            Some(span) if !empty(&span) || matches!(node.value, Node::List(_)) => span,
            _ => first_key.or(key).or(own).unwrap_or(TextSpan { start: 0, end: 0 }),
        }
    }

    /// A block scalar's span ends behind its line breaks.
    fn trimmed(&self, span: TextSpan) -> TextSpan {
        let text = self.text.get(span.start..span.end).unwrap_or_default();
        TextSpan { start: span.start, end: span.start + text.trim_end().len() }
    }
}

fn span_of(location: Location) -> Option<TextSpan> {
    if location == Location::UNKNOWN {
        return None;
    }
    let start = usize::try_from(location.span().byte_offset()?).ok()?;
    let length = usize::try_from(location.span().byte_len()?).ok()?;
    Some(TextSpan { start, end: start.saturating_add(length) })
}
