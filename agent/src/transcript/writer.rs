//! Writes a transcript line by line, with secrets masked.

use std::{
    fmt,
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use chaos_core::{Redactor, Secret, visible_json};
use serde_json::Value;

use super::line::Line;
use crate::error::AgentError;

/// The parts of a line that are ours alone and that a reader needs; everything else is masked.
const ENVELOPE: [&str; 4] = ["kind", "version", "status", "reason"];

/// Takes the record of one loop.
///
/// Each line is written at once and whole, so that a crash tears at most the last one. It is not synced: the
/// transcript explains a run, it does not undo one.
pub struct TranscriptWriter {
    out: Option<Box<dyn Write + Send>>,
    path: PathBuf,
    redactor: Redactor,
}

impl TranscriptWriter {
    /// Creates the file, readable by its owner only.
    ///
    /// # Errors
    /// [`AgentError::TranscriptFile`], also when the file exists: a record is never overwritten.
    pub fn create(path: impl AsRef<Path>, redactor: Redactor) -> Result<Self, AgentError> {
        let path = path.as_ref().to_path_buf();
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match file {
            Ok(file) => Ok(Self { out: Some(Box::new(file)), path, redactor }),
            Err(source) => Err(AgentError::TranscriptFile { action: "create", path, source }),
        }
    }

    /// Writes to something other than a file, for instance a buffer in a test.
    pub fn to_writer(out: impl Write + Send + 'static, redactor: Redactor) -> Self {
        Self { out: Some(Box::new(out)), path: PathBuf::from("-"), redactor }
    }

    /// Keeps no record; secrets are still masked in what tools tell the model.
    pub fn discard(redactor: Redactor) -> Self {
        Self { out: None, path: PathBuf::from("-"), redactor }
    }

    /// Adds secrets that are known only now, such as the model's key.
    pub(crate) fn add_secrets(&mut self, secrets: Vec<Secret>) {
        for secret in secrets {
            self.redactor.add(&secret);
        }
    }

    /// Masks a text with this transcript's secrets.
    pub(crate) fn mask(&self, text: &str) -> String {
        self.redactor.text(text)
    }

    /// Appends one line.
    pub(crate) fn write(&mut self, line: &Line) -> Result<(), AgentError> {
        let Some(out) = &mut self.out else {
            return Ok(());
        };
        let written = serde_json::to_value(line).map_err(io::Error::from).and_then(|line| {
            let mut text = visible_json(&masked(&self.redactor, line).to_string()).into_owned();
            text.push('\n');
            out.write_all(text.as_bytes())?;
            out.flush()
        });
        written.map_err(|source| AgentError::TranscriptFile { action: "write", path: self.path.clone(), source })
    }
}

impl fmt::Debug for TranscriptWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranscriptWriter")
            .field("path", &self.path)
            .field("redactor", &self.redactor)
            .finish_non_exhaustive()
    }
}

fn masked(redactor: &Redactor, line: Value) -> Value {
    match line {
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| {
                let value = if ENVELOPE.contains(&key.as_str()) { value } else { redactor.value(&value) };
                (key, value)
            })
            .collect(),
        other => redactor.value(&other),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{
        model::TokenUsage,
        transcript::{End, Request},
    };

    fn end(text: &str) -> Line {
        Line::End(End {
            at_ms: 1,
            reason: "finished".into(),
            error: None,
            turns: 1,
            text: text.into(),
            usage: TokenUsage::default(),
        })
    }

    #[test]
    fn the_file_is_private_and_never_overwritten() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("loop.jsonl");
        let mut writer = TranscriptWriter::create(&path, Redactor::default()).expect("new file");
        writer.write(&end("bye")).expect("writable");
        let mode = std::fs::metadata(&path).expect("exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = TranscriptWriter::create(&path, Redactor::default()).expect_err("exists");
        assert!(
            matches!(&error, AgentError::TranscriptFile { action: "create", source, .. }
                if source.kind() == io::ErrorKind::AlreadyExists),
            "{error:?}"
        );
        // The line is there while the writer is still open.
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(text.ends_with("}\n") && text.contains("\"bye\""), "{text}");
    }

    #[test]
    fn secrets_are_masked_and_the_envelope_is_not() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("loop.jsonl");
        let redactor = Redactor::new([Secret::new("finished"), Secret::new("hunter2")]);
        let mut writer = TranscriptWriter::create(&path, redactor).expect("new file");
        writer.write(&end("finished with hunter2")).expect("writable");
        writer
            .write(&Line::Request(Request {
                turn: 1,
                at_ms: 0,
                messages: vec![serde_json::json!({"content": "{\"Authorization\": \"Bearer q\"}"})],
            }))
            .expect("writable");
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(text.contains(r#""reason":"finished""#), "{text}");
        assert!(text.contains("*** with ***"), "{text}");
        assert!(!text.contains("hunter2") && !text.contains("Bearer q"), "{text}");
    }

    #[test]
    fn a_full_disk_is_reported() {
        let mut writer =
            TranscriptWriter::create("/dev/full-is-no-new-file/x", Redactor::default()).expect_err("no such folder");
        assert!(writer.to_string().starts_with("failed to create transcript"));
        let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let mut full = TranscriptWriter::to_writer(full, Redactor::default());
        writer = full.write(&end("")).expect_err("no space");
        assert_eq!(writer.to_string(), "failed to write transcript `-`");
    }
}
