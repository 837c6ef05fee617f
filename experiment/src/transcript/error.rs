//! Why a transcript can't be written or read.

use std::io;
use std::path::PathBuf;

/// Why a transcript can't be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TranscriptError {
    /// The file can't be used.
    #[error("transcript `{}` can't be {doing}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A line is not what a transcript holds there.
    #[error("line {line} of the transcript {problem}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}
