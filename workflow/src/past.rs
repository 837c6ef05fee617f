//! What a ledger says of the steps: read for a resume, whatever bytes stand in the file.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::StepOutputs;
use serde_json::Value;

use crate::ledger::{Ledger, ledger_path};
use crate::record::{Begun, LEDGER_FORMAT, Record, RecordedEnd, decode, document_hash};

/// A ledger of 10,000 steps is about 5 MiB.
const LIMIT: u64 = 1 << 30;
/// How often the lock is asked for, and how long after: a program that was just being started when the run died lets go of it
/// at once.
const LOOKS: u32 = 20;
const NEXT_LOOK: Duration = Duration::from_millis(50);

/// Why a workflow can't be resumed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// There is no such run.
    #[error("run `{run_id}` has no ledger: `{path}` does not exist")]
    Unknown {
        /// The run.
        run_id: String,
        /// Where its ledger would be.
        path: PathBuf,
    },
    /// Not the id of a run.
    #[error("`{0}` is not the id of a run: expected letters, digits and `-`")]
    NoId(String),
    /// It can't be read.
    #[error("ledger `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The run is alive.
    #[error("run `{0}` is still alive: it can be resumed once it has died")]
    Alive(String),
    /// The workflow is over.
    #[error("run `{run_id}` is finished ({outcome}): there is nothing to resume")]
    Finished {
        /// The run.
        run_id: String,
        /// How it ended.
        outcome: &'static str,
    },
    /// It is something else.
    #[error("`{0}` is not a ledger of a workflow")]
    Foreign(PathBuf),
    /// Another version wrote it.
    #[error("ledger `{path}` has the unknown format {format}: expected {LEDGER_FORMAT}")]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: String,
    },
    /// The document is another one.
    #[error("`{path}` is not the document that run `{run_id}` began with: nothing is resumed")]
    OtherDocument {
        /// The run.
        run_id: String,
        /// The file.
        path: PathBuf,
    },
    /// It was changed.
    #[error("line {line} of ledger `{path}` is not as it was written: nothing is resumed")]
    Tampered {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

impl ResumeError {
    /// Whether a file is not as it was written.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Foreign(_) | Self::UnknownFormat { .. } | Self::Tampered { .. } | Self::OtherDocument { .. }
        )
    }
}

/// One attempt of a step.
#[derive(Debug, Default)]
pub(crate) struct PastAttempt {
    pub(crate) started: bool,
    pub(crate) chose: Option<bool>,
    pub(crate) closing: Option<RecordedEnd>,
    pub(crate) ended: Option<RecordedEnd>,
    /// The place of its end among all.
    pub(crate) order: usize,
}

/// What was done before.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// By name and attempt.
    pub(crate) attempts: HashMap<String, BTreeMap<u64, PastAttempt>>,
    pub(crate) outputs: StepOutputs,
    /// The first thing that may have been left in force.
    pub(crate) in_force: Option<String>,
    /// The runs that went on with it.
    pub(crate) resumed: Vec<String>,
    finished: Option<RecordedEnd>,
    ends: usize,
}

impl Past {
    fn at(&mut self, step: String, attempt: u64) -> &mut PastAttempt {
        self.attempts.entry(step).or_default().entry(attempt).or_default()
    }

    fn take(&mut self, record: Record) {
        match record {
            Record::Begun(_) => {}
            Record::Resumed { run_id } => self.resumed.push(run_id),
            Record::Started { step, attempt } => self.at(step, attempt).started = true,
            Record::Chose { step, attempt, yes } => self.at(step, attempt).chose = Some(yes),
            Record::Closing { step, attempt, end } => self.at(step, attempt).closing = Some(end),
            Record::Ended { step, attempt, end } => {
                if !end.outputs.is_empty() {
                    self.outputs.insert(step.clone(), end.outputs.clone());
                }
                self.in_force = self.in_force.take().or_else(|| end.in_force.clone());
                self.ends += 1;
                let order = self.ends;
                let at = self.at(step, attempt);
                at.order = order;
                at.ended = Some(end);
            }
            Record::Finished { end } => self.finished = Some(end),
        }
    }
}

/// A ledger that a run left behind, locked, to go on with.
#[derive(Debug)]
pub struct OpenedLedger {
    /// How the workflow began.
    pub begun: Begun,
    /// Whether its last line was cut off, so that it counts for nothing.
    pub torn: bool,
    pub(crate) past: Past,
    pub(crate) folder: PathBuf,
    file: File,
    end: u64,
    sum: u64,
}

