//! The folder of a run: its captured files, what was decided, and who is at it.

use std::fs::{self, DirBuilder, File, FileType, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chaos_core::Redactor;
use chaos_manifests::EmbeddedChaos;
use serde::{Deserialize, Serialize};

/// Where runs have their folders, below the workspace.
const FOLDER: &str = ".squall/workflow-runs";
/// The report, which is there when a run has ended.
pub(crate) const REPORT: &str = "report.json";
/// What a run is, written as it begins.
const RUN: &str = "run.json";
/// How much of a file of another folder is taken in, in bytes.
const TAKEN_IN: u64 = 4 << 20;
/// What was decided and why, a line each.
pub(crate) const DECISIONS: &str = "decisions.jsonl";

/// What a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    /// The engine's id of it: what its objects carry.
    pub(crate) engine_run: String,
    /// The Workflow.
    pub(crate) workflow: String,
    /// The namespace.
    pub(crate) namespace: String,
    /// The chaos that it embeds.
    #[serde(default)]
    pub(crate) chaos: EmbeddedChaos,
}

/// Why a run can't have its folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// A live run has it.
    #[error("run `{0}` is under way in another process; take another `--run-id`")]
    Live(String),
    /// A run with that id has ended.
    #[error("run `{run}` has ended already, and a run id is for one run; its report is `{}`", report.display())]
    Ended {
        /// The Workflow.
        run: String,
        /// The report of it.
        report: PathBuf,
    },
    /// The folder can't be made or read.
    #[error("`{}` can't be used: {source}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The folder of a run, locked for as long as this lives.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    lock: File,
    dead: Option<RunRecord>,
    /// What of a dead run could not be captured, a clause each.
    pub(crate) uncaptured: Vec<String>,
}

/// How a file is opened that is for its owner alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600).write(true);
    options
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // A program that is being started has the file open, too, until it runs, so that closing it here would not be enough.
        // Where this fails, the lock ends with the last of them.
        let _ = self.lock.unlock();
    }
}

impl RunFolder {
    /// The folder of a new run, or of one that died; whoever has it may begin, or finish that one.
    ///
    /// # Errors
    /// [`FolderError`]; a run that created nothing has not used its id up.
    pub fn open(workspace: &Path, namespace: &str, workflow: &str) -> Result<Self, FolderError> {
        let workspace = std::path::absolute(workspace).unwrap_or_else(|_| workspace.to_owned());
        let path = workspace.join(FOLDER).join(namespace).join(workflow);
        let io = |source| FolderError::Io { path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(io)?;
        let lock_path = path.with_extension("lock");
        let lock = private().create(true).truncate(false).open(&lock_path).map_err(io)?;
        lock.try_lock().map_err(|_| FolderError::Live(workflow.to_owned()))?;
        let report = path.join(REPORT);
        if report.exists() {
            if applied(&report) {
                return Err(FolderError::Ended { run: workflow.to_owned(), report });
            }
            // Nothing was created: its files make room.
            fs::remove_dir_all(&path).map_err(io)?;
            DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(io)?;
        }
        let run = path.join(RUN);
        let dead = match fs::read(&run) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(FolderError::Io { path: run, source }),
        };
        Ok(Self { path, lock, dead, uncaptured: Vec::new() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run that died in it, if one did.
    pub(crate) fn dead(&self) -> Option<&RunRecord> {
        self.dead.as_ref()
    }

    /// Says what the run is; on disk when this returns.
    pub(crate) fn record(&self, record: &RunRecord) -> io::Result<()> {
        let draft = self.path.join("run.json.draft");
        let mut file = private().create(true).truncate(true).open(&draft)?;
        serde_json::to_writer_pretty(&mut file, record)?;
        file.sync_all()?;
        fs::rename(&draft, self.path.join(RUN))?;
        File::open(&self.path)?.sync_all()
    }

    /// Writes a file for its owner alone, without secrets.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.path.join(name);
        if let Some(folder) = path.parent().filter(|folder| *folder != self.path) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = private().create(true).truncate(true).open(&path)?;
        file.write_all(text.as_bytes())
    }

    /// Takes in the files of another folder, without secrets, below `name`; of longer ones the first part.
    pub(crate) fn take_in(&self, from: &Path, name: &str, redactor: &Redactor) -> io::Result<()> {
        for entry in below(from) {
            let (path, kind) = entry?;
            if kind.is_file() {
                let mut bytes = Vec::new();
                File::open(from.join(&path))?.take(TAKEN_IN).read_to_end(&mut bytes)?;
                self.write(&format!("{name}/{}", path.display()), &redactor.text(&String::from_utf8_lossy(&bytes)))?;
            }
        }
        Ok(())
    }

    /// Adds a line to what was decided.
    pub(crate) fn decided(&self, at_seconds: f64, what: &str, redactor: &Redactor) -> io::Result<()> {
        let path = self.path.join(DECISIONS);
        let mut file = OpenOptions::new().mode(0o600).append(true).create(true).open(path)?;
        let line = serde_json::json!({"at_seconds": at_seconds, "what": redactor.text(what)});
        file.write_all(format!("{line}\n").as_bytes())
    }

    /// The files in it, by their paths below it.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = below(&self.path).into_iter().flatten().filter(|(_, kind)| kind.is_file());
        let mut found: Vec<String> = files.map(|(path, _)| path.display().to_string()).collect();
        found.sort();
        found
    }
}

/// All files and links below a folder, by their paths there, and what could not be looked at.
pub(crate) fn below(folder: &Path) -> Vec<io::Result<(PathBuf, FileType)>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        let entries = match fs::read_dir(&at) {
            Ok(entries) => entries,
            Err(error) => {
                found.push(Err(error));
                continue;
            }
        };
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
                Ok((path, kind)) if kind.is_dir() => folders.push(path),
                Ok((path, kind)) => found.push(Ok((path.strip_prefix(folder).unwrap_or(&path).to_owned(), kind))),
                Err(error) => found.push(Err(error)),
            }
        }
    }
    found
}

