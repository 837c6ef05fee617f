//! The entrances: text, bytes or a value in; a typed document and every problem of it out.

use serde_json::Value;

use crate::check::{Input, check};
use crate::document::Positions;
use crate::loaded::Loaded;
use crate::options::LoadOptions;
use crate::text::{Lowered, Source, decode, read};

/// Loads YAML or JSON text; `name` is what messages call it.
pub fn load(text: &str, name: &str, options: &LoadOptions) -> Loaded {
    let source = Source::new(name, text);
    match read(&source) {
        Ok(lowered) => {
            let Lowered { value, places, diagnostics: found, not_finite } = lowered;
            check(Input { positions: Positions::in_text(source, places), value: &value, found, not_finite }, options)
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
    check(Input { positions, value, found: Vec::new(), not_finite: Vec::new() }, options)
}
