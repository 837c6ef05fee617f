//! The schemas of the check, compiled once.

use std::collections::HashSet;
use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use crate::document::DocumentKind;
use crate::generate::{Flavour, Profile, build};
use crate::options::Placeholders;
use crate::placeholder;

/// A schema and its validator.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) schema: Value,
    pub(crate) validator: Validator,
}

type Cell = OnceLock<Result<Compiled, Broken>>;

/// A linked plug-in emits a schema that can't be compiled.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the schema of the linked plug-ins is broken: {0}")]
pub(crate) struct Broken(String);

fn compile(schema: Value) -> Result<Compiled, Broken> {
    let validator = jsonschema::draft7::new(&schema).map_err(|error| Broken(error.masked().to_string()))?;
    Ok(Compiled { schema, validator })
}

/// The schema of a document, with or without places for placeholders.
pub(crate) fn document(kind: DocumentKind, placeholders: Placeholders) -> Result<&'static Compiled, &'static Broken> {
    static FILLED: [Cell; 4] = [const { OnceLock::new() }; 4];
    static OPEN: [Cell; 4] = [const { OnceLock::new() }; 4];
    let (cells, flavour) = match placeholders {
        Placeholders::Filled => (&FILLED, Flavour::Filled),
        Placeholders::Allowed => (&OPEN, Flavour::Published(Profile::Editor)),
    };
    let cell = match kind {
        DocumentKind::Task => &cells[0],
        DocumentKind::Entry => &cells[1],
        DocumentKind::Experiment => &cells[2],
        DocumentKind::Policy => &cells[3],
    };
    cell.get_or_init(|| compile(build(kind, flavour))).as_ref()
}

impl Compiled {
    /// Gives what was one lone placeholder the type that the schema wants there.
    pub(crate) fn retype_lone(&self, value: &mut Value, lone: &[String]) {
        if lone.is_empty() {
            return;
        }
        let mut wrong = HashSet::new();
        self.validator.iter_errors(value).for_each(|error| wrong_places(&error, &mut wrong));
        for at in lone.iter().filter(|at| wrong.contains(*at)) {
            let Some(slot) = value.pointer_mut(at) else { continue };
            if let Some(scalar) = slot.as_str().and_then(placeholder::scalar) {
                *slot = scalar;
            }
        }
    }
}

/// Where the error is, and where each alternative finds one, if none of several fits.
fn wrong_places(error: &ValidationError<'_>, wrong: &mut HashSet<String>) {
    wrong.insert(error.instance_path().to_string());
    if let ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } = error.kind() {
        context.iter().flatten().for_each(|inner| wrong_places(inner, wrong));
    }
}
