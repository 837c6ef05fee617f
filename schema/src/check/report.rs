//! Collects diagnostics and gives each its place.

use std::collections::HashSet;

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::document::Positions;
use crate::pointer;

/// Problems that are listed; what else is wrong shows once these are gone.
const MAX_LISTED: usize = 1_000;

/// The diagnostics of one document.
pub(crate) struct Report {
    positions: Positions,
    all: Vec<Diagnostic>,
    seen: HashSet<(Code, String, String)>,
    /// Values that are reported already for a reason that explains whatever else is wrong with them.
    explained: HashSet<String>,
    /// How bad the worst of those is that are not listed.
    unlisted: Option<Severity>,
    codes: HashSet<Code>,
}

impl Report {
    pub(crate) fn new(positions: Positions) -> Self {
        Self {
            positions,
            all: Vec::new(),
            seen: HashSet::new(),
            explained: HashSet::new(),
            unlisted: None,
            codes: HashSet::new(),
        }
    }

    /// Where the document stands.
    pub(crate) fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Adds a diagnostic, once.
    pub(crate) fn add(&mut self, diagnostic: Diagnostic) {
        if self.is_full(&diagnostic) {
            return;
        }
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
        if self.is_full(&diagnostic) {
            return;
        }
        self.positions.name().clone_into(&mut diagnostic.file);
        self.all.push(diagnostic);
    }

    fn is_full(&mut self, diagnostic: &Diagnostic) -> bool {
        // The first of each code is listed: who runs the document may take one of them for an error.
        let full = !self.codes.insert(diagnostic.code) && self.all.len() >= MAX_LISTED;
        if full && (self.unlisted.is_none() || diagnostic.is_error()) {
            self.unlisted = Some(diagnostic.severity);
        }
        full
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
        if let Some(severity) = self.unlisted {
            let more =
                Diagnostic::new(Code::TooLarge, "", format!("more than {MAX_LISTED} problems; the rest is not listed"));
            let mut more = more.help(format!("the limit is {MAX_LISTED}; mend these first"));
            more.severity = severity;
            self.positions.name().clone_into(&mut more.file);
            self.all.push(more);
        }
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_beyond_the_limit_are_counted_as_one() {
        let mut report = Report::new(Positions::of("task.yaml"));
        for n in 0..100_000 {
            report.add(Diagnostic::new(Code::UnusedVariable, format!("/{n}"), "a warning"));
        }
        report.add(Diagnostic::new(Code::NoChaos, "", "another code"));
        report.add(Diagnostic::new(Code::WrongType, "", "the first error"));
        report.add(Diagnostic::new(Code::WrongType, "", "an error"));
        let listed = report.into_sorted();
        assert_eq!(listed.len(), MAX_LISTED + 3);
        assert!(listed.iter().any(|one| one.code == Code::NoChaos));
        let last = listed.last().unwrap();
        assert!(last.is_error() && last.message.contains("more than 1000 problems"), "{last:?}");
    }
}
