//! `cargo xtask house`: rules of this workspace that no compiler and no lint checks.
//!
//! No files of a crate import each other in a circle, no error is a `String`, no two public types have one name, and the
//! pinned toolchain is the minimum supported one, so that every check is a check of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::ExitCode;

use serde_json::Value;

use crate::circles;
use crate::error::TaskError;
use crate::rust::{self, Kind, Source, Token};
use crate::workspace::{self, text};

/// The pinned toolchain.
const TOOLCHAIN: &str = "rust-toolchain.toml";

/// Crates that show how something is used; they share names with nothing.
const EXAMPLES: &[&str] = &["chaos-example-nodes", "chaos-examples", "chaos-mini-cluster", "chaos-plugin-example"];

/// Prints every violation; succeeds when there is none.
pub(crate) fn run() -> Result<ExitCode, TaskError> {
    let packages = workspace::packages()?;
    let mut found = Vec::new();
    let mut types = Types::default();
    for package in &packages {
        let name = text(package, "name");
        let sources = rust::sources(package)?;
        found.extend(
            circles::find(&sources).into_iter().map(|files| format!("import each other: {}", files.join(", "))),
        );
        found.extend(sources.iter().flat_map(string_errors));
        if !EXAMPLES.contains(&name) {
            for source in &sources {
                types.add(source);
            }
        }
    }
    found.extend(types.twice());
    let path = workspace::root().join(TOOLCHAIN);
    let toolchain = fs::read_to_string(&path).map_err(TaskError::file(&path))?;
    found.extend(packages.iter().filter_map(|package| other_version(package, &toolchain)));
    for violation in &found {
        println!("house: {violation}");
    }
    println!("house: {} crates, {} violations", packages.len(), found.len());
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A package whose minimum supported version is not the pinned toolchain.
fn other_version(package: &Value, toolchain: &str) -> Option<String> {
    let minimum = text(package, "rust_version");
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"'))?;
    let same = !minimum.is_empty() && (channel == minimum || channel.starts_with(&format!("{minimum}.")));
    (!same)
        .then(|| format!("`{}` says `rust-version = \"{minimum}\"`, {TOOLCHAIN} says {channel}", text(package, "name")))
}

/// Where a `Result` has a `String` as its error.
fn string_errors(source: &Source) -> Vec<String> {
    let tokens = &source.tokens;
    let results = tokens.windows(2).enumerate().filter(|(_, two)| two[0].is("Result") && two[1].is("<"));
    let bad = results.filter(|(at, _)| is_string(last_argument(&tokens[at + 2..])));
    bad.map(|(_, two)| format!("{}:{}: the error is a `String`", source.path.display(), two[0].line)).collect()
}

/// The last of several generic arguments, whose list begins here; empty where there is only one.
fn last_argument(tokens: &[Token]) -> &[Token] {
    let (mut depth, mut comma) = (0_usize, None);
    for (at, token) in tokens.iter().enumerate() {
        if ["<", "(", "["].iter().any(|open| token.is(open)) {
            depth += 1;
        } else if token.is(">") && at > 0 && tokens[at - 1].is("-") {
            // The arrow of a function type closes nothing.
        } else if token.is(">") && depth == 0 {
            return comma.map_or(&[], |comma: usize| &tokens[comma + 1..at]);
        } else if [">", ")", "]"].iter().any(|close| token.is(close)) {
            depth = depth.saturating_sub(1);
        } else if token.is(",") && depth == 0 {
            comma = Some(at);
        }
    }
    &[]
}

fn is_string(argument: &[Token]) -> bool {
    argument.last().is_some_and(|token| token.is("String"))
        && argument.iter().all(|token| ["std", "string", ":", "String"].iter().any(|part| token.is(part)))
}

/// Public types and the files that define them.
#[derive(Debug, Default)]
struct Types(BTreeMap<String, BTreeSet<String>>);

impl Types {
    fn add(&mut self, source: &Source) {
        for three in source.tokens.windows(3) {
            let defines = ["struct", "enum", "trait", "type", "union"].iter().any(|word| three[1].is(word));
            if three[0].is("pub") && defines && three[2].kind == Kind::Word {
                self.0.entry(three[2].text.clone()).or_default().insert(source.path.display().to_string());
            }
        }
    }

    fn twice(&self) -> impl Iterator<Item = String> {
        let twice = self.0.iter().filter(|(_, files)| files.len() > 1);
        twice.map(|(name, files)| {
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            format!("two public types are called `{name}`: {}", files.join(", "))
        })
    }
}

/// A source for tests, here and in other modules.
#[cfg(test)]
pub(crate) fn source(path: &str, module: &[&str], code: &str) -> Source {
    let module = module.iter().map(ToString::to_string).collect();
    Source { path: path.into(), module, tokens: rust::tokens(code) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_as_an_error_is_found_and_a_string_as_a_value_is_not() {
        let found = |code: &str| string_errors(&source("a.rs", &["a"], code)).len();
        assert_eq!(found("fn f() -> Result<u8, String> {}"), 1);
        assert_eq!(found("fn f() -> Result<Vec<(u8, u8)>, std::string::String> {}"), 1);
        assert_eq!(found("fn f() -> Result<fn() -> u8, String> {}"), 1);
        assert_eq!(found("fn f() -> Result<String, Error> {}"), 0);
        assert_eq!(found("fn f() -> Result<String> {}"), 0);
        assert_eq!(found("fn f() -> Result<HashMap<String, String>, Error<String>> {}"), 0);
    }

    #[test]
    fn the_toolchain_is_the_minimum_version() {
        let package = |version: &str| serde_json::json!({"name": "p", "rust_version": version});
        let toolchain = "[toolchain]\nchannel = \"1.95.0\"\n";
        assert_eq!(other_version(&package("1.95"), toolchain), None);
        for other in ["1.94", "1.9", ""] {
            assert!(other_version(&package(other), toolchain).is_some(), "{other}");
        }
    }

    #[test]
    fn two_public_types_of_one_name_are_found() {
        let mut types = Types::default();
        types.add(&source("a.rs", &[], "pub struct Report; pub(crate) struct Inner; pub fn report() {}"));
        types.add(&source("b.rs", &[], "pub enum Report {} pub(crate) struct Inner; pub struct Other;"));
        assert_eq!(types.twice().collect::<Vec<_>>(), ["two public types are called `Report`: a.rs, b.rs"]);
    }
}
