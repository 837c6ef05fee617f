//! A scenario as a document: which scalar each placeholder stands in, and what rendering must come to.

use std::collections::BTreeMap;

use chaos_schema::{Diagnostic, Positions, TextDocument, TextSpan, read_documents, read_value};
use serde_json::{Map, Value};

use super::error::{RenderError, RenderErrorKind};
use super::fit::Style;
use super::scan::Occurrence;

/// What messages call the text; they are told without it.
const NAME: &str = "scenario.yaml";

/// Bytes that are parsed again to find out which value does not fit.
const MAX_SEARCH: usize = 64 * 1024 * 1024;

/// A scenario that is readable with words in place of its placeholders.
pub(super) struct Template<'t> {
    text: &'t str,
    found: Vec<Occurrence>,
    word: Word,
    documents: Vec<TextDocument>,
    styles: Vec<Style>,
}

impl<'t> Template<'t> {
    /// Reads a text with words in place of these placeholders.
    pub(super) fn read(text: &'t str, found: Vec<Occurrence>) -> Result<Self, RenderError> {
        let word = Word::not_in(text, found.len());
        let (neutral, starts) = replaced(text, &found, |at, _| word.of(at));
        let documents =
            read_documents(&neutral, NAME).map_err(|all| not_yaml(text, &found, &starts, word.length(), all))?;
        let styles = styles(&neutral, &starts, word.length(), &documents);
        Ok(Self { text, found, word, documents, styles })
    }

    /// The documents, with words in place of placeholders.
    pub(super) fn documents(&self) -> &[TextDocument] {
        &self.documents
    }

    /// The documents, with the placeholders where they are.
    pub(super) fn as_written(&self) -> Vec<Value> {
        let written = |at: usize| self.found.get(at).and_then(|one| self.text.get(one.start..one.end));
        // Two keys may be one only when they are filled.
        self.documents.iter().filter_map(|one| self.word.filled_value(&one.value, &written)).collect()
    }

    /// The text with its placeholders filled.
    pub(super) fn filled(&self, variables: &BTreeMap<String, String>) -> Result<String, RenderError> {
        let value = |at: usize| {
            let one = self.found.get(at)?;
            variables.get(one.name(self.text)).map(String::as_str)
        };
        let (rendered, _) = replaced(self.text, &self.found, |at, _| self.written(at, value(at).unwrap_or_default()));
        if self.holds(&rendered, &|at| value(at)) {
            return Ok(rendered);
        }
        let culprit = self.culprit(&|at| value(at));
        let (start, name) = self.found.get(culprit).map_or((0, ""), |one| (one.start, one.name(self.text)));
        Err(RenderError::at(self.text, start, RenderErrorKind::DoesNotFit(name.to_owned())))
    }

    fn written(&self, at: usize, value: &str) -> String {
        self.styles.get(at).copied().unwrap_or(Style::AsIs).written(value)
    }

    /// Whether a rendered text is the same documents with these values as text.
    fn holds<'v>(&self, rendered: &str, value: &dyn Fn(usize) -> Option<&'v str>) -> bool {
        let Ok(documents) = read_documents(rendered, NAME) else { return false };
        documents.len() == self.documents.len()
            && documents.iter().zip(&self.documents).all(|(after, before)| {
                self.word.filled_value(&before.value, value).is_some_and(|want| want == after.value)
            })
    }

    /// The first placeholder whose value alone does not fit; the first of all where that takes too long to find.
    fn culprit<'v>(&self, value: &dyn Fn(usize) -> Option<&'v str>) -> usize {
        let tries = (MAX_SEARCH / self.text.len().max(1)).max(1);
        let alone = |one: usize| {
            let only = |at: usize| if at == one { value(at) } else { None };
            let written =
                |at: usize, _: &str| only(at).map_or_else(|| self.word.of(at), |value| self.written(at, value));
            let (rendered, _) = replaced(self.text, &self.found, written);
            !self.holds(&rendered, &only)
        };
        (0..self.found.len()).take(tries).find(|one| alone(*one)).unwrap_or(0)
    }
}

/// The text with something else in place of each placeholder, and where each of these begins.
fn replaced(text: &str, found: &[Occurrence], with: impl Fn(usize, &str) -> String) -> (String, Vec<usize>) {
    let (mut out, mut starts, mut from) = (String::with_capacity(text.len()), Vec::new(), 0);
    for (at, one) in found.iter().enumerate() {
        out += text.get(from..one.start).unwrap_or_default();
        starts.push(out.len());
        out += &with(at, one.name(text));
        from = one.end;
    }
    out += text.get(from..).unwrap_or_default();
    (out, starts)
}

