//! Fills placeholders of a scenario: only those of a list, and only where the document stays what it was.
//!
//! Scenarios hold shell scripts (`${i}`, `$(date)`, `$((n + 1))`) and arguments for the kubelet (`$(NAME)`), so nothing but
//! `$NAME` and `${NAME}` with a name of the list may change. Whether a value fits where it is put is decided by parsing: once
//! with a word in place of each placeholder, and once rendered. Both must be the same documents, with the value as text.

mod error;
mod fit;
mod place;
mod scan;

use std::collections::{BTreeMap, BTreeSet};

pub use error::{RenderError, RenderErrorKind};
use place::Template;
use scan::Occurrence;

use crate::names::PLACEHOLDERS_ANNOTATION;

/// Bytes that values may make of a text.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// A scenario with its placeholders filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The text, byte for byte as it was but for the placeholders.
    pub text: String,
    /// How often each variable was put in.
    pub used: BTreeMap<String, usize>,
    /// Variables that no placeholder names.
    pub unused: Vec<String>,
    /// Names of what looks like a placeholder and is not on the list, so that it stands there as it was.
    pub untouched: BTreeSet<String>,
}

/// Fills the placeholders of a text with the values of `variables`, which are the list of what may change. `declared` are the
/// names that the scenario says it needs: one without a value is an error, and so is one that is left over because it is
/// written otherwise (`${NAME:-x}`).
///
/// A value is put in as it is, and is not searched for placeholders. It stays text whatever it looks like: where a placeholder
/// stands alone without quotes, the value is put in quotes if YAML would read it as something else.
///
/// # Errors
/// [`RenderError`] says at which line and column of `text` and why; nothing is rendered then.
pub fn render(
    text: &str,
    variables: &BTreeMap<String, String>,
    declared: &BTreeSet<String>,
) -> Result<Rendered, RenderError> {
    for name in variables.keys().chain(declared) {
        if !scan::is_name(name) {
            return Err(RenderError::nowhere(RenderErrorKind::InvalidName(name.clone())));
        }
    }
    let found = scan::scan(text);
    unset(text, &found, variables, declared)?;
    left_over(text, declared)?;
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    let mut untouched = BTreeSet::new();
    let (mut mine, mut length) = (Vec::new(), text.len());
    for one in found {
        match variables.get(one.name(text)) {
            Some(value) => {
                *used.entry(one.name(text).to_owned()).or_default() += 1;
                length = length.saturating_add(value.len());
                mine.push(one);
            }
            None => {
                untouched.insert(one.name(text).to_owned());
            }
        }
    }
    if length > MAX_BYTES {
        return Err(RenderError::nowhere(RenderErrorKind::TooLarge(MAX_BYTES)));
    }
    let template = Template::read(text, mine)?;
    let rendered = template.filled(variables)?;
    let unused = variables.keys().filter(|name| !used.contains_key(*name)).cloned().collect();
    Ok(Rendered { text: rendered, used, unused, untouched })
}

/// The placeholders that a scenario declares in its annotation `squall.dev/placeholders`: names with commas between them.
///
/// # Errors
/// [`RenderErrorKind::NotYaml`] where the text can't be read even with words in place of its placeholders.
pub fn declared_placeholders(text: &str) -> Result<BTreeSet<String>, RenderError> {
    let template = Template::read(text, scan::scan(text))?;
    let mut declared = BTreeSet::new();
    for document in template.documents() {
        let annotations = document.value.pointer("/metadata/annotations");
        let names = annotations.and_then(|all| all.get(PLACEHOLDERS_ANNOTATION)).and_then(serde_json::Value::as_str);
        let names = names.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
        declared.extend(names.map(str::to_owned));
    }
    Ok(declared)
}

/// The documents of a text as it is written, with its placeholders where they are.
pub(crate) fn documents(text: &str) -> Result<Vec<serde_json::Value>, RenderError> {
    Ok(Template::read(text, scan::scan(text))?.as_written())
}

/// All names that stand in a text as `$NAME` or `${NAME}`.
pub(crate) fn placeholders(text: &str) -> BTreeSet<String> {
    scan::scan(text).iter().map(|one| one.name(text).to_owned()).collect()
}

fn unset(
    text: &str,
    found: &[Occurrence],
    variables: &BTreeMap<String, String>,
    declared: &BTreeSet<String>,
) -> Result<(), RenderError> {
    let Some(name) = declared.iter().find(|name| !variables.contains_key(*name)) else { return Ok(()) };
    let kind = RenderErrorKind::Unset(name.clone());
    let at = found.iter().find(|one| one.name(text) == name);
    Err(at.map_or_else(|| RenderError::nowhere(kind.clone()), |one| RenderError::at(text, one.start, kind.clone())))
}

/// `${NAME:-x}` and the like, which other tools would fill.
fn left_over(text: &str, declared: &BTreeSet<String>) -> Result<(), RenderError> {
    match scan::other_forms(text).find(|one| declared.contains(one.name(text))) {
        Some(one) => {
            let kind = RenderErrorKind::LeftOver(one.name(text).to_owned());
            Err(RenderError::at(text, one.start, kind))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
