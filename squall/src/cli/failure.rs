//! Why a command could not do its work, and the exit code that says it.

use std::path::PathBuf;

use chaos_core::{JournalError, with_causes};
use chaos_runner::{ControlError, InvalidRun, RunnerError};
use chaos_schema::Diagnostic;
use chaos_soak::ManifestError;
use chaos_workflow::ResumeError;

/// Wrong usage; `EX_USAGE` of sysexits.
pub(crate) const USAGE: u8 = 64;
/// An invalid task file; `EX_DATAERR` of sysexits.
pub(crate) const INVALID: u8 = 65;
/// An internal failure; `EX_SOFTWARE` of sysexits.
pub(crate) const INTERNAL: u8 = 70;
/// Nothing was injected, so nothing was shown; the code of the verdict `inconclusive`.
const INCONCLUSIVE: u8 = 2;
const REVERT_FAILED: u8 = 3;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Failure {
    /// The command line is not valid.
    #[error("{0}")]
    Usage(String),
    /// A file named on the command line cannot be used.
    #[error("`{}` cannot be {doing}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried ("read", "written").
        doing: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A task file, or what was typed for one, is not what it should be.
    #[error("{}", first(.diagnostics))]
    Invalid {
        /// Its problems as text, where each begins with `error` or `warning`.
        rendered: String,
        /// The same for programs.
        diagnostics: Vec<Diagnostic>,
    },
    /// The run could not begin, or the engine is gone.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// An experiment has no report.
    #[error(transparent)]
    Experiment(#[from] chaos_experiment::ExperimentError),
    /// A manifest can't be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A workflow can't be resumed.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// What a dead run left behind is not undone.
    #[error(
        "run `{0}` left something in force that is not undone yet, so nothing is resumed; `squall recover` tells what"
    )]
    InForce(String),
    /// A live run could not be reached.
    #[error(transparent)]
    Control(ControlError),
    /// A live run that performed a fault for this command is gone.
    #[error("{0}, and what it had in force may be so still; `squall recover` undoes it")]
    Lost(ControlError),
    /// A configuration of links is not what it should be.
    #[cfg(feature = "links")]
    #[error("`{}` is not a list of links: {why}", path.display())]
    LinksConfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The journals of dead runs cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Standard output cannot be written.
    #[error("standard output cannot be written")]
    Output(#[source] std::io::Error),
    /// Nobody agreed to the plan.
    #[error("{0}: nothing was touched")]
    Declined(&'static str),
    /// Recovery was ended early.
    #[error(
        "{0}: recovery is unfinished, the journals are kept, and something may still be in force; `squall recover` goes on"
    )]
    Unfinished(&'static str),
    /// A scenario can't be run under that id.
    #[cfg(feature = "kube")]
    #[error(transparent)]
    Scenario(chaos_workflow_run::FolderError),
    /// Something that should not happen.
    #[error("{0}")]
    Internal(String),
}

/// The code of an experiment without a report.
fn experiment_code(error: &chaos_experiment::ExperimentError) -> u8 {
    use chaos_experiment::ExperimentError::{Runner, Transcript};
    match error {
        Runner(RunnerError::StateDir(_) | RunnerError::Journal(_) | RunnerError::Interrupted) | Transcript(_) => {
            INCONCLUSIVE
        }
        _ => INTERNAL,
    }
}

fn first(diagnostics: &[Diagnostic]) -> String {
    let mut errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
    let first = errors.next().map_or_else(|| "invalid".to_owned(), |first| first.message.clone());
    match errors.count() {
        0 => first,
        more => format!("{first}, and {more} more"),
    }
}

impl Failure {
    /// What a live run did not do: wrong usage where there is no such run, or where it refused.
    pub(crate) fn control(error: ControlError) -> Self {
        match error {
            ControlError::NotLive { .. } | ControlError::Refused(_) => Self::Usage(error.to_string()),
            error => Self::Control(error),
        }
    }

    /// The exit code that says it.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::File { .. } | Self::Manifest(ManifestError::Lost(_) | ManifestError::Io { .. }) => {
                USAGE
            }
            Self::Invalid { .. } | Self::Manifest(_) => INVALID,
            #[cfg(feature = "links")]
            Self::LinksConfig { .. } => INVALID,
            Self::Runner(RunnerError::StateDir(_) | RunnerError::Journal(_) | RunnerError::Interrupted)
            | Self::Declined(_) => INCONCLUSIVE,
            #[cfg(feature = "kube")]
            Self::Scenario(_) => INCONCLUSIVE,
            Self::Unfinished(_) | Self::Lost(_) | Self::InForce(_) => REVERT_FAILED,
            Self::Resume(error) if error.is_damage() => INVALID,
            Self::Resume(_) => USAGE,
            Self::Experiment(error) => experiment_code(error),
            Self::Runner(_) | Self::Control(_) | Self::Journal(_) | Self::Output(_) | Self::Internal(_) => INTERNAL,
        }
    }

    /// The same as a run that could not begin, for the forms of a report; `name` is what it is called.
    pub(crate) fn as_invalid_run(&self, name: &str) -> InvalidRun {
        let problem = |diagnostic: &Diagnostic| {
            let line = diagnostic.line.map(|line| format!("line {line}: ")).unwrap_or_default();
            let help = diagnostic.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{line}{}: {}{help}", diagnostic.severity, diagnostic.message)
        };
        let problems = match self {
            Self::Invalid { diagnostics, .. } => diagnostics.iter().map(problem).collect(),
            _ => vec![self.chain()],
        };
        InvalidRun { name: name.to_owned(), error: self.chain(), problems, exit_code: self.exit_code() }
    }

    /// The whole chain of causes, in one line.
    pub(crate) fn chain(&self) -> String {
        with_causes(self)
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::StateDirError;

    use super::*;

    #[test]
    fn each_failure_has_the_code_that_the_table_names() {
        let io = || std::io::Error::other("disk on fire");
        let rows = [
            (Failure::Usage("x".into()), 64),
            (Failure::File { path: "f".into(), doing: "read", source: io() }, 64),
            (Failure::Invalid { rendered: "x".into(), diagnostics: vec![] }, 65),
            (Failure::Runner(RunnerError::StateDir(StateDirError::Nowhere)), 2),
            (Failure::Runner(RunnerError::Died), 70),
            (Failure::Declined("x"), 2),
            (Failure::Runner(RunnerError::Interrupted), 2),
            (Failure::Unfinished("SIGTERM"), 3),
            (Failure::Output(io()), 70),
            (Failure::Internal("x".into()), 70),
        ];
        for (failure, code) in rows {
            assert_eq!(failure.exit_code(), code, "{failure}");
        }
    }

    #[test]
    fn the_chain_names_every_cause_once() {
        let failure = Failure::Runner(RunnerError::StateDir(StateDirError::Nowhere));
        assert_eq!(
            failure.chain(),
            "nothing is injected without an undo journal: no state directory: set `XDG_STATE_HOME` or `HOME`"
        );
    }
}
