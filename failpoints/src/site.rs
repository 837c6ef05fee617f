//! A site: the static behind one macro call, of which idle code reads one word.

use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::registry::Named;

/// What a site does when its rule says `return`, and whether it waits politely.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Form {
    /// `fail_point!("name")`: effects only, nothing to return.
    Effect,
    /// `fail_point!("name", |text| …)`: returns what the closure makes of the text.
    Return,
    /// `fail_error!`: returns an error of the caller's type.
    Error,
    /// `fail_return!`: returns a value that is parsed from the text.
    Value {
        /// The type's name, for messages.
        type_name: &'static str,
        /// Says whether a text is a value of the type.
        parses: fn(&str) -> bool,
    },
    /// `fail_check!`: the code around the site decides what it means.
    Check,
}

/// One fail point in the code: made by the macros, never by hand.
///
/// It has a cache line to itself, so that arming one site never slows its neighbours in memory.
#[derive(Debug)]
#[repr(align(64))]
pub struct Site {
    /// How many armings are in force, in any scope.
    armed: AtomicU32,
    named: OnceLock<&'static Named>,
    info: SiteInfo,
}

/// What a program can say of one of its sites.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SiteInfo {
    /// The name that arms it; several places may share one.
    pub name: &'static str,
    /// The doc comment at the site, as it was written.
    pub doc: &'static str,
    /// What it can do.
    pub form: Form,
    /// The source file.
    pub file: &'static str,
    /// The line in it, from 1.
    pub line: u32,
    /// The module's path.
    pub module: &'static str,
}

impl Site {
    #[doc(hidden)]
    pub const fn new(info: SiteInfo) -> Self {
        Self { armed: AtomicU32::new(0), named: OnceLock::new(), info }
    }

    /// Says whether any arming of the site is in force anywhere; all that an idle site costs.
    ///
    /// Relaxed, because the counts and the rule are read under their own synchronisation; a site armed by another
    /// thread is seen as soon as that thread's write arrives, at the latest at the next point where the two
    /// threads synchronise.
    #[expect(clippy::inline_always, reason = "a call would cost more than the load")]
    #[inline(always)]
    #[doc(hidden)]
    pub fn armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed) != 0
    }

    pub(crate) fn info(&self) -> &SiteInfo {
        &self.info
    }

    /// What all sites of the name share; `None` as long as none of them was ever armed.
    pub(crate) fn named(&self) -> Option<&'static Named> {
        self.named.get().copied()
    }

    pub(crate) fn belongs_to(&self, named: &'static Named) {
        self.named.get_or_init(|| named);
    }

    pub(crate) fn count_armed(&self) {
        self.armed.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn count_disarmed(&self) {
        self.armed.fetch_sub(1, Ordering::SeqCst);
    }
}

impl SiteInfo {
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        doc: &'static str,
        form: Form,
        place: (&'static str, u32, &'static str),
    ) -> Self {
        Self { name, doc, form, file: place.0, line: place.1, module: place.2 }
    }

    /// Returns the first line of the doc comment, or an empty text.
    pub fn summary(&self) -> &'static str {
        self.doc.trim().lines().next().unwrap_or("").trim()
    }
}

impl fmt::Display for SiteInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}:{}\t{}", self.name, self.file, self.line, self.summary())
    }
}

/// A site's entry in the list that the linker gathers.
#[doc(hidden)]
#[derive(Debug)]
pub struct Entry(pub &'static Site);

inventory::collect!(Entry);
