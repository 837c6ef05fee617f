//! Where the record of the conversation goes.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use chaos_agent::TranscriptWriter;
use chaos_core::{PluginError, Redactor, RunContext};

/// Folder of transcripts inside the workspace.
const FOLDER: &str = ".squall/transcripts";

/// A transcript that was opened.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) writer: TranscriptWriter,
    pub(super) path: PathBuf,
}

impl Record {
    /// Creates the file, named for the run and the position of the entry. Without it nothing is sent.
    pub(super) async fn create(cx: &RunContext) -> Result<Self, PluginError> {
        let folder = cx.workspace().join(FOLDER);
        let path = folder.join(file_name(cx.run_id(), cx.path()));
        let redactor = cx.redactor().clone();
        let opened = tokio::task::spawn_blocking(move || open(&folder, path, redactor)).await;
        opened.map_err(|_| PluginError::failed("the transcript could not be opened"))?
    }
}

fn open(folder: &Path, path: PathBuf, redactor: Redactor) -> Result<Record, PluginError> {
    let failed = |why: String| {
        let right = "choose a workspace that can be written";
        PluginError::failed(format!("no load without a transcript: {why}; {right}"))
    };
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| failed(format!("`{}`: {error}", folder.display())))?;
    let writer = TranscriptWriter::create(&path, redactor);
    let writer = writer.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        failed(format!("{error}{cause}"))
    })?;
    Ok(Record { writer, path })
}

/// `<run id>-chaos_spec-0-action.jsonl`: only what every file system takes.
fn file_name(run_id: &str, position: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = format!("{run_id}{position}").chars().map(plain).collect();
    format!("{name}.jsonl")
}

#[cfg(test)]
mod tests {
    use super::super::super::test_context::TestContext;
    use super::*;

    #[test]
    fn names_hold_no_path() {
        assert_eq!(file_name("17-4-0", "/chaos_spec/0/action"), "17-4-0-chaos_spec-0-action.jsonl");
        assert_eq!(file_name("../x", "/a b/\u{fc}"), "---x-a-b--.jsonl");
    }

    #[tokio::test]
    async fn a_record_is_never_overwritten() {
        let place = TestContext::new(&[]);
        let record = Record::create(&place.cx()).await.unwrap();
        assert!(record.path.starts_with(place.folder().join(FOLDER)));
        let error = Record::create(&place.cx()).await.unwrap_err().to_string();
        assert!(error.starts_with("no load without a transcript: failed to create transcript"), "{error}");
    }

    #[tokio::test]
    async fn a_workspace_that_cannot_be_written_is_told() {
        let place = TestContext::new(&[]);
        std::fs::write(place.folder().join(".squall"), "a file").unwrap();
        let error = Record::create(&place.cx()).await.unwrap_err().to_string();
        assert!(error.ends_with("choose a workspace that can be written"), "{error}");
    }
}
