//! From a value to a typed document, with every problem of it in one pass.

mod compiled;
mod lint;
mod message;
mod prepare;
mod report;
mod typed;
mod violation;

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic};
use crate::generate::DocumentKind;
use crate::load::{LoadOptions, Loaded};
use crate::text::{Places, Source};
use crate::{placeholder, pointer};
use report::Report;
use typed::Parsed;

/// The keys of a task that are ours; all others belong to the harness.
pub(crate) const TASK_KEYS: [&str; 8] =
    ["chaos_spec", "name", "policy", "probes", "seed", "steady_state", "verification_spec", "$schema"];

/// A document's value, and what is known of its text.
pub(crate) struct Input<'a> {
    pub(crate) name: &'a str,
    pub(crate) source: Option<&'a Source<'a>>,
    pub(crate) value: &'a Value,
    pub(crate) places: Places,
    /// What reading found, placed by pointer or span.
    pub(crate) found: Vec<Diagnostic>,
    /// Pointers of numbers that no schema knows.
    pub(crate) not_finite: Vec<String>,
}

/// Checks a document.
pub(crate) fn check(input: Input<'_>, options: &LoadOptions) -> Loaded {
    let mut report = Report::new(input.name, input.source, input.places);
    input.found.into_iter().for_each(|d| report.add(d));
    let document = prepare::kind(input.value, options.kind, &mut report).and_then(|kind| {
        if kind == DocumentKind::Task {
            lint::top_level(input.value, &mut report);
        }
        let ours = prepare::ours(input.value, kind, &mut report)?;
        for at in &input.not_finite {
            if reads(kind, at) {
                let message = format!("{} must be a finite number", pointer::subject(at));
                report.add(Diagnostic::new(Code::NotFinite, at, message));
            }
        }
        finish(ours, kind, options, &mut report)
    });
    let diagnostics = report.into_sorted();
    let refused = diagnostics.iter().any(Diagnostic::is_error);
    match document.filter(|_| !refused) {
        Some(Parsed::Document(document)) => Loaded { document: Some(*document), experiment: None, diagnostics },
        Some(Parsed::Experiment(spec)) => Loaded { document: None, experiment: Some(spec), diagnostics },
        None => Loaded { document: None, experiment: None, diagnostics },
    }
}

/// Whether a pointer lies in what is ours.
fn reads(kind: DocumentKind, at: &str) -> bool {
    kind != DocumentKind::Task || TASK_KEYS.iter().any(|key| pointer::is_within(at, &pointer::join("", key)))
}

/// Fills, validates, looks for what only people would notice, and parses.
fn finish(mut ours: Value, kind: DocumentKind, options: &LoadOptions, report: &mut Report<'_>) -> Option<Parsed> {
    let mut filled = placeholder::Filled::default();
    placeholder::fill(&mut ours, "", &options.vars, &mut filled);
    for (at, name) in &filled.leftover {
        let message = format!("no variable fills the placeholder `{{{{{name}}}}}`");
        report
            .add(Diagnostic::new(Code::LeftoverPlaceholder, at, message).help(format!("give it with --var {name}=…")));
    }
    let compiled = match compiled::document(kind) {
        Ok(compiled) => compiled,
        Err(error) => {
            report.add(Diagnostic::new(Code::BrokenSchema, "", error));
            return None;
        }
    };
    compiled.retype_lone(&mut ours, &filled.lone);
    violation::report(compiled, &ours, report);
    lint::lint(&ours, kind, options, &filled, report);
    if report.refused() {
        return None;
    }
    typed::parse(&mut ours, kind, report)
}
