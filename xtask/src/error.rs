//! Why a task could not do its work.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why a task could not do its work.
#[derive(Debug)]
pub(crate) enum TaskError {
    /// The command line is none of ours; holds the usage.
    Usage(String),
    /// A program could not be started.
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program ended badly.
    Failed {
        /// The command as it would be typed.
        command: String,
        /// How it ended, in one clause.
        how: String,
    },
    /// A file could not be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What cargo printed is not what we read.
    Metadata(serde_json::Error),
    /// The request makes no sense here: one clause.
    Refused(String),
}

impl TaskError {
    /// Wraps an error of a file.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// Wraps an error of starting a program.
    pub(crate) fn start(program: &str) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Start { program: program.to_owned(), source }
    }

    /// 64 for wrong usage, 1 for everything else.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(64),
            _ => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(usage) => write!(f, "no such task\n{usage}"),
            Self::Start { program, source } => write!(f, "`{program}` could not be started: {source}"),
            Self::Failed { command, how } => write!(f, "`{command}` {how}"),
            Self::File { path, source } => write!(f, "`{}`: {source}", path.display()),
            Self::Metadata(source) => write!(f, "`cargo metadata` printed something else: {source}"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}
