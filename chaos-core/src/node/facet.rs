//! What a node lets a fault do, by name.

use std::fmt;

/// The facets that a node may have. Each is a small trait: what a fault may do to this side of the node, on one machine and
/// in a cluster alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Facet {
    /// Its processes: [`crate::ProcessFacet`].
    Process,
    /// What it can use: [`crate::ResourcesFacet`].
    Resources,
    /// Its wall clock: [`crate::ClockFacet`].
    Clock,
    /// Its own file system: [`crate::FilesFacet`].
    Files,
    /// What passes through it: [`crate::LinkFacet`].
    Link,
}

impl Facet {
    /// What a document says to give a node this facet, where a key does.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Process | Self::Resources => "",
            Self::Clock => "; declare it as a node of type `process` with `clock: true`",
            Self::Files => "; declare it as a node of type `process` with `tmpfs_bytes`",
            Self::Link => "; name a link, which forwards between two nodes",
        }
    }
}

impl fmt::Display for Facet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "process",
            Self::Resources => "resources",
            Self::Clock => "clock",
            Self::Files => "files",
            Self::Link => "link",
        })
    }
}
