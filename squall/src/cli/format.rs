//! The forms in which commands print.

use clap::ValueEnum;

/// For people or for programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataFormat {
    /// Text for people.
    #[default]
    Text,
    /// JSON for programs.
    Json,
}

/// The forms of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// `JUnit` XML: a case for each entry, each undo, and each probe of the steady state.
    Junit,
    /// One HTML page that needs nothing else.
    Html,
}
