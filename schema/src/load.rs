//! The entrances: text, bytes or a value in; a typed document and every problem of it out.

use std::sync::Arc;

use serde_json::Value;

use crate::check::{self, Input, check, not_finite_at};
use crate::diagnostic::Diagnostic;
use crate::document::Positions;
use crate::loaded::Loaded;
use crate::options::LoadOptions;
use crate::text::{Lowered, Source, decode, read, read_all};

/// Loads YAML or JSON text; `name` is what messages call it.
pub fn load(text: &str, name: &str, options: &LoadOptions) -> Loaded {
    let source = Source::new(name, text);
    match read(&source) {
        Ok(lowered) => {
            let Lowered { value, places, diagnostics: found, not_finite, dialects } = lowered;
            let positions = Positions::in_text(source, places);
            check(Input { positions, value: &value, found, not_finite, dialects }, options)
        }
        Err(diagnostic) => Loaded::refused(*diagnostic),
    }
}

/// Loads YAML or JSON from bytes, which may be no text at all.
pub fn load_bytes(bytes: &[u8], name: &str, options: &LoadOptions) -> Loaded {
    match decode(bytes, name) {
        Ok(text) => load(text, name, options),
        Err(diagnostic) => Loaded::refused(*diagnostic),
    }
}

/// Checks a value that somebody else has parsed; problems carry pointers instead of lines.
pub fn check_value(value: &Value, name: &str, options: &LoadOptions) -> Loaded {
    let positions = Positions::of(name);
    let input = Input { positions, value, found: Vec::new(), not_finite: Vec::new(), dialects: Vec::new() };
    check(input, options)
}

/// The value of an entry that [`check_value`] accepts, with its placeholders filled: what another program may read. Secrets
/// stand in it as they are. `None` where the published schema is broken.
pub fn filled_entry(value: &Value, options: &LoadOptions) -> Option<Value> {
    check::filled_entry(value, options)
}

/// Reads a text as a value, by the same rules as a document, and checks nothing.
///
/// # Errors
/// Everything that a document would be refused for because of its text alone.
pub fn read_value(text: &str, name: &str) -> Result<Value, Vec<Diagnostic>> {
    let source = Source::new(name, text);
    let lowered = read(&source).map_err(|one| vec![*one])?;
    let (TextDocument { value, .. }, found) = text_document(lowered, Arc::new(source));
    if found.is_empty() { Ok(value) } else { Err(found) }
}

/// One document of a text that may hold several, as Kubernetes' files do.
#[derive(Debug, Clone)]
pub struct TextDocument {
    /// What it says.
    pub value: Value,
    /// Where its parts stand in the text.
    pub positions: Positions,
}

/// Reads every document of a text, by the same rules as one, and checks nothing. An empty one is null.
///
/// # Errors
/// Everything that a document would be refused for because of its text alone.
pub fn read_documents(text: &str, name: &str) -> Result<Vec<TextDocument>, Vec<Diagnostic>> {
    let source = Arc::new(Source::new(name, text));
    let all = read_all(&source).map_err(|one| vec![*one])?;
    let (documents, found): (Vec<_>, Vec<_>) =
        all.into_iter().map(|lowered| text_document(lowered, Arc::clone(&source))).unzip();
    let found = found.concat();
    if found.is_empty() { Ok(documents) } else { Err(found) }
}

fn text_document(lowered: Lowered, source: Arc<Source>) -> (TextDocument, Vec<Diagnostic>) {
    let Lowered { value, places, diagnostics, not_finite, .. } = lowered;
    let positions = Positions::in_text(source, places);
    let infinite = not_finite.iter().map(|at| not_finite_at(at));
    let found = diagnostics.into_iter().chain(infinite).map(|one| positions.placed(one)).collect();
    (TextDocument { value, positions }, found)
}
