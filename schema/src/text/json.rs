//! Strict JSON (RFC 8259) to a tree, with the place of everything, since the parsers of the field keep none.

use serde_json::Number;

use super::node::{Kind, Node};
use super::source::Source;
use super::syntax::too_deep;
use super::yaml::{MAX_NODES, too_large};
use crate::depth::MAX_LEVELS;
use crate::diagnostic::{Code, Diagnostic, TextSpan};

/// Reads JSON, or says where it stops being JSON.
pub(super) fn json(source: &Source) -> Result<Node, Box<Diagnostic>> {
    let text = source.text.as_str();
    let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut reader = Reader { source, text, at, nodes: 0 };
    let root = reader.value(0)?;
    reader.space();
    if reader.at < text.len() {
        return Err(match reader.comment() {
            Some(comment) => comment,
            None => reader.broken("text after the end of the document", "one file holds one document"),
        });
    }
    Ok(root)
}

struct Reader<'t> {
    source: &'t Source,
    text: &'t str,
    at: usize,
    nodes: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Box<Diagnostic>> {
        self.space();
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.here(too_large()));
        }
        match self.peek() {
            Some(b'{') => self.collection(depth, b'}'),
            Some(b'[') => self.collection(depth, b']'),
            Some(b'"') => self.string(),
            _ => self.word(),
        }
    }

    fn collection(&mut self, depth: usize, close: u8) -> Result<Node, Box<Diagnostic>> {
        if depth >= MAX_LEVELS {
            return Err(self.here(too_deep()));
        }
        let span = TextSpan { start: self.at, end: self.at + 1 };
        let (mut items, mut entries) = (Vec::new(), Vec::new());
        self.at += 1;
        self.space();
        if self.peek() == Some(close) {
            self.at += 1;
        } else {
            loop {
                if close == b'}' {
                    let key = self.key(span)?;
                    entries.push((key, self.value(depth + 1)?));
                } else {
                    self.more(span)?;
                    items.push(self.value(depth + 1)?);
                }
                if self.end_of_item(close, span)? {
                    break;
                }
            }
        }
        Ok(Node::new(if close == b'}' { Kind::Map(entries) } else { Kind::List(items) }, span))
    }

    fn key(&mut self, open: TextSpan) -> Result<Node, Box<Diagnostic>> {
        self.more(open)?;
        if self.peek() != Some(b'"') {
            return Err(self.unquoted("a key must stand in double quotes"));
        }
        let key = self.string()?;
        self.space();
        if self.peek() == Some(b':') {
            self.at += 1;
            return Ok(key);
        }
        self.more(open)?;
        Err(self.broken("expected `:` after a key", "write `\"key\": value`"))
    }

    /// Goes on behind the `,` of an item, or says that the closing sign stood there.
    fn end_of_item(&mut self, close: u8, open: TextSpan) -> Result<bool, Box<Diagnostic>> {
        self.more(open)?;
        match self.peek() {
            Some(b',') => {
                let comma = TextSpan { start: self.at, end: self.at + 1 };
                self.at += 1;
                self.space();
                if self.peek() == Some(close) {
                    let message = format!("a comma before `{}`", char::from(close));
                    return Err(self.placed(syntax(&message).help("remove the comma"), comma));
                }
                Ok(false)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(true)
            }
            _ => {
                Err(self
                    .broken(&format!("expected `,` or `{}`", char::from(close)), "check quotes and commas before it"))
            }
        }
    }

    /// Refuses the end of the text, and a comment.
    fn more(&mut self, open: TextSpan) -> Result<(), Box<Diagnostic>> {
        self.space();
        if self.peek().is_none() {
            let sign = self.text[open.start..open.end].to_owned();
            let close = if sign == "{" { "}" } else { "]" };
            let message = format!("`{sign}` is never closed");
            return Err(self.placed(syntax(&message).help(format!("add the closing `{close}`")), open));
        }
        self.comment().map_or(Ok(()), Err)
    }

    fn comment(&self) -> Option<Box<Diagnostic>> {
        let rest = &self.text[self.at..];
        let width = ["//", "/*", "#"].into_iter().find(|start| rest.starts_with(start)).map(str::len)?;
        let span = TextSpan { start: self.at, end: self.at + width };
        let help = "remove it, or write the file as YAML, where comments begin with `#`";
        Some(self.placed(syntax("JSON has no comments").help(help), span))
    }

    fn string(&mut self) -> Result<Node, Box<Diagnostic>> {
        let start = self.at;
        let mut end = start + 1;
        loop {
            match self.text.as_bytes().get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(b'\n') | None => {
                    let span = TextSpan { start, end: start + 1 };
                    let help = "add the closing quote; a line break in a string is written `\\n`";
                    return Err(self.placed(syntax("a string is never closed on its line").help(help), span));
                }
                Some(_) => end += 1,
            }
        }
        self.at = end + 1;
        let span = TextSpan { start, end: end + 1 };
        if let Ok(text) = serde_json::from_str(&self.text[start..=end]) {
            return Ok(Node::new(Kind::Text(text), span));
        }
        let help = r"escapes are `\n`, `\t`, `\\`, `\u` and four digits; other control characters can't stand here";
        Err(self.placed(syntax("invalid escape or control character in a string").help(help), span))
    }

    fn word(&mut self) -> Result<Node, Box<Diagnostic>> {
        let start = self.at;
        let rest = &self.text[start..];
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_');
        let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
        let span = TextSpan { start, end: start + length };
        let kind = match &rest[..length] {
            "null" => Kind::Null,
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            number => match serde_json::from_str::<Number>(number) {
                Ok(number) => Kind::Number(Some(number)),
                Err(_) if number.parse().is_ok_and(f64::is_infinite) && number.contains(['e', 'E']) => {
                    Kind::Number(None)
                }
                Err(_) => return Err(self.unquoted("this is not a JSON value")),
            },
        };
        self.at = span.end;
        Ok(Node::new(kind, span))
    }

    /// What most likely was meant by a word without double quotes.
    fn unquoted(&self, message: &str) -> Box<Diagnostic> {
        if let Some(comment) = self.comment() {
            return comment;
        }
        let rest = &self.text[self.at..];
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_');
        let word = &rest[..rest.find(|c| !word(c)).unwrap_or(rest.len())];
        let help = match word {
            "True" | "TRUE" => "write `true`",
            "False" | "FALSE" => "write `false`",
            "None" | "nil" | "undefined" | "NULL" | "Null" | "~" => "write `null`",
            _ if rest.starts_with(',') => "remove the comma, or put a value before it",
            _ if rest.is_empty() || rest.starts_with(['}', ']']) => "put a value here",
            _ if rest.starts_with('\'') => "use double quotes",
            _ if word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) => {
                "JSON numbers are decimal, without leading zeros or `+`, such as `10`, `-1.5` or `1e3`"
            }
            _ => "put double quotes around it",
        };
        let end = self.at + word.len().max(rest.chars().next().map_or(0, char::len_utf8));
        self.placed(syntax(message).help(help), TextSpan { start: self.at, end })
    }

    fn broken(&self, message: &str, help: &str) -> Box<Diagnostic> {
        self.here(syntax(message).help(help))
    }

    fn here(&self, diagnostic: Diagnostic) -> Box<Diagnostic> {
        let width = self.text[self.at..].chars().next().map_or(0, char::len_utf8);
        self.placed(diagnostic, TextSpan { start: self.at, end: self.at + width })
    }

    fn placed(&self, mut diagnostic: Diagnostic, span: TextSpan) -> Box<Diagnostic> {
        self.source.put(&mut diagnostic, span);
        Box::new(diagnostic)
    }
}

