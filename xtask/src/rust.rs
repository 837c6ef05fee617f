//! Rust sources as tokens: enough to find strings, paths and items, without comments and without what only tests
//! compile.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::TaskError;
use crate::workspace::{self, text};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, a keyword or a number.
    Word,
    /// The content of a string literal.
    Text,
    /// One character of punctuation.
    Mark,
}

/// A token and its line, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    /// Whether it is this word or mark.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.kind != Kind::Text && self.text == text
    }
}

/// One file of a crate, as a module.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The file, from the root of the workspace.
    pub(crate) path: PathBuf,
    /// The module's path in its crate; empty for `lib.rs`.
    pub(crate) module: Vec<String>,
    /// Its tokens, without those that only tests compile.
    pub(crate) tokens: Vec<Token>,
}

/// Every file below `src` of a package, except those that only tests compile.
pub(crate) fn sources(package: &Value) -> Result<Vec<Source>, TaskError> {
    let folder = Path::new(text(package, "manifest_path")).with_file_name("src");
    let mut files = Vec::new();
    walk(&folder, &mut files)?;
    files.sort();
    let mut tests = HashSet::new();
    let mut found = Vec::new();
    for file in files {
        let code = fs::read_to_string(&file).map_err(TaskError::file(&file))?;
        let inside = file.strip_prefix(&folder).unwrap_or(&file);
        let module = module(inside);
        let (tokens, test_modules) = without_tests(&tokens(&code));
        tests.extend(test_modules.into_iter().map(|name| [module.as_slice(), &[name]].concat()));
        let path = file.strip_prefix(workspace::root()).unwrap_or(&file).to_owned();
        found.push(Source { path, module, tokens });
    }
    found.retain(|source| !(1..=source.module.len()).any(|length| tests.contains(&source.module[..length])));
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), TaskError> {
    for entry in fs::read_dir(folder).map_err(TaskError::file(folder))? {
        let path = entry.map_err(TaskError::file(folder))?.path();
        if path.is_dir() {
            walk(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

fn module(inside: &Path) -> Vec<String> {
    let path = inside.with_extension("");
    let names: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if names == ["lib"] { Vec::new() } else { names }
}

/// The tokens of a source, without those that only tests compile.
pub(crate) fn outside_tests(source: &str) -> Vec<Token> {
    without_tests(&tokens(source)).0
}

/// Whether only tests compile a file, as far as its path says so.
pub(crate) fn is_test_file(file: &str) -> bool {
    file.split('/').any(|part| ["tests", "benches", "examples", "tests.rs"].contains(&part))
}

/// Splits a source into tokens. Comments, lifetimes and character literals are left out.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: source, line: 1, found: Vec::new() };
    while lexer.step() {}
    lexer.found
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    found: Vec<Token>,
}

impl Lexer<'_> {
    /// Takes one token, comment or space; false at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        if self.rest.starts_with("//") {
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.skip(comment(self.rest));
        } else if let Some((start, end, length)) = raw_string(self.rest) {
            let text = self.rest[start..end].to_owned();
            self.push(Kind::Text, text, length);
        } else if let Some(start) = ["\"", "b\"", "c\""].iter().find(|start| self.rest.starts_with(**start)) {
            let (text, length) = string(&self.rest[start.len()..]);
            self.push(Kind::Text, text, start.len() + length);
        } else if first == '\'' {
            self.skip(quote(self.rest));
        } else if first.is_alphanumeric() || first == '_' {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            let length = self.rest.find(|c| !word(c)).unwrap_or(self.rest.len());
            self.push(Kind::Word, self.rest[..length].to_owned(), length);
        } else if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else {
            self.push(Kind::Mark, first.to_string(), first.len_utf8());
        }
        true
    }

    fn push(&mut self, kind: Kind, text: String, length: usize) {
        self.found.push(Token { kind, text, line: self.line });
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        self.line += self.rest[..length].matches('\n').count();
        self.rest = &self.rest[length..];
    }
}

/// The length of a block comment, which may hold others.
fn comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Start, end and whole length of a raw string that begins here.
fn raw_string(rest: &str) -> Option<(usize, usize, usize)> {
    let prefix = ["r", "br", "cr"]
        .into_iter()
        .find(|prefix| rest.strip_prefix(prefix).is_some_and(|rest| rest.trim_start_matches('#').starts_with('"')))?;
    let hashes = rest[prefix.len()..].chars().take_while(|c| *c == '#').count();
    let start = prefix.len() + hashes + 1;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = start + rest[start..].find(&close)?;
    Some((start, end, end + close.len()))
}