/// Whether the report says that something was created; one that can't be read does.
fn applied(report: &Path) -> bool {
    let read = fs::read(report).ok().and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    read.is_none_or(|report| report["applied"] != serde_json::Value::Bool(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_for_one_run_and_a_dead_one_is_found_again() {
        let workspace = tempfile::tempdir().unwrap();
        let open = || RunFolder::open(workspace.path(), "nightly", "release-7");
        let folder = open().unwrap();
        assert!(folder.dead().is_none());
        assert!(matches!(open(), Err(FolderError::Live(_))));
        let record = RunRecord {
            engine_run: "r1".into(),
            workflow: "release-7".into(),
            namespace: "nightly".into(),
            chaos: EmbeddedChaos::default(),
        };
        folder.record(&record).unwrap();
        drop(folder);
        let folder = open().unwrap();
        assert_eq!(folder.dead(), Some(&record));
        folder.write(REPORT, r#"{"applied": true}"#).unwrap();
        drop(folder);
        assert!(matches!(open(), Err(FolderError::Ended { .. })));
    }

    #[test]
    fn a_run_that_created_nothing_has_not_used_its_id_up() {
        let workspace = tempfile::tempdir().unwrap();
        let open = || RunFolder::open(workspace.path(), "nightly", "release-7");
        open().unwrap().write(REPORT, r#"{"applied": false}"#).unwrap();
        let folder = open().unwrap();
        assert!(folder.dead().is_none() && folder.files().is_empty());
        folder.write(REPORT, "not json").unwrap();
        drop(folder);
        assert!(matches!(open(), Err(FolderError::Ended { .. })));
    }

    #[test]
    fn files_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;

        let workspace = tempfile::tempdir().unwrap();
        let folder = RunFolder::open(workspace.path(), "nightly", "release-7").unwrap();
        folder.write("logs/pod.log", "x").unwrap();
        let secret = chaos_core::Secret::new("hunter2-hunter2");
        folder.decided(1.0, "used hunter2-hunter2", &Redactor::new([secret])).unwrap();
        assert_eq!(folder.files(), ["decisions.jsonl", "logs/pod.log"]);
        for name in folder.files() {
            let mode = fs::metadata(folder.path().join(&name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let decided = fs::read_to_string(folder.path().join(DECISIONS)).unwrap();
        assert!(!decided.contains("hunter2"), "{decided}");
    }
}
