//! Collects diagnostics and gives each its place.

use std::collections::HashSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::pointer;
use crate::text::{Places, Source};

/// The diagnostics of one document.
pub(crate) struct Report<'a> {
    name: &'a str,
    source: Option<&'a Source<'a>>,
    places: Places,
    all: Vec<Diagnostic>,
    seen: HashSet<(Code, String, String)>,
    /// Values that are reported already for a reason that explains whatever else is wrong with them.
    explained: Vec<String>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(name: &'a str, source: Option<&'a Source<'a>>, places: Places) -> Self {
        Self { name, source, places, all: Vec::new(), seen: HashSet::new(), explained: Vec::new() }
    }

    /// Adds a diagnostic, once.
    pub(crate) fn add(&mut self, mut diagnostic: Diagnostic) {
        let identity = (diagnostic.code, diagnostic.pointer.clone(), diagnostic.message.clone());
        if !self.seen.insert(identity) {
            return;
        }
        if matches!(diagnostic.code, Code::LeftoverPlaceholder | Code::NotFinite | Code::NotJson | Code::KeyNotText) {
            self.explained.push(diagnostic.pointer.clone());
        }
        self.place(&mut diagnostic);
        self.all.push(diagnostic);
    }

    /// Adds what the whole document has, at no place in it.
    pub(crate) fn add_unplaced(&mut self, mut diagnostic: Diagnostic) {
        self.name.clone_into(&mut diagnostic.file);
        self.all.push(diagnostic);
    }

    /// Whether what is wrong at that pointer is explained already.
    pub(crate) fn explains(&self, at: &str) -> bool {
        self.explained.iter().any(|known| pointer::is_within(at, known))
    }

    /// Whether the document is refused by now.
    pub(crate) fn refused(&self) -> bool {
        self.all.iter().any(Diagnostic::is_error)
    }

    pub(crate) fn into_sorted(mut self) -> Vec<Diagnostic> {
        // Without text the order of discovery stays.
        self.all.sort_by_key(|d| (d.line.unwrap_or(usize::MAX), d.column));
        self.all
    }

    fn place(&self, diagnostic: &mut Diagnostic) {
        self.name.clone_into(&mut diagnostic.file);
        let Some(source) = self.source else { return };
        let place = self.places.nearest(&diagnostic.pointer);
        // A problem *of a key* stands at the key; every other one at the value.
        let at_key = matches!(
            diagnostic.code,
            Code::UnknownKey
                | Code::MissingKey
                | Code::TopLevelTypo
                | Code::BothVerifyAndVerification
                | Code::DurationOnFinite
        );
        let span = place.map(|place| if at_key { place.key.unwrap_or(place.value) } else { place.value });
        if let Some(span) = diagnostic.span.or(span) {
            source.put(diagnostic, span);
        }
    }
}
