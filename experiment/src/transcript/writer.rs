//! Writes a transcript.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::TranscriptError;
use super::line::Line;
use super::reader::ExperimentTranscript;

/// Writes a transcript, and keeps what it wrote.
pub(crate) struct Writer {
    file: Box<dyn Write + Send>,
    path: PathBuf,
    written: Vec<u8>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Writer {
    /// Creates the file, readable by its owner only; a transcript is never overwritten.
    pub(crate) fn create(path: &Path) -> Result<Self, TranscriptError> {
        let failed = |source| TranscriptError::File { path: path.to_owned(), doing: "created", source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        Ok(Self { file: Box::new(file), path: path.to_owned(), written: Vec::new() })
    }

    /// Appends one line, whole.
    pub(crate) fn write(&mut self, line: &Line) -> Result<(), TranscriptError> {
        let failed = |source| TranscriptError::File { path: self.path.clone(), doing: "written", source };
        let mut text = serde_json::to_vec(line).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        self.file.write_all(&text).and_then(|()| self.file.flush()).map_err(failed)?;
        self.written.extend(text);
        Ok(())
    }

    /// What was written, read back: the report is made from it, so that a replay gives the same.
    pub(crate) fn transcript(&self) -> Result<ExperimentTranscript, TranscriptError> {
        ExperimentTranscript::parse(&self.written)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
