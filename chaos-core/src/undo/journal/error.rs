//! Why a journal can't be written or read.

use std::io;
use std::path::PathBuf;

/// Why a journal can't be written or read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file can't be made, written or synced. The journal is poisoned: nothing further is armed.
    #[error("undo journal `{}` can't be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::sync::Arc<io::Error>,
    },
    /// An earlier write failed. A sync that failed once is never tried again: the kernel may have dropped the data.
    #[error("undo journal is poisoned by an earlier failed write")]
    Poisoned,
    /// Another process has taken the run over: nothing is armed here any more.
    #[error("taken over: another process undoes this run")]
    TakenOver,
    /// Nobody would undo the step if this process were killed.
    #[error("no guardian keeps the undo journal: {source}")]
    Unkept {
        /// What is in the way.
        source: std::sync::Arc<io::Error>,
    },
    /// A step is too large for a line.
    #[error("undo step of {bytes} bytes is larger than a journal line may be ({} bytes)", super::line::LINE_LIMIT)]
    TooLarge {
        /// The length of its line.
        bytes: usize,
    },
    /// Nothing more fits into the file.
    #[error("undo journal is full: it may have {} bytes", super::line::FILE_LIMIT)]
    Full,
    /// The file can't be read.
    #[error("undo journal `{}` can't be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::sync::Arc<io::Error>,
    },
    /// Something else than a file stands where a journal would.
    #[error("undo journal `{}` is not a regular file; it is left alone", path.display())]
    NotAFile {
        /// Its place.
        path: PathBuf,
    },
    /// The file is of another machine that has this folder too, and whose processes are not here.
    #[error("undo journal `{}` is of another machine (`{machine}`), where it can be undone; it is left alone", path.display())]
    Elsewhere {
        /// The file.
        path: PathBuf,
        /// The id of that machine.
        machine: String,
    },
    /// The file belongs to somebody else.
    #[error("undo journal `{}` belongs to uid {owner}; it is left alone", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
}

impl JournalError {
    /// The message with its cause behind it, for a report that prints one line.
    pub fn with_cause(&self) -> String {
        use std::error::Error;
        self.source().map_or_else(|| self.to_string(), |source| format!("{self}: {source}"))
    }

    pub(super) fn write(path: &std::path::Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source: source.into() }
    }

    pub(super) fn read(path: &std::path::Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source: source.into() }
    }
}
