//! Journals of runs that are dead.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::super::state_dir::{StateDir, StateDirError, refuse_other};
use super::line::{
    Epoch, FILE_LIMIT, JournalHeader, JournalRecord, LINE_LIMIT, Line, Sum, decode, decode_count, encode, other_format,
};
use super::{JOURNAL_FORMAT, JournalError, boot_id, machine_id};

/// How many problems of one file are listed; the rest is counted.
const PROBLEMS: usize = 20;

/// A draft that is older belongs to nobody: a live one is renamed within milliseconds.
const DRAFT_AGE: Duration = Duration::from_mins(10);

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
    /// What it says of its run; `None` when that is not readable.
    pub header: Option<JournalHeader>,
    /// The program that wrote it, if any line says so.
    pub executable: Option<String>,
    /// Steps that are armed and not undone, oldest first.
    pub pending: Vec<JournalRecord>,
    /// What could not be read, or is missing.
    pub problems: Vec<JournalProblem>,
    path: PathBuf,
    file: File,
    /// The armed steps while the file is read, by number.
    found: BTreeMap<u64, JournalRecord>,
    /// How many steps ought to be there, and how many are.
    count: Option<u64>,
    armed: u64,
    /// The run itself, and who held it last.
    run: Option<Epoch>,
    epoch: Option<Epoch>,
    /// The checksum that the next line follows.
    last: Sum,
    /// The checksum that the next line of the run follows, where somebody has taken it over: it may have been stopped on
    /// its way to the disk.
    late: Option<Sum>,
    /// The end of the last whole line, where the next one goes.
    end: u64,
    /// The end of the file, where its last line has no end.
    torn: Option<u64>,
    /// Whether all is there that ever took effect.
    whole: bool,
    /// Whether we may write to it.
    ours: bool,
}

impl PastJournal {
    /// The journals in a state directory, sorted by name. An absent directory has none.
    pub fn list(state: &StateDir) -> Result<Vec<PathBuf>, JournalError> {
        with_extension(state, "jsonl")
    }

