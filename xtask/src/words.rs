//! `cargo xtask words`: no message, doc or comment uses wording that this project has a plain word for.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::error::TaskError;
use crate::process;
use crate::rust::{self, Kind};
use crate::workspace;

/// The list. Not a Rust source, or it would be found in itself.
const LIST: &str = include_str!("words.txt");

/// Kinds of files that people read.
const READ: &[&str] = &["rs", "md", "yaml", "yml", "toml", "txt"];

/// What is not written by hand, and what says how things once were.
const LEFT_OUT: &[&str] = &["generated/", "CHANGELOG.md", "xtask/src/words.txt"];

/// One entry of the list.
#[derive(Debug, PartialEq)]
struct Wording<'a> {
    phrase: &'a str,
    instead: &'a str,
    fine: Vec<&'a str>,
    /// It counts in string literals outside tests only.
    in_texts: bool,
}

/// Prints every place; succeeds when there is none.
pub(crate) fn run() -> Result<ExitCode, TaskError> {
    let list = list(LIST);
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(workspace::root());
    let files = process::output(&mut git)?;
    let mut places = Vec::new();
    for file in files.lines().filter(|file| is_read(file)) {
        // A file that is deleted, and not yet so in the index, is still listed.
        let Ok(content) = fs::read_to_string(workspace::root().join(file)) else { continue };
        places.extend(found(file, &content, &list));
    }
    for place in &places {
        println!("words: {place}");
    }
    println!("words: {} phrases, {} places", list.len(), places.len());
    Ok(if places.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_read(file: &str) -> bool {
    let extension = Path::new(file).extension().unwrap_or_default();
    READ.iter().any(|read| extension == *read) && !LEFT_OUT.iter().any(|out| file.starts_with(out))
}

fn list(text: &str) -> Vec<Wording<'_>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entries = lines.map(|line| {
        let mut columns = line.split('|').map(str::trim);
        let phrase = columns.next().unwrap_or_default();
        let (phrase, in_texts) = phrase.strip_prefix("text: ").map_or((phrase, false), |phrase| (phrase, true));
        let instead = columns.next().unwrap_or_default();
        let fine = columns.next().map(|fine| fine.split("; ").collect()).unwrap_or_default();
        Wording { phrase, instead, fine, in_texts }
    });
    entries.collect()
}

fn found(file: &str, content: &str, list: &[Wording<'_>]) -> Vec<String> {
    let rust = Path::new(file).extension().is_some_and(|extension| extension == "rs");
    let texts: Vec<(usize, String)> = if rust && !rust::is_test_file(file) { texts(content) } else { Vec::new() };
    let mut places = Vec::new();
    for wording in list {
        let lines: Vec<(usize, &str)> = if wording.in_texts {
            texts.iter().map(|(line, text)| (*line, text.as_str())).collect()
        } else {
            content.lines().enumerate().map(|(at, line)| (at + 1, line)).collect()
        };
        let hits = lines.iter().filter(|(_, line)| uses(line, wording));
        places.extend(hits.map(|(line, _)| format!("{file}:{line}: `{}`; write: {}", wording.phrase, wording.instead)));
    }
    places
}

/// The string literals outside tests.
fn texts(content: &str) -> Vec<(usize, String)> {
    let tokens = rust::outside_tests(content);
    tokens.into_iter().filter(|token| token.kind == Kind::Text).map(|token| (token.line, token.text)).collect()
}

fn uses(line: &str, wording: &Wording<'_>) -> bool {
    let mut line = line.to_lowercase();
    for fine in &wording.fine {
        line = line.replace(fine, "");
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(wording.phrase)
        .any(|(at, phrase)| !line[..at].ends_with(is_word) && !line[at + phrase.len()..].starts_with(is_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_found_as_words_and_not_where_it_is_fine() {
        let list = list("cat | dog | cat food; fat cat\n# comment\n\ntext: bird | fish");
        assert_eq!(
            list[0],
            Wording { phrase: "cat", instead: "dog", fine: vec!["cat food", "fat cat"], in_texts: false }
        );
        assert_eq!(found("a.md", "A Cat.\nconcat cats cat_x\nCat food, fat cat", &list), ["a.md:1: `cat`; write: dog"]);
        assert_eq!(found("a.md", "cat food and a cat", &list).len(), 1, "one fine use excuses no other");
    }

    #[test]
    fn a_word_of_texts_counts_in_string_literals_only() {
        let list = list("text: bird | fish");
        let code = "// bird\nlet bird = \"a bird\";\n#[cfg(test)] mod tests { const A: &str = \"bird\"; }";
        assert_eq!(found("src/a.rs", code, &list), ["src/a.rs:2: `bird`; write: fish"]);
        assert!(found("tests/a.rs", code, &list).is_empty());
        assert!(found("a.md", "bird", &list).is_empty());
    }

    #[test]
    fn every_entry_says_what_is_written_instead() {
        let list = list(LIST);
        assert!(list.len() > 15 && list.iter().all(|wording| !wording.instead.is_empty()));
        assert!(list.iter().all(|wording| wording.phrase == wording.phrase.to_lowercase()));
    }
}
