//! The kinds of document.

/// The kinds of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// A benchmark's own file that carries entries; open at its top.
    Task,
    /// One entry, closed.
    Entry,
    /// One experiment, closed.
    Experiment,
    /// An operator's policy, closed.
    Policy,
}

impl DocumentKind {
    /// The word for it in names and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Entry => "entry",
            Self::Experiment => "experiment",
            Self::Policy => "policy",
        }
    }
}
