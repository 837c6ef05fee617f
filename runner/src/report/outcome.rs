//! What became of one file of several.

use super::invalid::InvalidRun;
use super::repeat::RepeatReport;
use super::run_report::Report;

/// What became of one file of several.
#[derive(Debug, Clone)]
pub enum RunOutcome<'a> {
    /// It ran.
    Ran(&'a Report),
    /// It ran several times.
    Repeated(&'a RepeatReport),
    /// It could not begin.
    Invalid(InvalidRun),
}
