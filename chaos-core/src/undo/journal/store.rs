//! Where the lines of a live journal go.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::line::{encode_count, holds_epoch};

/// How much of what others wrote is looked at: an epoch stands at its start.
const LOOKED_AT: usize = 1 << 16;

/// What a journal writes to.
pub(super) trait Store: Debug + Send {
    /// Adds lines at the end. With a count, they are on disk when it returns, and the count of armed steps is noted.
    fn append(&mut self, lines: &[u8], armed: Option<u64>) -> io::Result<()>;

    /// Whether nobody else has written to it.
    fn is_ours(&mut self) -> bool {
        true
    }

    /// Another descriptor of its locked file, where it is one.
    fn descriptor(&self) -> io::Result<Option<File>> {
        Ok(None)
    }

    /// Removes it.
    fn remove(&mut self) -> io::Result<()>;
}

/// A file of its own.
#[derive(Debug)]
pub(super) struct FileStore {
    /// Locked, and appended to.
    pub(super) file: File,
    /// The same for the count at its start.
    pub(super) count: File,
    pub(super) path: PathBuf,
    /// Where the next line goes.
    pub(super) end: u64,
    /// Up to where nobody else wrote for sure.
    pub(super) ours: u64,
}

impl Store for FileStore {
    fn append(&mut self, lines: &[u8], armed: Option<u64>) -> io::Result<()> {
        self.file.write_all(lines)?;
        self.end += lines.len() as u64;
        if let Some(count) = armed {
            self.file.sync_data()?;
            // Not synced: it outlives our death without, and after a loss of power fewer are counted than are there.
            self.count.write_all_at(encode_count(count).as_bytes(), 0)?;
        }
        Ok(())
    }

    fn is_ours(&mut self) -> bool {
        let Ok(length) = self.file.metadata().map(|found| found.len()) else { return true };
        if length <= self.end {
            self.ours = self.end;
            return true;
        }
        // Half a line of our own, on a full disk, does not count.
        let behind = usize::try_from(length - self.ours).unwrap_or(LOOKED_AT);
        let mut behind = vec![0; LOOKED_AT.min(behind)];
        let read = self.file.read_at(&mut behind, self.ours).unwrap_or_default();
        !holds_epoch(&behind[..read])
    }

    fn descriptor(&self) -> io::Result<Option<File>> {
        self.file.try_clone().map(Some)
    }

    fn remove(&mut self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// Nowhere.
#[derive(Debug)]
pub(super) struct MemoryStore;

impl Store for MemoryStore {
    fn append(&mut self, _lines: &[u8], _armed: Option<u64>) -> io::Result<()> {
        Ok(())
    }

    fn remove(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A disk whose every write fails.
#[derive(Debug)]
pub(super) struct BrokenStore;

impl Store for BrokenStore {
    fn append(&mut self, _lines: &[u8], _armed: Option<u64>) -> io::Result<()> {
        Err(io::Error::other("broken on purpose"))
    }

    fn remove(&mut self) -> io::Result<()> {
        Ok(())
    }
}
