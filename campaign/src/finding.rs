//! What a round found.

use std::io;

/// What is wrong with the world after a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A victim is still stopped, and the program says so.
    LeftStopped,
    /// A victim is still stopped, and the program ended with 0.
    SilentLoss,
    /// The program ended in a way that nothing in the round explains.
    ExitCode,
    /// A journal is left though everything is undone, or is gone though it must be kept.
    Journal,
    /// The program did not end within the bound.
    Hang,
    /// The round itself could not be set up.
    Setup,
}

impl Kind {
    /// How it is called in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeftStopped => "left stopped",
            Self::SilentLoss => "silent loss",
            Self::ExitCode => "exit code",
            Self::Journal => "journal",
            Self::Hang => "hang",
            Self::Setup => "setup",
        }
    }
}

/// Something that must not be.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {detail}", kind.name())]
pub struct Finding {
    /// What is wrong.
    pub kind: Kind,
    /// Where and how.
    pub detail: String,
}

impl Finding {
    /// A finding of one kind.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl From<io::Error> for Finding {
    fn from(error: io::Error) -> Self {
        Self::new(Kind::Setup, error.to_string())
    }
}

impl From<nix::Error> for Finding {
    fn from(error: nix::Error) -> Self {
        Self::new(Kind::Setup, format!("ptrace: {error}"))
    }
}
