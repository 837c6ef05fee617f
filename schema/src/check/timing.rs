//! Times in an entry that do not fit each other: warnings that only the typed entry shows.

use chaos_core::ChaosSpec;

use super::report::Report;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Document;

/// Looks at the times of every entry.
pub(crate) fn lint(document: &Document, report: &mut Report) {
    let mut one = |entry: &ChaosSpec, at: &str| {
        for warning in entry.warnings() {
            let at = format!("{at}{}", warning.pointer);
            report.add(Diagnostic::new(Code::TimesDoNotFit, at, warning.message).help(warning.help));
        }
    };
    match document {
        Document::Entry(entry) => one(entry, ""),
        Document::Task(task) => {
            for (index, entry) in task.entries.iter().enumerate() {
                one(entry, &task.position(index));
            }
        }
        Document::Experiment(_) | Document::Policy(_) => {}
    }
}
