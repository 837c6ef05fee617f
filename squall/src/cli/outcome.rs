//! What became of one file, and of several: printed, and written to report files.

use chaos_runner::{RepeatReport, Report, RunOutcome, html_runs, junit_runs, text, text_brief};
use chaos_workflow::WorkflowReport;
use serde::{Serialize, Serializer};
use serde_json::json;

use super::coloured::coloured;
use super::console::{Out, complain, is_one_terminal, say};
use super::failure::Failure;
use super::format::ReportFormat;

/// What became of one file.
pub(crate) enum Outcome {
    /// It ran.
    Ran(Box<Report>),
    /// Its workflow ran.
    Workflow(Box<WorkflowReport>),
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
            Self::Workflow(report) => report.exit_code,
            Self::Repeated(repeat) => repeat.exit_code(),
            Self::Failed { failure, .. } => failure.exit_code(),
        }
    }

    fn as_run(&self) -> RunOutcome<'_> {
        match self {
            Self::Ran(report) => RunOutcome::Ran(report),
            // Forms that can't tell of steps are refused before.
            Self::Workflow(report) => RunOutcome::Ran(&report.run),
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
            Self::Workflow(report) => out.print(&report.text()),
            Self::Repeated(repeat) => out.print(&coloured(&repeat.summary(), out.paint())),
            Self::Failed { failure, .. } => {
                tell_people(failure);
                Ok(())
            }
        }
    }

    /// One word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Ran(report) => report.verdict.word(),
            Self::Workflow(report) => report.outcome.word(),
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
            Self::Workflow(report) => report.serialize(serializer),
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
