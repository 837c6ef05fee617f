//! What the code around a site learns when the site fires.

use std::{fmt, sync::Arc};

/// A site has fired, and its rule says `return`.
#[derive(Clone, Debug)]
pub struct FiredSite {
    pub(crate) site: &'static str,
    pub(crate) hit: u64,
    pub(crate) argument: Option<Arc<str>>,
}

impl FiredSite {
    /// Returns the site's name.
    pub fn site(&self) -> &'static str {
        self.site
    }

    /// Returns the number of the hit under this arming, from 0.
    ///
    /// Where the rule fires on every hit, each thread counts its own: the numbers then repeat from thread to thread.
    pub fn hit(&self) -> u64 {
        self.hit
    }

    /// Returns the rule's text, if it has one.
    pub fn argument(&self) -> Option<&str> {
        self.argument.as_deref()
    }

    /// Returns the rule's text, or one that names the site.
    pub fn message(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for FiredSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.argument {
            Some(text) => f.write_str(text),
            None => write!(f, "injected at fail point `{}`", self.site),
        }
    }
}

impl std::error::Error for FiredSite {}

impl From<FiredSite> for std::io::Error {
    fn from(fired: FiredSite) -> Self {
        Self::other(fired)
    }
}
