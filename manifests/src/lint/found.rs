//! What is found, manifest after manifest.

use chaos_schema::{Code, Diagnostic};

use crate::manifest::Manifest;

/// Problems that are listed; what else is wrong shows once these are gone.
const MAX_LISTED: usize = 1_000;

/// Whether that text is not known before placeholders are filled.
pub(super) fn is_open(text: &str) -> bool {
    text.contains('$')
}

/// Problems of one manifest after the other.
#[derive(Default)]
pub(super) struct Found<'m> {
    /// The manifest that is looked at.
    pub(super) of: Option<&'m Manifest>,
    all: Vec<Diagnostic>,
    unlisted: usize,
}

impl Found<'_> {
    /// Adds a problem at that pointer.
    pub(super) fn add(&mut self, code: Code, at: &str, message: impl Into<String>, help: impl Into<String>) {
        self.put(Diagnostic::new(code, at, message).help(help));
    }

    /// Adds a problem, which gets its place.
    pub(super) fn put(&mut self, diagnostic: Diagnostic) {
        let Some(of) = self.of else { return };
        if self.all.len() >= MAX_LISTED {
            self.unlisted += 1;
            return;
        }
        self.all.push(of.placed(diagnostic));
    }

    /// All problems, in the order of the text.
    pub(super) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.all.sort_by_key(|one| (one.line.unwrap_or(usize::MAX), one.column));
        if self.unlisted > 0 {
            let message = format!("{} more problems are not listed", self.unlisted);
            let help = format!("the limit is {MAX_LISTED}; mend these first");
            self.all.push(Diagnostic::new(Code::TooLarge, "", message).help(help));
        }
        self.all
    }
}
