//! The undo journal: one JSON-lines file a run, on disk before the effect that it can undo.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use super::state_dir::StateDir;

mod error;
mod expiry;
mod keeper;
mod line;
mod past;
mod store;
#[cfg(test)]
mod tests;

pub use error::JournalError;
pub use expiry::Expiries;
pub use keeper::JournalKeeper;
pub use line::{Epoch, JOURNAL_FORMAT, JournalHeader, JournalRecord};
use line::{FILE_LIMIT, LINE_LIMIT, Line, Sum, encode, encode_count};
pub use past::{JournalProblem, PastJournal};
use store::{BrokenStore, FileStore, MemoryStore, Store};

/// The journal of a live run.
///
/// Records that are armed at the same time share one sync: whoever finds nobody writing writes and syncs all that has
/// been handed in, and the others wait for it.
#[derive(Debug)]
pub struct Journal {
    queue: Mutex<Queue>,
    written: Condvar,
    store: Mutex<Box<dyn Store>>,
    path: PathBuf,
    keeper: OnceLock<Box<dyn JournalKeeper>>,
}

/// What was handed in.
#[derive(Debug)]
struct Queue {
    /// Lines that nobody has begun to write.
    lines: Vec<u8>,
    /// Whether one of them is an armed step.
    arms: bool,
    /// The checksum of the last line handed in.
    last: Sum,
    /// How many lines and armed steps were handed in, and how many lines of them are written.
    handed_in: u64,
    bytes: u64,
    armed: u64,
    done: u64,
    busy: bool,
    /// Why nothing more is written.
    closed: Option<Closed>,
}

/// Why nothing more is written to a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closed {
    Failed,
    TakenOver,
}

impl From<Closed> for JournalError {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Failed => Self::Poisoned,
            Closed::TakenOver => Self::TakenOver,
        }
    }
}

impl Journal {
    /// Makes the file of a run, locked for this process's life, with its header on disk.
    pub fn create(state: &StateDir, run_id: &str, executable: &str, workspace: &Path) -> Result<Self, JournalError> {
        let path = state.journals().join(format!("{run_id}.jsonl"));
        let failed = |source| JournalError::write(&path, source);
        let header = Line::Header(JournalHeader {
            format: JOURNAL_FORMAT,
            run_id: run_id.to_owned(),
            executable: executable.to_owned(),
            boot_id: boot_id(),
            machine: machine_id(),
            uid: rustix::process::geteuid().as_raw(),
            workspace: workspace.display().to_string(),
        });
        let epoch = Line::Epoch(Epoch::of_this_process(0, executable));
        let (header, sum) = encode(Sum::START, &header).map_err(|error| failed(error.into()))?;
        let (epoch, last) = encode(sum, &epoch).map_err(|error| failed(error.into()))?;
        let lines = [encode_count(0), header, epoch].concat();
        // Under its final name the file exists only locked and with a header, so that no recovery can take it.
        let draft = path.with_extension("draft");
        // Appended to, so that a run that was stopped in the middle of it writes over nobody's epoch.
        let mut file =
            OpenOptions::new().create_new(true).read(true).append(true).mode(0o600).open(&draft).map_err(failed)?;
        file.try_lock().map_err(|error| failed(io::Error::other(error)))?;
        file.write_all(lines.as_bytes()).map_err(failed)?;
        let count = OpenOptions::new().write(true).open(&draft).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fs::rename(&draft, &path).map_err(failed)?;
        File::open(state.journals()).and_then(|dir| dir.sync_all()).map_err(failed)?;
        let end = lines.len() as u64;
        let store = FileStore { file, count, path: path.clone(), end, ours: end };
        Ok(Self::over(Box::new(store), path, last))
    }

    /// A journal that lives in memory only: for embedders that accept that a crash undoes nothing, and for tests.
    pub fn in_memory() -> Self {
        Self::over(Box::new(MemoryStore), PathBuf::from("(memory)"), Sum::START)
    }

    /// A journal whose every write fails, so that a contract suite can see what a fault does then.
    pub fn broken() -> Self {
        Self::over(Box::new(BrokenStore), PathBuf::from("(broken)"), Sum::START)
    }

