//! What loading a document gave.

use crate::diagnostic::{Diagnostic, Severity};
use crate::document::Document;

/// What loading a document gave.
#[derive(Debug)]
pub struct Loaded {
    /// The document; absent when a diagnostic is an error, or when placeholders are left in it.
    pub document: Option<Document>,
    /// Every problem, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether the document is refused.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// The same, where some of what is not an error is one: a warning for somebody who wants none, say.
    #[must_use]
    pub fn with_errors(mut self, is_error: impl Fn(&Diagnostic) -> bool) -> Self {
        for diagnostic in &mut self.diagnostics {
            if is_error(diagnostic) {
                diagnostic.severity = Severity::Error;
            }
        }
        self.document = self.document.filter(|_| !self.diagnostics.iter().any(Diagnostic::is_error));
        self
    }

    pub(crate) fn refused(diagnostic: Diagnostic) -> Self {
        Self { document: None, diagnostics: vec![diagnostic] }
    }
}
