//! What became of one file, and of several: printed, and written to report files.

use std::path::Path;

use chaos_runner::{RepeatReport, Report, RunOutcome, html_runs, junit_runs, text, text_brief};
use serde::{Serialize, Serializer};
use serde_json::json;

use super::console::{Out, Paint, complain, is_one_terminal, say};
use super::execute::coloured;
use super::failure::Failure;
use super::format::ReportFormat;
use super::run_flags::RunFlags;

/// What became of one file.
pub(crate) enum Outcome {
    /// It ran.
    Ran(Box<Report>),
    /// It ran several times.
    Repeated(Box<RepeatReport>),
    /// It did not run, or not to its end.
    Failed {
        /// What is called so.
        name: String,
        /// Why.
        failure: Failure,
    },
}

impl Outcome {
    /// One that failed.
    pub(crate) fn failed(name: impl Into<String>, failure: Failure) -> Self {
        Self::Failed { name: name.into(), failure }
    }

    /// The exit code that says it.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Ran(report) => report.exit_code(),
            Self::Repeated(repeat) => repeat.exit_code(),
            Self::Failed { failure, .. } => failure.exit_code(),
        }
    }

    fn as_run(&self) -> RunOutcome<'_> {
        match self {
            Self::Ran(report) => RunOutcome::Ran(report),
            Self::Repeated(repeat) => RunOutcome::Repeated(repeat),
            Self::Failed { name, failure } => RunOutcome::Invalid(failure.as_invalid_run(name)),
        }
    }

    /// Prints it for people; a failure goes to standard error.
    pub(crate) fn print_text(&self, out: Out, quiet: bool) -> Result<(), Failure> {
        // The steps stand on the terminal already.
        let form = if !quiet && is_one_terminal() { text_brief } else { text };
        match self {
            Self::Ran(report) => out.print(&coloured(&form(report), out.paint())),
            Self::Repeated(repeat) => out.print(&coloured(&repeat.summary(), out.paint())),
            Self::Failed { failure, .. } => {
                tell_people(failure);
                Ok(())
            }
        }
    }

    /// One word.
    fn word(&self) -> &'static str {
        match self {
            Self::Ran(report) => report.verdict.word(),
            Self::Repeated(repeat) => repeat.verdict.word(),
            Self::Failed { failure: Failure::Invalid { .. }, .. } => "invalid",
            Self::Failed { .. } => "did not run",
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ran(report) => report.serialize(serializer),
            Self::Repeated(repeat) => repeat.serialize(serializer),
            Self::Failed { failure, .. } => {
                let diagnostics = match failure {
                    Failure::Invalid { diagnostics, .. } => diagnostics.as_slice(),
                    _ => &[],
                };
                let (error, code) = (failure.chain(), failure.exit_code());
                json!({"error": error, "exit_code": code, "diagnostics": diagnostics}).serialize(serializer)
            }
        }
    }
}

/// One is an object, several are an array.
struct Together<'a>(&'a [Outcome]);

impl Serialize for Together<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

/// All of them as JSON.
pub(crate) fn together(outcomes: &[Outcome]) -> impl Serialize + '_ {
    Together(outcomes)
}

/// All of them in a form that is text.
pub(crate) fn document(outcomes: &[Outcome], form: fn(&[RunOutcome<'_>]) -> String) -> String {
    form(&outcomes.iter().map(Outcome::as_run).collect::<Vec<_>>())
}

/// Tells people of a failure.
pub(crate) fn tell_people(failure: &Failure) {
    match failure {
        Failure::Invalid { rendered, .. } => say(rendered.trim_end()),
        other => complain(&other.chain()),
    }
}

/// Prints in a form for programs; text is printed as each ends.
pub(crate) fn print_data(outcomes: &[Outcome], format: ReportFormat, out: Out) -> Result<(), Failure> {
    match format {
        ReportFormat::Text => Ok(()),
        ReportFormat::Json => out.print_json(&together(outcomes)),
        ReportFormat::Junit => out.print(&document(outcomes, junit_runs)),
        ReportFormat::Html => out.print(&document(outcomes, html_runs)),
    }
}

/// Prints what became of all, writes the report files, and returns the worst exit code.
pub(crate) fn conclude(files: &[&Path], outcomes: &[Outcome], flags: &RunFlags) -> Result<u8, Failure> {
    let code = worst(outcomes);
    let printed = print_data(outcomes, flags.format, Out::beside(flags.events.as_deref()));
    let written = flags.reports.write(outcomes);
    if outcomes.len() > 1 {
        for (file, outcome) in files.iter().zip(outcomes) {
            say(&format!("{}: {}", file.display(), coloured_word(outcome)));
        }
    }
    match printed.and(written) {
        // What went wrong in the run matters more than that nobody could be told.
        Err(failure) if code != 0 => {
            complain(&failure.chain());
            Ok(code)
        }
        told => told.map(|()| code),
    }
}

fn coloured_word(outcome: &Outcome) -> String {
    let line = coloured(&format!("verdict: {}", outcome.word()), Paint::stderr());
    line.trim_end().replacen("verdict: ", "", 1)
}

/// The exit code of several: 3, 1, what is no verdict (64, 65, 70), 2, 0.
fn worst(outcomes: &[Outcome]) -> u8 {
    let rank = |code: &u8| match code {
        3 => 4,
        1 => 3,
        0 => 0,
        2 => 1,
        _ => 2,
    };
    outcomes.iter().map(Outcome::exit_code).max_by_key(rank).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_code_of_several_wins() {
        let usage = || Outcome::failed("a", Failure::Usage("x".into()));
        let declined = || Outcome::failed("b", Failure::Declined("x"));
        assert_eq!(worst(&[declined(), usage(), declined()]), 64);
        assert_eq!(worst(&[declined()]), 2);
        assert_eq!(worst(&[]), 0);
    }
}