    /// Removes what runs left that died before their journal had its name; nothing can have been armed in it.
    pub fn clean_drafts(state: &StateDir) -> Result<(), JournalError> {
        for path in with_extension(state, "draft")? {
            let Ok(meta) = fs::symlink_metadata(&path) else { continue };
            let old = meta.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age > DRAFT_AGE));
            if meta.is_file() && old && open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
                // Best effort: it is in nobody's way.
                let _ = fs::remove_file(&path);
            }
        }
        Ok(())
    }

    /// Takes a journal: `None` when its run is alive, or when the file is gone.
    pub fn take(path: &Path) -> Result<Option<Self>, JournalError> {
        let failed = |source| JournalError::read(path, source);
        let special = || JournalError::NotAFile { path: path.to_owned() };
        match fs::symlink_metadata(path) {
            Ok(meta) if meta.is_file() => {}
            // Opened it might block, or do something.
            Ok(_) => return Err(special()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source)),
        }
        let file = match open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source)),
        };
        let meta = file.metadata().map_err(failed)?;
        if !meta.is_file() {
            return Err(special());
        }
        refuse_foreign(path, &meta)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        // Its run may have ended and removed it between open and lock.
        match fs::symlink_metadata(path) {
            Ok(now) if (now.dev(), now.ino()) == (meta.dev(), meta.ino()) => {}
            _ => return Ok(None),
        }
        let reader = BufReader::new(file.try_clone().map_err(failed)?);
        let mut journal = Self::unread(path, file);
        journal.read(reader).map_err(failed)?;
        journal.refuse_elsewhere()?;
        Ok(Some(journal))
    }

    /// Refuses what was written on another machine: its boots and pids are not ours.
    fn refuse_elsewhere(&self) -> Result<(), JournalError> {
        let then = self.header.as_ref().map_or("", |header| &header.machine);
        let now = machine_id();
        if then.is_empty() || now.is_empty() || then == now {
            return Ok(());
        }
        Err(JournalError::Elsewhere { path: self.path.clone(), machine: then.to_owned() })
    }

    /// Whether the run of a journal is proved to have ended: then what still has the file open and locked is its guardian,
    /// or a program that it was just starting, which lets go of it when it is that program.
    pub fn outlives_its_run(path: &Path) -> bool {
        Self::look(path).is_ok_and(|journal| journal.is_some_and(|journal| !journal.run_is_alive()))
    }

    /// Reads a journal that may be a live run's; not to be written to. `None` when it is gone.
    pub fn look(path: &Path) -> Result<Option<Self>, JournalError> {
        let failed = |source| JournalError::read(path, source);
        let file = match open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source)),
        };
        let meta = file.metadata().map_err(failed)?;
        if !meta.is_file() {
            return Err(JournalError::NotAFile { path: path.to_owned() });
        }
        refuse_foreign(path, &meta)?;
        let journal = Self::adopt(path, file).map_err(failed)?;
        journal.refuse_elsewhere()?;
        Ok(Some(Self { ours: false, ..journal }))
    }

    /// Reads a journal through a descriptor that holds its lock already.
    pub fn adopt(path: &Path, file: File) -> io::Result<Self> {
        // The place in the file is shared with whoever else has the descriptor.
        let reader = FromStart { file: file.try_clone()?, at: 0 };
        let mut journal = Self::unread(path, file);
        journal.read(BufReader::new(reader))?;
        Ok(journal)
    }

    /// Whether the process of the run may be alive.
    pub fn run_is_alive(&self) -> bool {
        self.run.as_ref().or(self.epoch.as_ref()).is_none_or(|run| !run.is_over())
    }

    /// Who holds the run: itself, or whoever took it over last.
    pub fn holder(&self) -> Option<&Epoch> {
        self.epoch.as_ref()
    }

    pub(super) fn unread(path: &Path, file: File) -> Self {
        Self {
            header: None,
            executable: None,
            pending: Vec::new(),
            problems: Vec::new(),
            path: path.to_owned(),
            file,
            found: BTreeMap::new(),
            count: None,
            armed: 0,
            run: None,
            epoch: None,
            last: Sum::START,
            late: None,
            end: 0,
            torn: None,
            whole: false,
            ours: true,
        }
    }

    pub(super) fn read(&mut self, mut reader: impl BufRead) -> io::Result<()> {
        let mut raw = Vec::new();
        for number in 1.. {
            raw.clear();
            let length = reader.by_ref().take(LINE_LIMIT as u64).read_until(b'\n', &mut raw)?;
            if length == 0 {
                break;
            }
            if raw.pop_if(|last| *last == b'\n').is_none() {
                self.torn = Some(self.end + length as u64);
                if length == LINE_LIMIT {
                    self.problem(number, &format!("a line of more than {LINE_LIMIT} bytes"));
                    self.ours = false;
                }
                break;
            }
            self.end += length as u64;
            if self.end > FILE_LIMIT {
                self.problem(number, &format!("a file of more than {FILE_LIMIT} bytes"));
                self.ours = false;
                break;
            }
            self.read_line(number, &raw);
            if !self.ours {
                return Ok(());
            }
        }
        self.account();
        self.whole = self.problems.is_empty();
        self.pending.extend(std::mem::take(&mut self.found).into_values());
        Ok(())
    }

    fn read_line(&mut self, number: usize, raw: &[u8]) {
        if number <= 2
            && let Some((format, executable)) = other_format(raw)
            && format != u64::from(JOURNAL_FORMAT)
        {
            let age = if format > u64::from(JOURNAL_FORMAT) { "later" } else { "earlier" };
            self.problem(number, &format!("format {format} is {age} than {JOURNAL_FORMAT}"));
            self.executable = executable;
            self.ours = false;
            return;
        }
        if number == 1 {
            self.count = decode_count(raw);
            if self.count.is_none() {
                self.problem(number, "the count of armed steps can't be read");
            }
            return;
        }
        let Some((before, sum, line)) = decode(raw) else {
            self.problem(number, "a line that is not as it was written");
            return;
        };
        if self.late == Some(before) && before != self.last && matches!(line, Line::Armed(_) | Line::Undone { .. }) {
            self.late = Some(sum);
        } else {
            if before != self.last {
                self.problem(number, "what stood before this line is missing or damaged");
            }
            if matches!(&line, Line::Epoch(epoch) if epoch.number > 0) {
                self.late.get_or_insert(before);
            }
            self.last = sum;
        }
        match line {
            Line::Header(header) => {
                if self.header.is_some() {
                    self.problem(number, "a second header");
                    return;
                }
                self.executable = Some(header.executable.clone());
                self.header = Some(header);
            }
            Line::Epoch(epoch) => {
                if epoch.number == 0 && self.run.is_none() {
                    self.run = Some(epoch.clone());
                }
                self.epoch = Some(epoch);
            }
            Line::Armed(record) => {
                self.armed += 1;
                if let Some(other) = self.found.insert(record.seq, record)
                    && self.found.get(&other.seq) != Some(&other)
                {
                    self.problem(number, &format!("step {} stands there twice", other.seq));
                    self.pending.push(other);
                }
            }
            Line::Undone { seq } => {
                self.found.remove(&seq);
                self.pending.retain(|doubled| doubled.seq != seq);
            }
        }
    }

    /// Whether all is there that ever took effect.
    fn account(&mut self) {
        if self.header.is_none() && self.problems.is_empty() {
            self.problem(1, "no header");
        }
        // A record's effect is made only after the count was raised: a torn last line beyond it never took effect.
        let missing = self.count.unwrap_or_default().saturating_sub(self.armed);
        if missing > 0 && self.problems.is_empty() {
            let cut = if self.torn.is_some() { "the last line is cut" } else { "lines are missing at its end" };
            self.problem(0, &format!("{missing} of {} steps can't be read: {cut}", self.armed + missing));
        }
    }

    fn problem(&mut self, line: usize, what: &str) {
        if self.problems.len() < PROBLEMS {
            self.problems.push(JournalProblem { line, what: what.to_owned() });
        } else if let Some(last) = self.problems.last_mut() {
            "and others after it".clone_into(&mut last.what);
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[cfg(test)]
    pub(super) fn bytes_read(&self) -> u64 {
        self.end
    }

    /// Whether the machine was booted since it was written; not where the system names no boot.
    pub fn before_reboot(&self) -> bool {
        let now = boot_id();
        let then = self.header.as_ref().map_or("", |header| &header.boot_id);
        !now.is_empty() && !then.is_empty() && then != now
    }

    /// Notes who undoes it now. Best effort.
    pub fn take_over(&mut self, executable: &str) {
        let number = self.epoch.as_ref().map_or(0, |epoch| epoch.number).saturating_add(1);
        let epoch = Epoch::of_this_process(number, executable);
        self.append(&Line::Epoch(epoch.clone()));
        self.epoch = Some(epoch);
    }

    /// Notes that a step was undone. Best effort, as for a live journal.
    pub fn mark_undone(&mut self, seq: u64) {
        self.append(&Line::Undone { seq });
    }

    fn append(&mut self, line: &Line) {
        let Ok((text, sum)) = encode(self.last, line) else { return };
        if self.ours && self.end_last_line().and_then(|()| self.file.write_all_at(text.as_bytes(), self.end)).is_ok() {
            self.end += text.len() as u64;
            self.last = sum;
        } else {
            // Half a line would make the next one unreadable.
            self.ours = false;
        }
    }

    /// Deals with a torn last line, to which nothing may be glued: it goes where it never took effect, and stays as an
    /// unreadable line where it might have.
    fn end_last_line(&mut self) -> io::Result<()> {
        let Some(torn) = self.torn.take() else { return Ok(()) };
        if self.whole {
            return self.file.set_len(self.end);
        }
        self.file.write_all_at(b"\n", torn)?;
        self.end = torn + 1;
        Ok(())
    }

    /// Moves the file to another folder, where no recovery looks, and gives its place there.
    pub fn set_aside(self, folder: &Path) -> Result<PathBuf, JournalError> {
        Self::set_aside_unread(&self.path, folder)
    }

    /// The same of what stands at a journal's place and is none that we could take.
    pub fn set_aside_unread(path: &Path, folder: &Path) -> Result<PathBuf, JournalError> {
        refuse_other(folder).map_err(|refused| unsafe_folder(folder, refused))?;
        let name = path.file_name().unwrap_or_default();
        let mut aside = folder.join(name);
        // What was given up before under the same name stays.
        for n in 1.. {
            if fs::symlink_metadata(&aside).is_err() {
                break;
            }
            let mut numbered = name.to_owned();
            numbered.push(format!(".{n}"));
            aside = folder.join(numbered);
        }
        let moved = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        match moved.and_then(|()| fs::rename(path, &aside)) {
            Ok(()) => Ok(aside),
            Err(source) => Err(JournalError::write(&aside, source)),
        }
    }

    /// Removes the file.
    pub fn remove(self) -> Result<(), JournalError> {
        match fs::remove_file(&self.path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(JournalError::write(&self.path, source)),
            _ => Ok(()),
        }
    }
}

fn refuse_foreign(path: &Path, meta: &fs::Metadata) -> Result<(), JournalError> {
    if meta.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(JournalError::Foreign { path: path.to_owned(), owner: meta.uid() })
}

/// Reads a file from its start, whatever else moves in it.
struct FromStart {
    file: File,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

fn unsafe_folder(folder: &Path, refused: StateDirError) -> JournalError {
    JournalError::read(folder, io::Error::other(refused))
}

/// Opens a file without waiting for anybody, and never through a link; to be read alone where it can't be written, since
/// its steps can be undone all the same.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = |write| OpenOptions::new().read(true).write(write).custom_flags(flags.bits().cast_signed()).open(path);
    match open(true) {
        Err(error) if matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied) => {
            open(false)
        }
        opened => opened,
    }
}

fn with_extension(state: &StateDir, extension: &str) -> Result<Vec<PathBuf>, JournalError> {
    let dir = state.journals();
    state.check().map_err(|refused| unsafe_folder(state.root(), refused))?;
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(JournalError::read(&dir, source)),
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|ext| ext == extension));
    paths.sort();
    Ok(paths)
}
