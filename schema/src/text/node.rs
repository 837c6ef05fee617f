//! The tree that both readers yield: every node with its place.

use serde_json::Number;

use super::dialect::Dialect;
use crate::diagnostic::TextSpan;

/// A node of a text.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Empty where nothing is written: an absent value, a block mapping.
    pub(crate) span: TextSpan,
    /// Whether it stands there without quotes, so that what looks like a comment may be part of it.
    pub(crate) plain: bool,
    /// What YAML 1.1 makes of it, where that differs.
    pub(crate) dialect: Option<Dialect>,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    /// `None` is infinite, or no number at all.
    Number(Option<Number>),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    pub(crate) fn new(kind: Kind, span: TextSpan) -> Self {
        Self { kind, span, plain: false, dialect: None }
    }

    /// The same tree as it is told where an alias stands for it.
    pub(crate) fn moved(&self, span: TextSpan) -> Self {
        let kind = match &self.kind {
            Kind::List(items) => Kind::List(items.iter().map(|item| item.moved(span)).collect()),
            Kind::Map(entries) => Kind::Map(entries.iter().map(|(k, v)| (k.moved(span), v.moved(span))).collect()),
            scalar => scalar.clone(),
        };
        // What was written is told where it is written.
        Self { kind, span, plain: false, dialect: None }
    }
}