impl OpenedLedger {
    /// Opens the ledger of a run that has died, below `workspace`.
    ///
    /// # Errors
    /// [`ResumeError`], by name.
    pub fn open(workspace: &Path, run_id: &str) -> Result<Self, ResumeError> {
        if run_id.is_empty() || !run_id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(ResumeError::NoId(run_id.to_owned()));
        }
        let path = ledger_path(workspace, run_id);
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => ResumeError::Unknown { run_id: run_id.to_owned(), path: path.clone() },
            _ => ResumeError::Io { path: path.clone(), source },
        };
        // A pipe must not block.
        let nonblocking = 0o4000;
        let file = OpenOptions::new().read(true).append(true).custom_flags(nonblocking).open(&path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if !meta.is_file() || meta.len() > LIMIT {
            return Err(ResumeError::Foreign(path));
        }
        if !locked(&file).map_err(failed)? {
            return Err(ResumeError::Alive(run_id.to_owned()));
        }
        let mut bytes = Vec::new();
        (&file).take(LIMIT).read_to_end(&mut bytes).map_err(failed)?;
        let read = ReadLedger::of(&bytes, &path)?;
        if let Some(end) = &read.past.finished {
            return Err(ResumeError::Finished { run_id: run_id.to_owned(), outcome: end.outcome.word() });
        }
        let ReadLedger { begun, past, torn, end, sum } = read;
        let folder = path.parent().unwrap_or(workspace).to_owned();
        Ok(Self { begun, torn, past, folder, file, end, sum })
    }

    /// The runs that worked on it: what they left behind must be undone first.
    pub fn runs(&self) -> Vec<String> {
        std::iter::once(&self.begun.run_id).chain(&self.past.resumed).cloned().collect()
    }

    /// Refuses another document than the one that the workflow began with.
    ///
    /// # Errors
    /// [`ResumeError::OtherDocument`].
    pub fn check_document(&self, document: &[u8], path: &Path) -> Result<(), ResumeError> {
        if document_hash(document) == self.begun.document {
            return Ok(());
        }
        Err(ResumeError::OtherDocument { run_id: self.begun.run_id.clone(), path: path.to_owned() })
    }

    /// The copy of the document.
    pub fn document(&self) -> PathBuf {
        self.folder.join("document")
    }

    /// The ledger to be written to, and what stands in it.
    pub(crate) fn into_ledger(self) -> (Ledger, Past) {
        let ledger = Ledger::go_on(self.folder.clone(), self.file, self.end, self.sum);
        (ledger.unwrap_or_else(|error| Ledger::broken(self.folder, &error)), self.past)
    }
}

fn locked(file: &File) -> io::Result<bool> {
    for look in 0..LOOKS {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(std::fs::TryLockError::WouldBlock) if look + 1 < LOOKS => pause(),
            Err(std::fs::TryLockError::WouldBlock) => break,
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

#[expect(clippy::disallowed_methods, reason = "no run has begun, so there is no clock yet")]
fn pause() {
    std::thread::sleep(NEXT_LOOK);
}

/// The text of a ledger.
#[derive(Debug)]
struct ReadLedger {
    begun: Begun,
    past: Past,
    torn: bool,
    end: u64,
    sum: u64,
}

impl ReadLedger {
    fn of(bytes: &[u8], path: &Path) -> Result<Self, ResumeError> {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut lines = bytes[..whole].split_inclusive(|byte| *byte == b'\n').map(|line| &line[..line.len() - 1]);
        let first = lines.next().ok_or_else(|| ResumeError::Foreign(path.to_owned()))?;
        let (begun, mut sum) = begun(first, path)?;
        let mut past = Past::default();
        for (index, line) in lines.enumerate() {
            let tampered = || ResumeError::Tampered { path: path.to_owned(), line: index + 2 };
            let (record, next) = decode(sum, line).ok_or_else(tampered)?;
            sum = next;
            if matches!(record, Record::Begun(_)) || past.finished.is_some() {
                return Err(tampered());
            }
            past.take(record);
        }
        Ok(Self { begun, past, torn: whole < bytes.len(), end: whole as u64, sum })
    }
}

/// The first line: what it is, and of which format, is told before its checksum.
fn begun(line: &[u8], path: &Path) -> Result<(Begun, u64), ResumeError> {
    let value: Value = serde_json::from_slice(line).map_err(|_| ResumeError::Foreign(path.to_owned()))?;
    if value.get("record").and_then(Value::as_str) != Some("begun") {
        return Err(ResumeError::Foreign(path.to_owned()));
    }
    let format = value.get("format").unwrap_or(&Value::Null);
    if format.as_u64() != Some(LEDGER_FORMAT) {
        return Err(ResumeError::UnknownFormat { path: path.to_owned(), format: format.to_string() });
    }
    match decode(0, line) {
        Some((Record::Begun(begun), sum)) => Ok((begun, sum)),
        _ => Err(ResumeError::Tampered { path: path.to_owned(), line: 1 }),
    }
}
