//! A state directory, a workspace and a runner in a temporary folder.

use std::io;
use std::path::{Path, PathBuf};

use chaos_core::{ChaosSpec, PastJournal, StateDir, Task, parse};
use chaos_runner::{Report, Runner, RunnerBuilder, RunnerError};
use serde_json::Value;
use tempfile::TempDir;

use crate::virtual_time;

/// A place of its own for one test; removed when dropped.
#[derive(Debug)]
pub struct Bench {
    folder: TempDir,
}

impl Bench {
    /// A fresh place.
    ///
    /// # Errors
    /// When the system has no room for temporary folders.
    pub fn new() -> io::Result<Self> {
        Ok(Self { folder: tempfile::tempdir()? })
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its state directory.
    pub fn state(&self) -> StateDir {
        StateDir::at(self.path("state"))
    }

    /// A runner on virtual time whose journals and files stay in this place.
    pub fn runner(&self) -> RunnerBuilder {
        Runner::builder().state_dir(self.state()).workspace(self.folder.path()).seed(1).time(virtual_time())
    }

    /// Runs one entry on virtual time.
    ///
    /// # Errors
    /// [`RunnerError`]; an entry that does not parse is a panic of the test.
    pub fn run(&self, entry: &Value) -> Result<Report, RunnerError> {
        self.runner().build()?.run(Task::of(entry_of(entry)))
    }

    /// How many journals are left; 0 after every run that undid everything.
    pub fn journals_left(&self) -> usize {
        PastJournal::list(&self.state()).map_or(usize::MAX, |journals| journals.len())
    }
}

/// The typed entry of a value.
///
/// # Panics
/// When the value is none; a test wants to know at once.
fn entry_of(value: &Value) -> ChaosSpec {
    parse(value).expect("the test's own entry parses")
}