    fn over(store: Box<dyn Store>, path: PathBuf, last: Sum) -> Self {
        let (lines, arms, busy, closed) = (Vec::new(), false, false, None);
        let queue = Queue { lines, arms, last, handed_in: 0, bytes: 0, armed: 0, done: 0, busy, closed };
        let (queue, store) = (Mutex::new(queue), Mutex::new(store));
        Self { queue, written: Condvar::new(), store, path, keeper: OnceLock::new() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says who keeps it while the run lives; the first one counts, and is asked before each step from then on.
    pub fn keep_by(&self, keeper: impl JournalKeeper) {
        // A run has one.
        let _ = self.keeper.set(Box::new(keeper));
    }

    /// Another descriptor of the locked file, for a program that keeps the lock when this process has ended; `None` in
    /// memory.
    pub fn descriptor(&self) -> io::Result<Option<File>> {
        self.store().descriptor()
    }

    /// Whether another process has taken the run over. Then nothing is armed any more, and nothing is to be undone here.
    pub fn taken_over(&self) -> bool {
        let seen = self.queue().closed == Some(Closed::TakenOver);
        // Outside the queue's lock: whoever writes has both.
        let now = seen || !self.store().is_ours();
        if now && !seen {
            self.queue().closed = Some(Closed::TakenOver);
        }
        now
    }

    /// Puts a record on disk and gives it its number. Blocks until it is synced.
    pub fn append(&self, mut record: JournalRecord) -> Result<u64, JournalError> {
        if let Some(keeper) = self.keeper.get() {
            let step = record.step.get("type").and_then(serde_json::Value::as_str).unwrap_or_default();
            keeper.keep(self, step).map_err(|source| JournalError::Unkept { source: source.into() })?;
        }
        let mut queue = self.queue();
        let seq = queue.armed;
        record.seq = seq;
        let number = self.hand_in(&mut queue, &Line::Armed(record))?;
        queue.armed += 1;
        queue.arms = true;
        self.write_up_to(queue, number)?;
        Ok(seq)
    }

    /// Notes that a step was undone. Best effort: a lost note means that a harmless step runs once more.
    pub fn mark_undone(&self, seq: u64) {
        let mut queue = self.queue();
        if let Ok(number) = self.hand_in(&mut queue, &Line::Undone { seq }) {
            let _ = self.write_up_to(queue, number);
        }
    }

    /// Adds a line to what is to be written, and gives its number, from 1.
    fn hand_in(&self, queue: &mut Queue, line: &Line) -> Result<u64, JournalError> {
        if let Some(closed) = queue.closed {
            return Err(closed.into());
        }
        let (text, sum) = encode(queue.last, line).map_err(|error| JournalError::write(&self.path, error.into()))?;
        if text.len() > LINE_LIMIT {
            return Err(JournalError::TooLarge { bytes: text.len() });
        }
        // What is noted of steps that were undone has room beyond it.
        if queue.bytes + text.len() as u64 > FILE_LIMIT / 2 && matches!(line, Line::Armed(_)) {
            return Err(JournalError::Full);
        }
        queue.lines.extend_from_slice(text.as_bytes());
        queue.bytes += text.len() as u64;
        queue.last = sum;
        queue.handed_in += 1;
        Ok(queue.handed_in)
    }

    /// Comes back when the line of that number is written, and synced if it is an armed step.
    fn write_up_to<'a>(&'a self, mut queue: MutexGuard<'a, Queue>, number: u64) -> Result<(), JournalError> {
        while queue.done < number {
            if let Some(closed) = queue.closed {
                return Err(closed.into());
            }
            if queue.busy {
                queue = self.written.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.busy = true;
            let lines = std::mem::take(&mut queue.lines);
            let armed = std::mem::take(&mut queue.arms).then_some(queue.armed);
            let up_to = queue.handed_in;
            drop(queue);
            let (stored, ours) = {
                let mut store = self.store();
                // Before and after: whoever was stopped in between has lost its run meanwhile.
                let ours = store.is_ours();
                let stored = if ours { store.append(&lines, armed) } else { Ok(()) };
                (stored, ours && store.is_ours())
            };
            queue = self.queue();
            queue.busy = false;
            if !ours {
                queue.closed = Some(Closed::TakenOver);
            }
            self.written.notify_all();
            match stored {
                _ if !ours => return Err(JournalError::TakenOver),
                Ok(()) => queue.done = up_to,
                Err(source) => {
                    queue.closed = Some(Closed::Failed);
                    return Err(JournalError::write(&self.path, source));
                }
            }
        }
        Ok(())
    }

    /// Removes the file, once everything in it is undone; not where another process has taken the run over.
    pub fn remove(&self) -> Result<(), JournalError> {
        if self.taken_over() {
            return Ok(());
        }
        self.store().remove().map_err(|source| JournalError::write(&self.path, source))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self) -> MutexGuard<'_, Box<dyn Store>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id of this boot; empty where the system has none.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// The id of this machine, or of this installation of a system on it; empty where there is none.
pub(super) fn machine_id() -> String {
    fs::read_to_string("/etc/machine-id").map(|id| id.trim().to_owned()).unwrap_or_default()
}
