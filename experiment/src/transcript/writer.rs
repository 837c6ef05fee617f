//! Writes a transcript.

use std::fmt;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{Error, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chaos_core::{Redactor, visible_json};

use super::error::TranscriptError;
use super::line::Line;
use super::reader::ExperimentTranscript;

const UNREADABLE: &str = "a secret is a word of the transcript's own format; choose another value for it";

/// Writes a transcript, and keeps what it wrote.
pub(crate) struct Writer {
    file: Box<dyn Write + Send>,
    path: PathBuf,
    redactor: Redactor,
    written: Vec<u8>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Writer {
    /// Creates the file, readable by its owner only; a transcript is never overwritten.
    pub(crate) fn create(path: &Path, redactor: Redactor) -> Result<Self, TranscriptError> {
        let failed = |source| TranscriptError::File { path: path.to_owned(), doing: "created", source };
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        Ok(Self { file: Box::new(file), path: path.to_owned(), redactor, written: Vec::new() })
    }

    /// Appends one line, whole and without secrets.
    pub(crate) fn write(&mut self, line: &Line) -> Result<(), TranscriptError> {
        let failed = |source| TranscriptError::File { path: self.path.clone(), doing: "written", source };
        let text = serde_json::to_string(line).map_err(|error| failed(error.into()))?;
        let text = visible_json(&self.redactor.json(&text)).into_owned();
        // A secret that is a word of the format itself would make a file that cannot be read.
        serde_json::from_str::<Line>(&text).map_err(|_| failed(Error::other(UNREADABLE)))?;
        let mut text = text.into_bytes();
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use chaos_core::Secret;
    use serde_json::json;

    use super::super::line::{RefusedCall, StepStart};
    use super::*;

    fn started(secret: &str) -> Line {
        Line::Started(StepStart {
            id: 1,
            at_ms: 0,
            label: format!("with {secret}"),
            plug_in: "load".into(),
            action: json!({"type": "load", "headers": [format!("X-Token: {secret}")], secret: 1}),
        })
    }

    #[test]
    fn no_line_holds_a_secret_and_no_other_user_reads_it() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join(".squall/experiments/1.jsonl");
        let mut writer = Writer::create(&path, Redactor::new([Secret::new("hunter2-x")])).unwrap();
        writer.write(&started("hunter2-x")).unwrap();
        let refused =
            RefusedCall { at_ms: 0, call: "load {\"url\": \"http://u:hunter2-x@h\"}".into(), why: "no".into() };
        writer.write(&Line::Refused(refused)).unwrap();
        for written in [std::fs::read(&path).unwrap(), writer.written.clone()] {
            let written = String::from_utf8(written).unwrap();
            assert!(written.contains("***") && !written.contains("hunter2"), "{written}");
        }
        for (of, mode) in [(path.as_path(), 0o600), (path.parent().unwrap(), 0o700)] {
            assert_eq!(std::fs::metadata(of).unwrap().permissions().mode() & 0o777, mode, "{}", of.display());
        }
    }

    #[test]
    fn a_secret_that_would_spoil_the_format_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let redactor = Redactor::new([Secret::new("started")]);
        let mut writer = Writer::create(&temp.path().join("1.jsonl"), redactor).unwrap();
        assert!(writer.write(&started("x")).unwrap_err().to_string().contains("written"));
        assert!(writer.written.is_empty());
    }
}
