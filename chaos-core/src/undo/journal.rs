//! The undo journal: one JSON-lines file a run, on disk before the effect that it can take back.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::owner::StepOwner;
use super::state_dir::StateDir;

/// Version of the file format; a reader refuses a later one.
pub const JOURNAL_FORMAT: u32 = 1;

/// Why a journal can't be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file can't be made, written or synced. The journal is poisoned: nothing further is armed.
    #[error("undo journal `{}` can't be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An earlier write failed. A sync that failed once is never tried again: the kernel may have dropped the data.
    #[error("undo journal is poisoned by an earlier failed write")]
    Poisoned,
    /// The file can't be read.
    #[error("undo journal `{}` can't be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file belongs to somebody else.
    #[error("undo journal `{}` belongs to uid {owner}; it is left alone", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
}

impl JournalError {
    /// The message with its cause behind it, for a report that prints one line.
    pub fn with_cause(&self) -> String {
        use std::error::Error;
        self.source().map_or_else(|| self.to_string(), |source| format!("{self}: {source}"))
    }
}

/// First line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalHeader {
    /// [`JOURNAL_FORMAT`] of the writer.
    pub format: u32,
    /// Id of the run.
    pub run_id: String,
    /// The program that wrote it, and that knows all its steps.
    pub executable: String,
    /// Boot during which it was written.
    pub boot_id: String,
    /// User who wrote it.
    pub uid: u32,
}

/// One armed step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// Counts from 0 within the journal.
    pub seq: u64,
    /// Position of the entry.
    pub entry: String,
    /// Unix time in milliseconds after which the effect should be gone; for people and a later guardian.
    #[serde(default)]
    pub expires_at_ms: Option<u64>,
    /// Whether the effect outlives a reboot.
    #[serde(default)]
    pub survives_reboot: bool,
    /// Who carries the step out while it is alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<StepOwner>,
    /// What the step would do, for a program that does not know it.
    #[serde(default)]
    pub describe: String,
    /// The step as raw JSON, so that an unknown one does not spoil its line.
    pub step: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Header(JournalHeader),
    Armed(JournalRecord),
    Undone { seq: u64 },
}

trait Store: std::fmt::Debug + Send {
    fn append(&mut self, line: &str) -> io::Result<()>;
    fn remove(&mut self) -> io::Result<()>;
}

/// The journal of a live run.
#[derive(Debug)]
pub struct Journal {
    state: Mutex<State>,
    path: PathBuf,
}

#[derive(Debug)]
struct State {
    store: Box<dyn Store>,
    next: u64,
    poisoned: bool,
}

