//! One reader for all documents: strict JSON where a text says that it is JSON, YAML 1.2 otherwise; with bounds.

use std::path::Path;

use super::json::json;
use super::lower::{Lowered, lower};
use super::source::Source;
use super::yaml::{Tree, yaml};
use crate::diagnostic::{Code, Diagnostic, TextSpan};
use crate::other_tool;

/// Bytes of a text; a task file is some kilobytes, and a prompt in it hardly more.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Reads a text, or says in one diagnostic where it stops being readable.
///
/// A file named `.json` is JSON. A text that begins with `{` or `[` is tried as JSON first: what YAML makes of JSON with
/// comments is another document. Where neither reads it, the language that it is most like explains what is wrong.
pub(crate) fn read(source: &Source) -> Result<Lowered, Box<Diagnostic>> {
    if source.text.len() > MAX_BYTES {
        let message = format!("the text has {} bytes; the limit is {MAX_BYTES}", source.text.len());
        let mut diagnostic = Diagnostic::new(Code::TooLarge, "", message);
        source.put(&mut diagnostic, TextSpan { start: 0, end: 0 });
        return Err(Box::new(diagnostic));
    }
    let named = Path::new(&source.name).extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
    let body = source.text.trim_start_matches('\u{feff}').trim_start();
    if !named && !body.starts_with(['{', '[']) {
        return read_yaml(source);
    }
    let refused = match read_json(source) {
        Ok(lowered) => return Ok(lowered),
        Err(refused) if named || !matches!(refused.code, Code::Syntax) => return Err(refused),
        Err(refused) => refused,
    };
    // Strings and keys of JSON stand in double quotes; YAML's flow style has them rarely.
    let like_json = body[1..].trim_start().starts_with(['"', '{', '[']);
    match read_yaml(source) {
        Err(_) if like_json => Err(refused),
        Ok(lowered) if like_json && lowered.diagnostics.iter().any(|d| d.code == Code::SwallowedComment) => {
            Err(refused)
        }
        read => read,
    }
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
