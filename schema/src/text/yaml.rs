//! YAML 1.2 to a tree, within bounds.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag};

use super::node::{Kind, Node};
use super::scalar::{core, dialect, number};
use super::source::Source;
use super::syntax;
use crate::depth::MAX_LEVELS;
use crate::diagnostic::{Code, Diagnostic, TextSpan};

/// Nodes of a text. A list of 10,000 entries has some 250,000.
pub(super) const MAX_NODES: usize = 500_000;

/// Nodes that aliases stand for: a small text must not become a large document.
const MAX_REPLAYED: usize = 50_000;

/// Aliases in one text; the largest task file seen had 12.
const MAX_ALIASES: usize = 500;

/// Characters of a key; JSON that is read as YAML may have long ones.
const MAX_KEY: usize = 64 * 1024;

/// A tree, and what is wrong with it that does not end it.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) root: Node,
    pub(super) found: Vec<Diagnostic>,
    /// Where a second document begins.
    pub(super) second: Option<Box<Diagnostic>>,
}

/// Reads YAML, or says where it stops being readable.
pub(super) fn yaml(source: &Source) -> Result<Tree, Box<Diagnostic>> {
    let builder = built(source, false)?;
    let root = builder.root.unwrap_or_else(absent);
    Ok(Tree { root, found: builder.found, second: builder.second })
}

/// Reads every document of a text, within the bounds of one; and what is wrong with them that does not end them.
pub(super) fn yaml_documents(source: &Source) -> Result<(Vec<Node>, Vec<Diagnostic>), Box<Diagnostic>> {
    let mut builder = built(source, true)?;
    builder.before.extend(builder.root);
    Ok((builder.before, builder.found))
}

fn absent() -> Node {
    Node::new(Kind::Null, TextSpan { start: 0, end: 0 })
}

fn built(source: &Source, many: bool) -> Result<Builder<'_>, Box<Diagnostic>> {
    let options = granit_parser::options! {
        simple_key_max_lookahead: MAX_KEY,
        emit_comments: false,
    };
    let mut builder = Builder { many, ..Builder::of(source) };
    // The mark of a byte order is not part of the text.
    let skipped = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    builder.skipped = skipped;
    for event in Parser::new_from_str_with_options(&source.text[skipped..], options) {
        let (event, span) = event.map_err(|error| builder.broken(&error))?;
        if !builder.take(event, &span)? {
            break;
        }
    }
    Ok(builder)
}

/// A node that is known by an anchor.
struct Anchored {
    node: Node,
    nodes: usize,
    height: usize,
}

/// A collection that is not closed yet.
struct Open {
    node: Node,
    key: Option<Node>,
    anchor: usize,
    nodes: usize,
    height: usize,
}

struct Builder<'s> {
    source: &'s Source,
    /// Whether a text may hold several documents; those before the last one are then in `before`.
    many: bool,
    before: Vec<Node>,
    skipped: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    root: Option<Node>,
    found: Vec<Diagnostic>,
    second: Option<Box<Diagnostic>>,
    documents: usize,
    nodes: usize,
    replayed: usize,
    aliases: usize,
}

impl<'s> Builder<'s> {
    fn of(source: &'s Source) -> Self {
        Self {
            source,
            many: false,
            before: Vec::new(),
            skipped: 0,
            open: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            found: Vec::new(),
            second: None,
            documents: 0,
            nodes: 0,
            replayed: 0,
            aliases: 0,
        }
    }

    /// Takes an event; says whether more are wanted.
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<bool, Box<Diagnostic>> {
        let at = self.span(span);
        match event {
            Event::DocumentStart(_, version) => {
                self.documents += 1;
                if self.many {
                    self.before.extend(self.root.take());
                    // An alias stands for what its own document has.
                    self.anchors.clear();
                } else if self.documents > 1 {
                    let second = Diagnostic::new(Code::ManyDocuments, "", "a second document starts here");
                    self.second = Some(self.placed(second.help("one file holds one document"), at));
                    return Ok(false);
                }
                if version.is_some_and(|version| (version.major, version.minor) < (1, 2)) {
                    self.old_version();
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(&text, style, tag.as_deref(), span, at);
                self.count(1, at)?;
                self.close(node, anchor, 1, 0);
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.tag_of(tag.as_deref(), "seq", span);
                self.begin(Kind::List(Vec::new()), style, anchor, at)?;
            }
            Event::MappingStart(style, anchor, tag) => {
                self.tag_of(tag.as_deref(), "map", span);
                self.begin(Kind::Map(Vec::new()), style, anchor, at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { node, anchor, nodes, height, .. }) = self.open.pop() {
                    self.close(node, anchor, nodes, height);
                }
            }
            Event::Alias(id) => self.alias(id, at)?,
            _ => {}
        }
        Ok(true)
    }

    fn span(&self, span: &Span) -> TextSpan {
        let byte = |marker: &granit_parser::Marker| {
            let offset = marker.byte_offset().map(|offset| offset + self.skipped);
            offset.unwrap_or_else(|| self.source.offset(marker.line(), marker.col() + 1)).min(self.source.text.len())
        };
        let start = byte(&span.start);
        TextSpan { start, end: byte(&span.end).max(start) }
    }

    fn placed(&self, mut diagnostic: Diagnostic, at: TextSpan) -> Box<Diagnostic> {
        self.source.put(&mut diagnostic, at);
        Box::new(diagnostic)
    }

    fn begin(&mut self, kind: Kind, style: StructureStyle, anchor: usize, at: TextSpan) -> Result<(), Box<Diagnostic>> {
        self.count(1, at)?;
        if self.open.len() >= MAX_LEVELS {
            return Err(self.placed(syntax::too_deep(), at));
        }
        let end = if style == StructureStyle::Flow { at.start + 1 } else { at.start };
        let node = Node::new(kind, TextSpan { start: at.start, end });
        self.open.push(Open { node, key: None, anchor, nodes: 1, height: 1 });
        Ok(())
    }

    fn count(&mut self, nodes: usize, at: TextSpan) -> Result<(), Box<Diagnostic>> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES || self.replayed > MAX_REPLAYED || self.aliases > MAX_ALIASES {
            return Err(self.placed(too_large(), at));
        }
        Ok(())
    }