impl Journal {
    /// Makes the file of a run, locked for this process's life, with its header on disk.
    pub fn create(state: &StateDir, run_id: &str, executable: &str) -> Result<Self, JournalError> {
        let path = state.journals().join(format!("{run_id}.jsonl"));
        let failed = |source| JournalError::Write { path: path.clone(), source };
        let header = JournalHeader {
            format: JOURNAL_FORMAT,
            run_id: run_id.to_owned(),
            executable: executable.to_owned(),
            boot_id: boot_id(),
            uid: rustix::process::geteuid().as_raw(),
        };
        // Under its final name the file exists only locked and with a header, so that no recovery can take it.
        let draft = path.with_extension("draft");
        let mut file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&draft).map_err(failed)?;
        file.try_lock().map_err(|error| failed(io::Error::other(error)))?;
        let line = serde_json::to_string(&Line::Header(header)).map_err(|error| failed(error.into()))?;
        file.write_all(format!("{line}\n").as_bytes()).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fs::rename(&draft, &path).map_err(failed)?;
        File::open(state.journals()).and_then(|dir| dir.sync_all()).map_err(failed)?;
        let store = FileStore { file, path: path.clone() };
        Ok(Self::over(Box::new(store), path))
    }

    /// A journal that lives in memory only: for embedders that accept that a crash undoes nothing, and for tests.
    pub fn in_memory() -> Self {
        Self::over(Box::new(MemoryStore), PathBuf::from("(memory)"))
    }

    /// A journal whose every write fails, so that a contract suite can see what a fault does then.
    pub fn broken() -> Self {
        Self::over(Box::new(BrokenStore), PathBuf::from("(broken)"))
    }

    fn over(store: Box<dyn Store>, path: PathBuf) -> Self {
        Self { state: Mutex::new(State { store, next: 0, poisoned: false }), path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a record on disk and gives it its number. Blocks until it is synced.
    pub fn append(&self, mut record: JournalRecord) -> Result<u64, JournalError> {
        let mut state = self.lock();
        if state.poisoned {
            return Err(JournalError::Poisoned);
        }
        record.seq = state.next;
        let seq = record.seq;
        let written = serde_json::to_string(&Line::Armed(record)).map_err(io::Error::from);
        match written.and_then(|line| state.store.append(&line)) {
            Ok(()) => {
                state.next += 1;
                Ok(seq)
            }
            Err(source) => {
                state.poisoned = true;
                Err(JournalError::Write { path: self.path.clone(), source })
            }
        }
    }

    /// Notes that a step was undone. Best effort: a lost note means that a harmless step runs once more.
    pub fn mark_undone(&self, seq: u64) {
        let mut state = self.lock();
        if let Ok(line) = serde_json::to_string(&Line::Undone { seq })
            && !state.poisoned
            && state.store.append(&line).is_err()
        {
            state.poisoned = true;
        }
    }

    /// Removes the file, once everything in it is undone.
    pub fn remove(&self) -> Result<(), JournalError> {
        let removed = self.lock().store.remove();
        removed.map_err(|source| JournalError::Write { path: self.path.clone(), source })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct FileStore {
    file: File,
    path: PathBuf,
}

impl Store for FileStore {
    fn append(&mut self, line: &str) -> io::Result<()> {
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.file.sync_data()
    }

    fn remove(&mut self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

#[derive(Debug)]
struct MemoryStore;

impl Store for MemoryStore {
    fn append(&mut self, _line: &str) -> io::Result<()> {
        Ok(())
    }

    fn remove(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct BrokenStore;

impl Store for BrokenStore {
    fn append(&mut self, _line: &str) -> io::Result<()> {
        Err(io::Error::other("broken on purpose"))
    }

    fn remove(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Something in a past journal that can't be undone here; the file is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema, Deserialize)]
pub struct JournalProblem {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong with it, in one clause.
    pub what: String,
}

/// The journal of a run that is dead, taken for this process alone.
#[derive(Debug)]
pub struct PastJournal {
    /// Its first line; `None` when that is not readable.
    pub header: Option<JournalHeader>,
    /// Steps that are armed and not undone, oldest first.
    pub pending: Vec<JournalRecord>,
    /// Lines that could not be read.
    pub problems: Vec<JournalProblem>,
    path: PathBuf,
    file: File,
}

impl PastJournal {
    /// The journals in a state directory, sorted by name. An absent directory has none.
    pub fn list(state: &StateDir) -> Result<Vec<PathBuf>, JournalError> {
        let dir = state.journals();
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(JournalError::Read { path: dir, source }),
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|ext| ext == "jsonl"));
        paths.sort();
        Ok(paths)
    }

    /// Takes a journal: `None` when its run is alive, or when the file is gone.
    pub fn take(path: &Path) -> Result<Option<Self>, JournalError> {
        let failed = |source| JournalError::Read { path: path.to_owned(), source };
        let file = match OpenOptions::new().read(true).append(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        let owner = file.metadata().map_err(failed)?.uid();
        if owner != rustix::process::geteuid().as_raw() {
            return Err(JournalError::Foreign { path: path.to_owned(), owner });
        }
        // Its run may have ended and removed it between open and lock.
        if !path.exists() {
            return Ok(None);
        }
        let mut journal = Self { header: None, pending: Vec::new(), problems: Vec::new(), path: path.to_owned(), file };
        journal.read().map_err(failed)?;
        Ok(Some(journal))
    }

    fn read(&mut self) -> io::Result<()> {
        let mut reader = BufReader::new(self.file.try_clone()?);
        let mut raw = Vec::new();
        for number in 1.. {
            raw.clear();
            if reader.read_until(b'\n', &mut raw)? == 0 {
                break;
            }
            if raw.pop_if(|last| *last == b'\n').is_none() {
                // A torn last line: its sync never came back, so its effect was never made.
                break;
            }
            self.read_line(number, &raw);
        }
        if self.header.is_none() && self.problems.is_empty() && !self.pending.is_empty() {
            self.problem(1, "no header");
        }
        Ok(())
    }

    fn read_line(&mut self, number: usize, raw: &[u8]) {
        match serde_json::from_slice(raw) {
            Ok(Line::Header(header)) if header.format > JOURNAL_FORMAT => {
                self.problem(number, &format!("format {} is later than {JOURNAL_FORMAT}", header.format));
                self.header = Some(header);
            }
            Ok(Line::Header(header)) => self.header = Some(header),
            Ok(Line::Armed(record)) => self.pending.push(record),
            Ok(Line::Undone { seq }) => self.pending.retain(|record| record.seq != seq),
            Err(_) => self.problem(number, "a line that this program can't read"),
        }
    }

    fn problem(&mut self, line: usize, what: &str) {
        self.problems.push(JournalProblem { line, what: what.to_owned() });
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the machine was booted since it was written.
    pub fn before_reboot(&self) -> bool {
        self.header.as_ref().is_some_and(|header| header.boot_id != boot_id())
    }

    /// Notes that a step was undone. Best effort, as for a live journal.
    pub fn mark_undone(&mut self, seq: u64) {
        if let Ok(line) = serde_json::to_string(&Line::Undone { seq }) {
            // A torn last line would swallow the note; a line break before it costs one unreadable line at most.
            let _ = writeln!(self.file, "{line}").and_then(|()| self.file.sync_data());
        }
    }

    /// Moves the file to another folder, where no recovery looks, and gives its place there.
    pub fn set_aside(self, folder: &Path) -> Result<PathBuf, JournalError> {
        let aside = folder.join(self.path.file_name().unwrap_or_default());
        let moved = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        match moved.and_then(|()| fs::rename(&self.path, &aside)) {
            Ok(()) => Ok(aside),
            Err(source) => Err(JournalError::Write { path: aside, source }),
        }
    }

    /// Removes the file.
    pub fn remove(self) -> Result<(), JournalError> {
        fs::remove_file(&self.path).map_err(|source| JournalError::Write { path: self.path, source })
    }
}

/// The id of this boot; empty where the system has none.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state() -> (tempfile::TempDir, StateDir) {
        let temp = tempfile::tempdir().unwrap();
        let state = StateDir::at(temp.path());
        state.prepare().unwrap();
        (temp, state)
    }

    fn record(n: u64) -> JournalRecord {
        JournalRecord {
            seq: 0,
            entry: "/chaos_spec/0".into(),
            expires_at_ms: None,
            survives_reboot: false,
            owner: None,
            describe: format!("step {n}"),
            step: json!({"type": "x", "n": n}),
        }
    }

    /// A journal of two steps whose run is dead.
    fn dead(state: &StateDir) -> PathBuf {
        let journal = Journal::create(state, "r1", "squall").unwrap();
        assert_eq!((journal.append(record(0)).unwrap(), journal.append(record(1)).unwrap()), (0, 1));
        journal.path().to_owned()
    }

    #[test]
    fn what_was_armed_is_pending_and_what_was_undone_is_not() {
        let (_temp, state) = state();
        let path = dead(&state);
        let mut past = PastJournal::take(&path).unwrap().unwrap();
        assert_eq!(past.pending.len(), 2);
        assert_eq!(past.header.as_ref().unwrap().executable, "squall");
        assert!(!past.before_reboot());
        past.mark_undone(1);
        drop(past);
        let past = PastJournal::take(&path).unwrap().unwrap();
        assert_eq!(past.pending.iter().map(|r| r.describe.as_str()).collect::<Vec<_>>(), ["step 0"]);
        past.remove().unwrap();
        assert!(PastJournal::take(&path).unwrap().is_none());
    }

    #[test]
    fn the_journal_of_a_live_run_is_not_taken() {
        let (_temp, state) = state();
        let journal = Journal::create(&state, "live", "squall").unwrap();
        assert!(PastJournal::take(journal.path()).unwrap().is_none());
        assert_eq!(PastJournal::list(&state).unwrap(), vec![journal.path().to_owned()]);
    }

    #[test]
    fn the_file_is_private() {
        let (_temp, state) = state();
        let journal = Journal::create(&state, "r", "squall").unwrap();
        assert_eq!(fs::metadata(journal.path()).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_torn_last_line_is_ignored_and_a_garbled_one_is_a_problem() {
        let (_temp, state) = state();
        let path = dead(&state);
        let whole = fs::read(&path).unwrap();
        let rows: [(&[u8], usize, usize); 4] = [
            (b"{\"armed\":{\"seq\":2,\"ent", 2, 0),
            (b"{\"armed\":{\"seq\":2,\"ent\n", 2, 1),
            (b"{\"frobbed\":{\"seq\":2}}\n", 2, 1),
            (b"\xff\xfe\n", 2, 1),
        ];
        for (tail, pending, problems) in rows {
            fs::write(&path, [whole.as_slice(), tail].concat()).unwrap();
            let past = PastJournal::take(&path).unwrap().unwrap();
            assert_eq!((past.pending.len(), past.problems.len()), (pending, problems), "{tail:?}");
        }
    }

    #[test]
    fn a_later_format_is_a_problem() {
        let (_temp, state) = state();
        let path = dead(&state);
        let text = fs::read_to_string(&path).unwrap().replace("\"format\":1", "\"format\":2");
        fs::write(&path, text).unwrap();
        let past = PastJournal::take(&path).unwrap().unwrap();
        assert_eq!(past.problems[0].what, "format 2 is later than 1");
    }

    /// A disk that fails from the n-th write on.
    #[derive(Debug)]
    struct Failing(u32);

    impl Store for Failing {
        fn append(&mut self, _line: &str) -> io::Result<()> {
            self.0 = self.0.checked_sub(1).ok_or_else(|| io::Error::other("disk"))?;
            Ok(())
        }

        fn remove(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_failed_write_poisons_the_journal_for_good() {
        let journal = Journal::over(Box::new(Failing(1)), PathBuf::from("x"));
        assert_eq!(journal.append(record(0)).unwrap(), 0);
        assert!(matches!(journal.append(record(1)), Err(JournalError::Write { .. })));
        assert!(matches!(journal.append(record(2)), Err(JournalError::Poisoned)));
    }
}