/// The content of a string literal behind its opening quote, and the length up to behind its closing one.
fn string(rest: &str) -> (String, usize) {
    let mut text = String::new();
    let mut characters = rest.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (text, at + 1),
            '\\' => match characters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((at, '\n')) => {
                    let margin = rest[at + 1..].len() - rest[at + 1..].trim_start().len();
                    characters = rest.char_indices();
                    while characters.clone().next().is_some_and(|(here, _)| here < at + 1 + margin) {
                        characters.next();
                    }
                }
                Some((_, escaped)) => text.push(escaped),
                None => break,
            },
            other => text.push(other),
        }
    }
    (text, rest.len())
}

/// The length of a character literal or a lifetime.
fn quote(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(rest.len(), |at| at + 4),
        Some((at, character)) if rest[at + character.len_utf8()..].starts_with('\'') => at + character.len_utf8() + 1,
        _ => 1,
    }
}

/// The tokens without items that only tests compile, and the names of modules that only tests compile.
fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut modules = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].is("#") && tokens.get(at + 1).is_some_and(|token| token.is("[")) {
            let end = closing(tokens, at + 1);
            if is_for_tests(&tokens[at + 2..end]) {
                let item = item_end(tokens, end + 1);
                modules.extend(module_name(&tokens[end + 1..item]));
                at = item;
                continue;
            }
            kept.extend_from_slice(&tokens[at..=end.min(tokens.len() - 1)]);
            at = end + 1;
            continue;
        }
        kept.push(tokens[at].clone());
        at += 1;
    }
    (kept, modules)
}

fn is_for_tests(attribute: &[Token]) -> bool {
    let texts: Vec<&str> = attribute.iter().map(|token| token.text.as_str()).collect();
    matches!(texts.as_slice(), ["cfg", "(", "test", ")"] | ["cfg", "(", "all", "(", "test", ",", ..] | [.., "test"])
}

/// `mod name;`, whatever its visibility.
fn module_name(item: &[Token]) -> Option<String> {
    let at = item.iter().position(|token| token.is("mod"))?;
    let name = item.get(at + 1)?;
    item.get(at + 2)?.is(";").then(|| name.text.clone())
}

/// Where the bracket that opens at `open` closes; the last token where it never does.
pub(crate) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if ["(", "[", "{"].iter().any(|mark| token.is(mark)) {
            depth += 1;
        } else if [")", "]", "}"].iter().any(|mark| token.is(mark)) {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at;
            }
        }
    }
    tokens.len().saturating_sub(1)
}

/// The first token behind the item that starts here, its other attributes included.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut at = start;
    while at < tokens.len() {
        if tokens[at].is(";") {
            return at + 1;
        }
        if tokens[at].is("}") {
            return at;
        }
        if tokens[at].is("{") {
            return closing(tokens, at) + 1;
        }
        at = if tokens[at].is("(") || tokens[at].is("[") { closing(tokens, at) + 1 } else { at + 1 };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<String> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_lifetimes_and_characters_are_left_out() {
        let source = "a /* b /* c */ */ <'d> 'e' '\\'' '\"' // \"f\"\ng";
        assert_eq!(words(source), ["a", "<", "d", ">", "g"]);
    }

    #[test]
    fn strings_are_read_as_they_are_meant() {
        let source = "\"a\\\"b\\n\" r#\"c\"d\"# b\"e\" \"f\\\n   g\" \"\\\\\" h";
        assert_eq!(words(source), ["a\"b\n", "c\"d", "e", "fg", "\\", "h"]);
        let kinds: Vec<Kind> = tokens(source).iter().map(|token| token.kind).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Text).count(), 5);
    }

    #[test]
    fn lines_are_counted_from_one() {
        let found = tokens("a\n\"b\n\"\n/*\n*/ c");
        assert_eq!(found.iter().map(|token| token.line).collect::<Vec<_>>(), [1, 2, 5]);
    }

    #[test]
    fn what_only_tests_compile_is_left_out() {
        let source = "fn a() {} #[cfg(test)] mod tests { fn b() { c } } #[cfg(test)] mod support; #[test] fn d() {} \
                      #[derive(E)] struct F; #[cfg(any(test, x))] fn g() {}";
        let (kept, modules) = without_tests(&tokens(source));
        let kept: Vec<&str> = kept.iter().filter(|t| t.kind == Kind::Word).map(|t| t.text.as_str()).collect();
        assert_eq!(kept, ["fn", "a", "derive", "E", "struct", "F", "cfg", "any", "test", "x", "fn", "g"]);
        assert_eq!(modules, ["support"]);
    }

    #[test]
    fn a_file_is_a_module() {
        let rows: [(&str, &[&str]); 3] = [("lib.rs", &[]), ("a.rs", &["a"]), ("a/b.rs", &["a", "b"])];
        for (file, want) in rows {
            assert_eq!(module(Path::new(file)), want);
        }
    }
}
