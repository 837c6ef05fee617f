//! One file that is followed, through rotation and truncation.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::OFlags;

use super::lines::{Lines, RawLine};
use crate::Moment;

/// Bytes that are read of one file at one look; more is read at the next, which follows at once.
const MOST_BYTES: u64 = 4 * 1024 * 1024;
const BUFFER: usize = 64 * 1024;
/// Bytes before the place that was read last, by which a file that was written anew is told from one that grew.
const TAIL: usize = 64;
/// How long a file that was rotated away is read on after its last line, since its writer may not know of the rotation yet.
const LEFT_ALONE: Duration = Duration::from_secs(30);
/// Rotated files that are read on.
const MOST_ROTATED: usize = 4;

/// What one look at a file found.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) lines: Vec<RawLine>,
    /// What may have been lost, and from when on.
    pub(super) lost: Vec<(Moment, String)>,
    /// Whether there is more to read.
    pub(super) more: bool,
}

/// A file that is followed by its path.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) path: PathBuf,
    current: Option<Opened>,
    rotated: Vec<(Opened, Moment)>,
    /// When it was last seen that all was read; what is read later was written later.
    looked: Moment,
    /// Whether it was there at the start and is read from its end on.
    from_end: bool,
    unreadable: bool,
}

/// An open file, and how far it was read.
#[derive(Debug)]
struct Opened {
    file: File,
    identity: (u64, u64),
    at: u64,
    tail: Vec<u8>,
    lines: Lines,
}

impl Follower {
    pub(super) fn new(path: PathBuf, from_start: bool, now: Moment) -> Self {
        let looked = if from_start { Moment(i64::MIN) } else { now };
        Self { path, current: None, rotated: Vec::new(), looked, from_end: !from_start, unreadable: false }
    }

    /// Whether it has ever been there.
    pub(super) fn is_there(&self) -> bool {
        self.current.is_some()
    }

    /// Reads what came since the last look, which begins `now`.
    pub(super) fn look(&mut self, now: Moment) -> Look {
        let mut look = Look::default();
        let since = self.looked;
        self.rotated.retain_mut(|(opened, used)| {
            let before = look.lines.len();
            let read = opened.read(since, &mut look);
            if look.lines.len() > before {
                *used = now;
            }
            read.is_ok() && now.since(*used) < LEFT_ALONE
        });
        if let Some(current) = &mut self.current
            && let Err(error) = current.read(since, &mut look)
        {
            look.lost.push((since, format!("`{}` could not be read: {error}", self.path.display())));
        }
        if !look.more {
            match self.open_anew(now, since, &mut look) {
                Ok(()) => self.unreadable = false,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if self.unreadable => drop(error),
                Err(error) => {
                    self.unreadable = true;
                    look.lost.push((since, format!("`{}` could not be read: {error}", self.path.display())));
                }
            }
        }
        // What was there at the first look is older than all later ones.
        self.from_end = false;
        if !look.more {
            self.looked = now;
        }
        look
    }

    /// Opens what stands at the path now, where that is another file than the one that is open.
    fn open_anew(&mut self, now: Moment, since: Moment, look: &mut Look) -> io::Result<()> {
        let seen = std::fs::metadata(&self.path)?;
        if self.current.as_ref().is_some_and(|current| current.identity == identity(&seen)) {
            return Ok(());
        }
        // A pipe that nobody writes to would block.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&self.path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let at = if self.from_end { meta.len() } else { 0 };
        let mut opened = Opened { file, identity: identity(&meta), at, tail: Vec::new(), lines: Lines::default() };
        let read = opened.remember_tail().and_then(|()| opened.read(since, look));
        if let Some(old) = self.current.replace(opened) {
            if self.rotated.len() >= MOST_ROTATED {
                look.lost.push((since, format!("`{}` was rotated too fast", self.path.display())));
                self.rotated.remove(0);
            }
            self.rotated.push((old, now));
        }
        read
    }

    /// The lines that have no end yet, once nothing more is read.
    pub(super) fn rest(&mut self) -> Vec<RawLine> {
        let current = self.current.as_mut().into_iter();
        current.chain(self.rotated.iter_mut().map(|(old, _)| old)).filter_map(|opened| opened.lines.rest()).collect()
    }
}

impl Opened {
    /// Reads on.
    fn read(&mut self, since: Moment, look: &mut Look) -> io::Result<()> {
        let len = self.file.metadata()?.len();
        if len < self.at || len > self.at && !self.has_tail()? {
            look.lines.extend(self.lines.rest());
            look.lost.push((since, "a file was truncated, and may have had lines that were not read yet".to_owned()));
            self.at = 0;
            self.tail.clear();
        }
        let mut buffer = vec![0; BUFFER];
        let end = self.at.saturating_add(MOST_BYTES);
        while self.at < end {
            let read = self.file.read_at(&mut buffer, self.at)?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
            self.at += read as u64;
            self.lines.push(bytes, since, &mut look.lines);
            let kept = self.tail.len().min(TAIL.saturating_sub(read));
            self.tail.drain(..self.tail.len() - kept);
            self.tail.extend_from_slice(bytes.get(read.saturating_sub(TAIL)..).unwrap_or_default());
        }
        look.more = true;
        Ok(())
    }

    /// Whether the bytes before the place that was read last are still those that were read.
    fn has_tail(&self) -> io::Result<bool> {
        let mut there = vec![0; self.tail.len()];
        let read = self.file.read_at(&mut there, self.at - self.tail.len() as u64)?;
        Ok(there.get(..read) == Some(self.tail.as_slice()))
    }

    fn remember_tail(&mut self) -> io::Result<()> {
        let start = self.at.saturating_sub(TAIL as u64);
        self.tail = vec![0; usize::try_from(self.at - start).unwrap_or(0)];
        let read = self.file.read_at(&mut self.tail, start)?;
        self.tail.truncate(read);
        Ok(())
    }
}

fn identity(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}
