//! Where the lines of a live journal go.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::line::encode_count;

/// What a journal writes to.
pub(super) trait Store: Debug + Send {
    /// Adds lines at the end. With a count, they are on disk when it returns, and the count of armed steps is noted.
    fn append(&mut self, lines: &[u8], armed: Option<u64>) -> io::Result<()>;

    /// Removes it.
    fn remove(&mut self) -> io::Result<()>;
}

/// A file of its own.
#[derive(Debug)]
pub(super) struct FileStore {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// Where the next line goes.
    pub(super) end: u64,
}

impl Store for FileStore {
    fn append(&mut self, lines: &[u8], armed: Option<u64>) -> io::Result<()> {
        self.file.write_all_at(lines, self.end)?;
        self.end += lines.len() as u64;
        if let Some(count) = armed {
            self.file.sync_data()?;
            // Not synced: it outlives our death without, and after a loss of power fewer are counted than are there.
            self.file.write_all_at(encode_count(count).as_bytes(), 0)?;
        }
        Ok(())
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
