//! What a program can list about a site: its name, place, form and doc comment.

use std::fmt;

/// What a site does when its rule says `return`.
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

/// The description of one site.
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
