//! One reader for all documents: strict JSON where a text says that it is JSON, YAML 1.2 otherwise; with bounds.

use std::path::Path;

use super::json::json;
use super::lower::{Lowered, lower};
use super::source::Source;
use super::yaml::{Tree, yaml, yaml_documents};
use crate::diagnostic::{Code, Diagnostic, TextSpan};
use crate::other_tool;

/// Bytes of a text; a task file is some kilobytes, and a prompt in it hardly more.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Reads a text, or says in one diagnostic where it stops being readable.
///
/// A file named `.json` is JSON. A text that begins with `{` or `[` is tried as JSON first: what YAML makes of JSON with
/// comments is another document. Where neither reads it, the language that it is most like explains what is wrong.
pub(crate) fn read(source: &Source) -> Result<Lowered, Box<Diagnostic>> {
    match tried(source)? {
        Tried::Json(lowered) => Ok(*lowered),
        Tried::Yaml(None) => read_yaml(source),
        Tried::Yaml(Some(refused)) => match read_yaml(source) {
            Ok(lowered) if !lowered.diagnostics.iter().any(|d| d.code == Code::SwallowedComment) => Ok(lowered),
            _ => Err(refused),
        },
    }
}

/// Reads every document of a text by the same rules; JSON is one.
pub(crate) fn read_all(source: &Source) -> Result<Vec<Lowered>, Box<Diagnostic>> {
    let refused = match tried(source)? {
        Tried::Json(lowered) => return Ok(vec![*lowered]),
        Tried::Yaml(refused) => refused,
    };
    let (roots, found) = yaml_documents(source).map_err(|error| refused.unwrap_or(error))?;
    let mut all: Vec<Lowered> = roots.into_iter().map(|root| lower(&source.text, root)).collect();
    match all.last_mut() {
        Some(last) => last.diagnostics.extend(found),
        None => all.extend((!found.is_empty()).then(|| Lowered { diagnostics: found, ..Lowered::default() })),
    }
    Ok(all)
}

/// What a text is taken for.
enum Tried {
    Json(Box<Lowered>),
    /// YAML; with what is wrong with it as JSON, where that explains more than what is wrong with it as YAML.
    Yaml(Option<Box<Diagnostic>>),
}

/// Reads a text as JSON, where it says that it is JSON.
fn tried(source: &Source) -> Result<Tried, Box<Diagnostic>> {
    bounded(source)?;
    let named = is_named_json(source);
    let body = source.text.trim_start_matches('\u{feff}').trim_start();
    if !named && !body.starts_with(['{', '[']) {
        return Ok(Tried::Yaml(None));
    }
    match read_json(source) {
        Ok(lowered) => Ok(Tried::Json(Box::new(lowered))),
        Err(refused) if named || refused.code != Code::Syntax => Err(refused),
        // Strings and keys of JSON stand in double quotes; YAML's flow style has them rarely.
        Err(refused) => Ok(Tried::Yaml(Some(refused).filter(|_| body[1..].trim_start().starts_with(['"', '{', '['])))),
    }
}

fn bounded(source: &Source) -> Result<(), Box<Diagnostic>> {
    if source.text.len() <= MAX_BYTES {
        return Ok(());
    }
    let message = format!("the text has {} bytes; the limit is {MAX_BYTES}", source.text.len());
    let mut diagnostic = Diagnostic::new(Code::TooLarge, "", message);
    source.put(&mut diagnostic, TextSpan { start: 0, end: 0 });
    Err(Box::new(diagnostic))
}

fn is_named_json(source: &Source) -> bool {
    Path::new(&source.name).extension().is_some_and(|end| end.eq_ignore_ascii_case("json"))
}

/// Reads strict JSON.
pub(crate) fn read_json(source: &Source) -> Result<Lowered, Box<Diagnostic>> {
    json(source).map(|root| lower(&source.text, root))
}

fn read_yaml(source: &Source) -> Result<Lowered, Box<Diagnostic>> {
    let Tree { root, found, second } = yaml(source)?;
    let mut lowered = lower(&source.text, root);
    lowered.diagnostics.extend(found);
    match second {
        // Files of other tools often hold several; that it is another tool's file is the better answer.
        Some(second) if other_tool::of(&lowered.value).is_none() => Err(second),
        _ => Ok(lowered),
    }
}