/// A problem of the text with words, told where it is in the text itself.
fn not_yaml(text: &str, found: &[Occurrence], starts: &[usize], length: usize, all: Vec<Diagnostic>) -> RenderError {
    let Some(first) = all.into_iter().next() else {
        return RenderError::nowhere(RenderErrorKind::NotYaml { message: "not YAML".to_owned(), help: None });
    };
    let kind = RenderErrorKind::NotYaml { message: first.message, help: first.help };
    let Some(at) = first.span.map(|span| span.start) else { return RenderError::nowhere(kind) };
    let before = starts.partition_point(|start| *start <= at).checked_sub(1);
    let at = match before.and_then(|n| found.get(n).zip(starts.get(n))) {
        Some((one, start)) if at < start + length => one.start,
        Some((one, start)) => one.end + (at - start - length),
        None => at,
    };
    RenderError::at(text, at, kind)
}

/// How the scalar that each word stands in is written.
fn styles(neutral: &str, starts: &[usize], length: usize, documents: &[TextDocument]) -> Vec<Style> {
    let mut styles = vec![Style::AsIs; starts.len()];
    let mut note = |span: TextSpan, text: &str| {
        let first = starts.partition_point(|start| *start < span.start);
        let Some(raw) = neutral.get(span.start..span.end) else { return };
        // What begins with a quote may also be a line of a block.
        let quoted = |quote| raw.starts_with(quote) && read_value(raw, NAME).is_ok_and(|value| value == text);
        let inside = starts.iter().enumerate().skip(first).take_while(|(_, start)| **start < span.end);
        let mut style = None;
        for (at, start) in inside {
            styles[at] = *style.get_or_insert_with(|| match () {
                () if quoted('"') => Style::Double,
                () if quoted('\'') => Style::Single,
                () if *start == span.start && start + length == span.end => Style::PlainAlone,
                () => Style::AsIs,
            });
        }
    };
    for document in documents {
        scalars(&document.value, &document.positions, &mut note);
    }
    styles
}

/// The places of all texts and keys of a document, and what they say.
fn scalars(value: &Value, at: &Positions, note: &mut impl FnMut(TextSpan, &str)) {
    match value {
        Value::Object(map) => {
            for (key, item) in map {
                let at = at.inside(key);
                if let Some((_, Some(span))) = at.spans() {
                    note(span, key);
                }
                scalars(item, &at, note);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| scalars(item, &at.inside(&n.to_string()), note));
        }
        Value::String(text) => {
            if let Some((span, _)) = at.spans() {
                note(span, text);
            }
        }
        _ => {}
    }
}

/// The words that stand in place of placeholders: letters only, all of one length, and not in the text.
struct Word {
    stem: String,
    digits: usize,
}

impl Word {
    fn not_in(text: &str, count: usize) -> Self {
        let mut stem = String::from("placeholderq");
        while text.contains(&stem) {
            stem.push('q');
        }
        let mut digits = 1;
        while 25_usize.checked_pow(digits).is_some_and(|room| room < count) {
            digits += 1;
        }
        Self { stem, digits: usize::try_from(digits).unwrap_or(1) }
    }

    /// The word of that placeholder. A `z` ends it, and stands nowhere else behind the stem.
    fn of(&self, mut at: usize) -> String {
        let mut word = self.stem.clone();
        for _ in 0..self.digits {
            word.push(char::from(b'a' + u8::try_from(at % 25).unwrap_or(0)));
            at /= 25;
        }
        word.push('z');
        word
    }

    fn length(&self) -> usize {
        self.stem.len() + self.digits + 1
    }

    /// A value with the words of placeholders replaced in its texts and keys; `None` where two keys become one.
    fn filled_value<'v>(&self, value: &Value, with: &dyn Fn(usize) -> Option<&'v str>) -> Option<Value> {
        Some(match value {
            Value::String(text) => Value::String(self.filled(text, with)),
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.filled_value(item, with)).collect::<Option<_>>()?)
            }
            Value::Object(map) => {
                let mut filled = Map::new();
                for (key, item) in map {
                    let before = filled.insert(self.filled(key, with), self.filled_value(item, with)?);
                    if before.is_some() {
                        return None;
                    }
                }
                Value::Object(filled)
            }
            other => other.clone(),
        })
    }

    fn filled<'v>(&self, text: &str, with: &dyn Fn(usize) -> Option<&'v str>) -> String {
        let (mut out, mut rest) = (String::new(), text);
        while let Some(found) = rest.find(&self.stem) {
            let (before, word) = rest.split_at(found);
            out += before;
            let end = self.length().min(word.len());
            let (word, after) = word.split_at(end);
            let letters = word.bytes().skip(self.stem.len()).take(self.digits);
            let at = letters.rev().fold(0, |at, letter| at * 25 + usize::from(letter.wrapping_sub(b'a')));
            out += with(at).unwrap_or(word);
            rest = after;
        }
        out + rest
    }
}
