//! The file that steps share, and that keeps the first failure of all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chaos_core::StepOutcome;
use chaos_steps::{named, written};
use rustix::fs::{FlockOperation, OFlags, flock};

/// A file with one word: `pass`, or the outcome of the step that failed first.
pub(super) struct ReasonFile {
    path: PathBuf,
    /// What it held before the step.
    before: String,
}

/// A failure of an earlier step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Earlier {
    /// What it was.
    pub(super) outcome: StepOutcome,
    /// As it stands there.
    pub(super) text: String,
}

impl ReasonFile {
    /// Opens it, and makes it where there is none: that it can't be written must show before the step.
    pub(super) fn open(path: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let there = || {
            let _made = Self::file(path)?;
            Ok(Self { path: path.to_owned(), before: written(path)?.unwrap_or_default() })
        };
        there().map_err(|error| (path.to_owned(), error))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The failure of an earlier step that it holds.
    pub(super) fn earlier(&self) -> Option<Earlier> {
        failure(&self.before)
    }

    /// What somebody has written there since: a command that knows the file by itself.
    pub(super) fn written_since(&self) -> io::Result<Option<String>> {
        Ok(written(&self.path)?.filter(|now| *now != self.before))
    }

    /// Writes an outcome, unless it holds a failure; a failure of an earlier step that was overwritten comes back.
    pub(super) fn keep(&mut self, outcome: StepOutcome) -> io::Result<()> {
        let mut file = Self::file(&self.path)?;
        flock(&file, FlockOperation::LockExclusive)?;
        let now = written(&self.path)?.unwrap_or_default();
        let keep = match (failure(&self.before), failure(&now)) {
            (Some(_), _) => self.before.clone(),
            (None, Some(_)) => now.clone(),
            (None, None) => format!("{}\n", outcome.word()),
        };
        if keep == now {
            return Ok(());
        }
        // In place, for it may be a mount. No word is shorter than `pass`, so what is left of an older one is never a pass.
        file.write_all(keep.as_bytes())?;
        file.set_len(keep.len() as u64)?;
        file.sync_all()
    }

    fn file(path: &Path) -> io::Result<File> {
        if fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
            return Err(io::Error::other("it is not a file"));
        }
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        OpenOptions::new().write(true).create(true).truncate(false).custom_flags(flags).open(path)
    }
}

/// The failure that a text says; what is not understood is one, for it is never a pass.
fn failure(text: &str) -> Option<Earlier> {
    let outcome = named(text).unwrap_or(StepOutcome::InfraFail);
    outcome.is_failure().then(|| Earlier { outcome, text: text.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_stays_whatever_is_written_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reason");
        let held = || fs::read_to_string(&path).unwrap();
        let step = |meanwhile: Option<&str>, outcome| {
            let mut file = ReasonFile::open(&path).unwrap();
            if let Some(text) = meanwhile {
                fs::write(&path, text).unwrap();
            }
            file.keep(outcome).unwrap();
        };
        step(None, StepOutcome::Pass);
        assert_eq!(held(), "pass\n");
        step(None, StepOutcome::TimedOut);
        assert_eq!(held(), "timed_out\n");
        for outcome in [StepOutcome::Pass, StepOutcome::TaskFail, StepOutcome::InfraFail] {
            step(None, outcome);
            assert_eq!(held(), "timed_out\n");
            step(Some("pass"), outcome);
            assert_eq!(held(), "timed_out\n", "a pass over a failure is undone");
        }
        fs::write(&path, "").unwrap();
        step(Some("task-fail"), StepOutcome::InfraFail);
        assert_eq!(held(), "task-fail", "what another step wrote first");
    }

    #[test]
    fn what_is_no_pass_is_a_failure() {
        for (text, want) in [
            ("", None),
            ("pass\n", None),
            ("task-fail", Some(StepOutcome::TaskFail)),
            ("timed_out", Some(StepOutcome::TimedOut)),
            ("infra-fail\n", Some(StepOutcome::InfraFail)),
            ("passed", Some(StepOutcome::InfraFail)),
        ] {
            assert_eq!(failure(text).map(|earlier| earlier.outcome), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        ReasonFile::open(folder.path()).err().unwrap();
        ReasonFile::open(&folder.path().join("no/such")).err().unwrap();
        ReasonFile::open(Path::new("/dev/full")).err().unwrap();
    }
}
