//! What a round found.

use std::io;

/// What is wrong with the world after a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlawKind {
    /// A victim is still stopped, and the program says so.
    LeftStopped,
    /// A victim is still stopped, and the program ended with 0.
    SilentLoss,
    /// A link lives that does not pass what it must pass unharmed.
    Harmed,
    /// The program ended in a way that nothing in the round explains.
    ExitCode,
    /// A journal is left though everything is undone, or is gone though it must be kept.
    Journal,
    /// A run that was alive was touched by somebody else.
    Touched,
    /// A report is missing, or does not say what happened.
    Report,
    /// A command of a workflow ran twice, though it may not.
    Repeated,
    /// A step of a workflow began before its time, or after a failure.
    Order,
    /// The diagnostics of a workflow did not run, or not last.
    Diagnostics,
    /// The ledger of a workflow does not say what happened.
    Ledger,
    /// A process of the round lives on.
    Orphan,
    /// An object of the round is left in the cluster.
    InCluster,
    /// The program did not end within the bound.
    Hang,
    /// The round itself could not be set up.
    Setup,
}

impl FlawKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::LeftStopped,
        Self::SilentLoss,
        Self::Harmed,
        Self::ExitCode,
        Self::Journal,
        Self::Touched,
        Self::Report,
        Self::Repeated,
        Self::Order,
        Self::Diagnostics,
        Self::Ledger,
        Self::Orphan,
        Self::InCluster,
        Self::Hang,
        Self::Setup,
    ];

    /// How it is called in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeftStopped => "left stopped",
            Self::SilentLoss => "silent loss",
            Self::Harmed => "link harmed",
            Self::ExitCode => "exit code",
            Self::Journal => "journal",
            Self::Touched => "live run touched",
            Self::Report => "report",
            Self::Repeated => "command repeated",
            Self::Order => "order of steps",
            Self::Diagnostics => "diagnostics",
            Self::Ledger => "ledger",
            Self::Orphan => "orphan process",
            Self::InCluster => "left in the cluster",
            Self::Hang => "hang",
            Self::Setup => "setup",
        }
    }
}

/// Something that must not be.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {detail}", kind.name())]
pub struct Flaw {
    /// What is wrong.
    pub kind: FlawKind,
    /// Where and how.
    pub detail: String,
}

impl Flaw {
    /// A finding of one kind.
    pub fn new(kind: FlawKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        Self::new(FlawKind::Setup, error.to_string())
    }
}

impl From<nix::Error> for Flaw {
    fn from(error: nix::Error) -> Self {
        Self::new(FlawKind::Setup, format!("ptrace: {error}"))
    }
}