    /// A finished node goes where it belongs.
    fn close(&mut self, node: Node, anchor: usize, nodes: usize, height: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, height });
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        open.nodes += nodes;
        open.height = open.height.max(height + 1);
        match (&mut open.node.kind, open.key.take()) {
            (Kind::List(items), _) => items.push(node),
            (Kind::Map(entries), Some(key)) => entries.push((key, node)),
            (_, None) => open.key = Some(node),
            (_, Some(_)) => {}
        }
    }

    fn alias(&mut self, id: usize, at: TextSpan) -> Result<(), Box<Diagnostic>> {
        let Some(Anchored { node, nodes, height }) = self.anchors.get(&id) else {
            let inside = Diagnostic::new(Code::Syntax, "", "this alias stands inside what it stands for");
            return Err(self.placed(inside, at));
        };
        let (nodes, height) = (*nodes, *height);
        if self.open.len() + height > MAX_LEVELS {
            return Err(self.placed(syntax::too_deep(), at));
        }
        self.aliases += 1;
        self.replayed += nodes;
        if self.replayed > MAX_REPLAYED || self.aliases > MAX_ALIASES {
            return Err(self.placed(too_large(), at));
        }
        let node = node.moved(at);
        self.count(nodes, at)?;
        self.close(node, 0, nodes, height);
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Span, at: TextSpan) -> Node {
        let plain = style == ScalarStyle::Plain;
        let raw = self.source.text.get(at.start..at.end).unwrap_or_default();
        // An absent value is a `~` to the parser, and in no place.
        let text = if plain && raw.is_empty() { "" } else { text };
        let quoted = || Kind::Text(text.to_owned());
        let kind = match tag.map(Tag::core_suffix) {
            None if plain => {
                let mut node = Node::new(core(text), at);
                (node.plain, node.dialect) = (true, dialect(text));
                return node;
            }
            None | Some(Some("str")) => quoted(),
            Some(Some(suffix)) => tagged(suffix, text).unwrap_or_else(|| {
                let message = format!("this value is not of the type that its tag `!!{suffix}` names");
                self.wrong_tag(span, message, "remove the tag");
                quoted()
            }),
            // `!` alone says that it is text.
            Some(None) if tag.is_some_and(|tag| tag.original() == "!") => quoted(),
            Some(None) => {
                self.unknown_tag(span);
                if plain { core(text) } else { quoted() }
            }
        };
        Node::new(kind, at)
    }

    fn tag_of(&mut self, tag: Option<&Tag>, wanted: &str, span: &Span) {
        match tag {
            Some(tag) if tag.original() != "!" => match tag.core_suffix() {
                Some(suffix) if suffix == wanted => {}
                Some(suffix) => {
                    let message = format!("this value is not of the type that its tag `!!{suffix}` names");
                    self.wrong_tag(span, message, "remove the tag");
                }
                None => self.unknown_tag(span),
            },
            _ => {}
        }
    }

    fn unknown_tag(&mut self, span: &Span) {
        let help = "remove it; known: !!bool, !!float, !!int, !!map, !!null, !!seq, !!str";
        self.wrong_tag(span, "unknown tag".to_owned(), help);
    }

    fn wrong_tag(&mut self, span: &Span, message: String, help: &str) {
        let at = self.span(&span.tag_span().unwrap_or(*span));
        let diagnostic = Diagnostic::new(Code::UnknownTag, "", message).help(help);
        let diagnostic = self.placed(diagnostic, at);
        self.found.push(*diagnostic);
    }

    fn old_version(&mut self) {
        let start = self.source.text.find("%YAML").unwrap_or_default();
        let rest = &self.source.text[start..];
        let end = start + rest.find(['\r', '\n']).unwrap_or(rest.len());
        let message = "the document asks for an older YAML than 1.2";
        let help = "remove the line; in YAML 1.1 `yes` is a boolean and `0300` is 192";
        let diagnostic = Diagnostic::new(Code::YamlVersion, "", message).help(help);
        let diagnostic = self.placed(diagnostic, TextSpan { start, end });
        self.found.push(*diagnostic);
    }

    fn broken(&self, error: &ScanError) -> Box<Diagnostic> {
        let marker = error.marker();
        let start = self.span(&Span::empty(*marker)).start;
        let width = self.source.text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        self.placed(syntax::describe(error, &self.source.text[start..]), TextSpan { start, end: start + width })
    }
}

/// A scalar by the tag that it has.
fn tagged(suffix: &str, text: &str) -> Option<Kind> {
    match (suffix, core(text)) {
        ("null", null @ Kind::Null) => Some(null),
        ("bool", bool @ Kind::Bool(_)) => Some(bool),
        ("int", Kind::Number(Some(n))) if !n.is_f64() || !text.contains(['.', 'e', 'E']) => Some(Kind::Number(Some(n))),
        ("float", Kind::Number(_)) if !text.starts_with("0o") && !text.starts_with("0x") => number(text),
        _ => None,
    }
}

pub(super) fn too_large() -> Diagnostic {
    let bounds = format!(
        "the limit is {MAX_NODES} values, of which aliases may stand for {MAX_REPLAYED}, and {MAX_ALIASES} aliases"
    );
    Diagnostic::new(Code::TooLarge, "", "too many values").help(bounds)
}
