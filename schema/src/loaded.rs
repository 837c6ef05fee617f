//! What loading a document gave.

use crate::diagnostic::Diagnostic;
use crate::document::Document;

/// What loading a document gave.
#[derive(Debug)]
pub struct Loaded {
    /// The document; absent when a diagnostic is an error.
    pub document: Option<Document>,
    /// Every problem, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether the document is refused.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    pub(crate) fn refused(diagnostic: Diagnostic) -> Self {
        Self { document: None, diagnostics: vec![diagnostic] }
    }
}
