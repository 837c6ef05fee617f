//! From a value to a typed document, with every problem of it in one pass.

mod compiled;
mod dialects;
mod empty;
mod item_keys;
mod keys;
mod lint;
mod message;
mod names;
mod not_finite;
mod pins;
mod plug_in;
mod prepare;
mod report;
mod timing;
mod violation;
mod workflow;

use std::collections::BTreeMap;

pub(crate) use not_finite::not_finite_at;
use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic, TextSpan};
use crate::document::{Document, DocumentKind, Positions};
use crate::loaded::Loaded;
use crate::options::{LoadOptions, Placeholders};
use crate::placeholder::{Filled, fill, place};
use crate::pointer;
use crate::text::Dialect;
pub(crate) use report::Report;

/// A document's value, and what is known of its text.
pub(crate) struct Input<'a> {
    pub(crate) positions: Positions,
    pub(crate) value: &'a Value,
    /// What reading found, placed by pointer or span.
    pub(crate) found: Vec<Diagnostic>,
    /// Pointers of numbers that no schema knows.
    pub(crate) not_finite: Vec<String>,
    /// What YAML 1.1 reads otherwise, by pointer and span.
    pub(crate) dialects: Vec<(String, Dialect, TextSpan)>,
}

/// Checks a document.
pub(crate) fn check(input: Input<'_>, options: &LoadOptions) -> Loaded {
    let mut report = Report::new(input.positions);
    input.found.into_iter().for_each(|d| report.add(d));
    let document = prepare::kind(input.value, options.kind, &mut report).and_then(|kind| {
        if kind == DocumentKind::Task {
            lint::top_level(input.value, &mut report);
        }
        let ours = prepare::ours(input.value, kind, &mut report)?;
        for at in &input.not_finite {
            if reads(kind, at) {
                report.add(not_finite_at(at));
            }
        }
        let document = finish(ours, kind, options, &mut report);
        dialects::report(&input.dialects, |at| reads(kind, at), &mut report);
        document
    });
    let diagnostics = report.into_sorted();
    let refused = diagnostics.iter().any(Diagnostic::is_error);
    Loaded { document: document.filter(|_| !refused), diagnostics }
}

/// An entry with its placeholders filled, each in the type that the schema wants there; `None` where there is no schema.
pub(crate) fn filled_entry(value: &Value, options: &LoadOptions) -> Option<Value> {
    let (mut entry, mut filled) = (value.clone(), Filled::default());
    fill(&mut entry, "", &options.vars, &mut filled);
    let compiled = compiled::document(DocumentKind::Entry, Placeholders::Filled).ok()?;
    compiled.retype_lone(&mut entry, &filled.lone);
    Some(entry)
}

/// Whether a pointer lies in what is ours.
fn reads(kind: DocumentKind, at: &str) -> bool {
    kind != DocumentKind::Task || keys::task_keys().any(|key| pointer::is_within(at, &pointer::join("", key)))
}

/// Fills, validates, looks for what only people would notice, and parses.
fn finish(mut ours: Value, kind: DocumentKind, options: &LoadOptions, report: &mut Report) -> Option<Document> {
    let declared = match kind {
        DocumentKind::Task => place(&mut ours, &options.vars, options.nodes.as_ref(), report),
        _ => BTreeMap::default(),
    };
    let mut filled = Filled::of(declared);
    fill(&mut ours, "", &options.vars, &mut filled);
    names::placeholders(&filled, options, report);
    if filled.too_large.is_some() {
        return None;
    }
    let open = options.placeholders == Placeholders::Allowed && !filled.leftover.is_empty();
    // Outputs of steps are there when their step starts.
    let placeholders = if open || filled.has_outputs { Placeholders::Allowed } else { Placeholders::Filled };
    let compiled = match compiled::document(kind, placeholders) {
        Ok(compiled) => compiled,
        Err(error) => {
            report.add(Diagnostic::new(Code::BrokenSchema, "", error.to_string()));
            return None;
        }
    };
    compiled.retype_lone(&mut ours, &filled.lone);
    violation::report(compiled, &ours, report);
    lint::lint(&ours, kind, report);
    empty::report(&ours, kind, report);
    lint::deprecated(&compiled.schema, &ours, report);
    if open {
        return None;
    }
    match Document::read(ours, kind, report.positions()) {
        Ok(document) => {
            timing::lint(&document, report);
            pins::report(&document, report);
            Some(document)
        }
        Err(found) => {
            for diagnostic in found {
                report.add_to_part(diagnostic);
            }
            None
        }
    }
}