fn syntax(message: &str) -> Diagnostic {
    Diagnostic::new(Code::Syntax, "", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_strict_reader_takes_is_taken_and_nothing_else() {
        let good = [
            "{}",
            " [1, -0.5e+3, true, null, \"a\\u00e9\\ud83d\\ude00\\/\"] ",
            "\u{feff}{\"a\"\n:\t1}",
            "5",
            "\"x\"",
            "[[],{}]",
            "1e999",
        ];
        for text in good {
            json(&Source::new("t", text)).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        }
        let bad = [
            ("", "not a JSON value"),
            ("{", "never closed"),
            ("[1", "never closed"),
            ("{\"a\"", "never closed"),
            ("{\"a\" 1}", "expected `:`"),
            ("{\"a\": 1 // x\n}", "no comments"),
            ("{ // x\n\"a\": 1}", "no comments"),
            ("{\"a\": /* x */ 1}", "no comments"),
            ("{\"a\": 1} # x", "no comments"),
            ("{\"a\": 1,}", "a comma before `}`"),
            ("[1,]", "a comma before `]`"),
            ("[1 2]", "expected `,` or `]`"),
            ("{a: 1}", "double quotes"),
            ("{'a': 1}", "double quotes"),
            ("[True]", "not a JSON value"),
            ("[01]", "not a JSON value"),
            ("[+1]", "not a JSON value"),
            ("[0x1]", "not a JSON value"),
            ("[.5]", "not a JSON value"),
            ("[NaN]", "not a JSON value"),
            ("[,1]", "not a JSON value"),
            ("\"a\nb\"", "never closed"),
            ("\"\\q\"", "invalid escape"),
            ("\"\\ud83d\"", "invalid escape"),
            ("\"\t\"", "control character"),
            ("{} {}", "after the end"),
        ];
        for (text, why) in bad {
            let error = json(&Source::new("t", text)).unwrap_err();
            assert!(error.message.contains(why), "{text}: {}", error.message);
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
        }
    }
}
