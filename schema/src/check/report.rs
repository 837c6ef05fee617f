//! Collects diagnostics and gives each its place.

use std::collections::HashSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::document::Positions;
use crate::pointer;

/// The diagnostics of one document.
pub(crate) struct Report {
    positions: Positions,
    all: Vec<Diagnostic>,
    seen: HashSet<(Code, String, String)>,
    /// Values that are reported already for a reason that explains whatever else is wrong with them.
    explained: HashSet<String>,
}

impl Report {
    pub(crate) fn new(positions: Positions) -> Self {
        Self { positions, all: Vec::new(), seen: HashSet::new(), explained: HashSet::new() }
    }

    /// Where the document stands.
    pub(crate) fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Adds a diagnostic, once.
    pub(crate) fn add(&mut self, diagnostic: Diagnostic) {
        let identity = (diagnostic.code, diagnostic.pointer.clone(), diagnostic.message.clone());
        if !self.seen.insert(identity) {
            return;
        }
        if diagnostic.code.explains_its_value() {
            self.explained.insert(diagnostic.pointer.clone());
        }
        self.all.push(self.positions.placed(diagnostic));
    }

    /// Adds what the whole document has, at no place in it.
    pub(crate) fn add_unplaced(&mut self, mut diagnostic: Diagnostic) {
        self.positions.name().clone_into(&mut diagnostic.file);
        self.all.push(diagnostic);
    }

    /// Whether what is wrong at that pointer is explained already.
    pub(crate) fn explains(&self, at: &str) -> bool {
        !self.explained.is_empty()
            && std::iter::successors(Some(at), |at| pointer::parent(at)).any(|at| self.explained.contains(at))
    }

    /// Whether that value, or what stands in it, is refused already.
    pub(crate) fn has_error_at(&self, at: &str) -> bool {
        self.all.iter().any(|one| one.is_error() && pointer::is_within(&one.pointer, at))
    }

    /// Adds what reading one part of the document found, unless that part is refused already for what explains it.
    pub(crate) fn add_to_part(&mut self, diagnostic: Diagnostic) {
        let mut ends = diagnostic.pointer.match_indices('/').map(|(at, _)| at).skip(2);
        let part = &diagnostic.pointer[..ends.next().unwrap_or(diagnostic.pointer.len())];
        let explains = |at: &str| pointer::is_within(at, part) || pointer::is_within(part, at);
        if self.all.iter().any(|one| one.is_error() && explains(&one.pointer)) {
            return;
        }
        self.add(diagnostic);
    }

    pub(crate) fn into_sorted(mut self) -> Vec<Diagnostic> {
        // Without text the order of discovery stays.
        self.all.sort_by_key(|d| (d.line.unwrap_or(usize::MAX), d.column));
        self.all
    }
}
