//! The three defects that a system can be built with, to prove that the battery can fail.

/// A defect that a system can be built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A: a task is dispatched again without bound after its worker failed.
    UnboundedRedispatch,
    /// B: heartbeats do not carry the finished tasks.
    SilentHeartbeat,
    /// C: the error that is injected into a dispatch is not of the kind that the dispatch retries on.
    WrongErrorKind,
}

impl Flaw {
    /// All of them, with the letter that stands for each.
    pub const ALL: [(char, Self); 3] =
        [('A', Self::UnboundedRedispatch), ('B', Self::SilentHeartbeat), ('C', Self::WrongErrorKind)];

    /// Returns the tests of the battery that must fail on it, and no others.
    pub fn breaks(self) -> &'static [u8] {
        match self {
            Self::UnboundedRedispatch => &[2, 4, 9],
            Self::SilentHeartbeat => &[5],
            Self::WrongErrorKind => &[1],
        }
    }
}
