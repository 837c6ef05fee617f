//! The ledger of a workflow: a line is on disk before anything follows from it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use chaos_core::LEDGER_FILE;
use tokio::sync::oneshot;

use crate::record::{Begun, Record, encode};

/// Where each workflow has its folder, below the workspace.
pub const RUNS_FOLDER: &str = ".squall/runs";

/// The ledger of the workflow that this run began.
pub fn ledger_path(workspace: &Path, run_id: &str) -> PathBuf {
    workspace.join(RUNS_FOLDER).join(run_id).join(LEDGER_FILE)
}

/// A line, and who waits for it.
struct Line {
    record: Record,
    written: oneshot::Sender<io::Result<()>>,
}

/// Why a ledger could not be made.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
struct NoLedger(String);

/// A ledger that is written to. A thread of its own writes: lines that come together share one sync.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    lines: Result<Sender<Line>, NoLedger>,
}

impl Ledger {
    /// A new ledger, in a new folder of the run below `workspace`, beside a copy of the document.
    pub(crate) fn create(workspace: &Path, begun: Begun, document: &[u8]) -> io::Result<Self> {
        let path = ledger_path(workspace, &begun.run_id);
        let folder = path.parent().unwrap_or(workspace).to_owned();
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let private = |path: &Path| OpenOptions::new().create_new(true).append(true).mode(0o600).open(path);
        let mut copy = private(&folder.join("document"))?;
        copy.write_all(document)?;
        copy.sync_all()?;
        let file = private(&path)?;
        file.try_lock().map_err(io::Error::other)?;
        let mut writer = LedgerFile { file, end: 0, sum: 0, broken: None };
        writer.put(&[Record::Begun(begun)])?;
        // Its name must survive, too.
        File::open(&folder)?.sync_all()?;
        Self::over(folder, writer)
    }

    /// Goes on with a ledger whose lock `file` holds, behind its last whole line.
    pub(crate) fn go_on(folder: PathBuf, file: File, end: u64, sum: u64) -> io::Result<Self> {
        file.set_len(end)?;
        Self::over(folder, LedgerFile { file, end, sum, broken: None })
    }

    /// A ledger that takes nothing.
    pub(crate) fn broken(folder: PathBuf, why: &io::Error) -> Self {
        Self { folder, lines: Err(NoLedger(why.to_string())) }
    }

    fn over(folder: PathBuf, writer: LedgerFile) -> io::Result<Self> {
        let (lines, coming) = channel();
        std::thread::Builder::new().name("squall-ledger".to_owned()).spawn(move || writer.serve(&coming))?;
        Ok(Self { folder, lines: Ok(lines) })
    }

    /// The folder of the workflow.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts a line on disk.
    pub(crate) async fn append(&self, record: Record) -> io::Result<()> {
        let gone = || io::Error::other("its thread has ended");
        let lines = self.lines.as_ref().map_err(|why| io::Error::other(why.clone()))?;
        let (written, done) = oneshot::channel();
        lines.send(Line { record, written }).map_err(|_| gone())?;
        done.await.map_err(|_| gone())?
    }
}

/// The file, and where its next line goes.
struct LedgerFile {
    file: File,
    end: u64,
    sum: u64,
    /// Why nothing more is written.
    broken: Option<String>,
}

impl LedgerFile {
    /// Writes what comes until nobody is left who could send any.
    fn serve(mut self, coming: &Receiver<Line>) {
        while let Ok(first) = coming.recv() {
            let (mut records, mut waiting) = (vec![first.record], vec![first.written]);
            while let Ok(line) = coming.try_recv() {
                records.push(line.record);
                waiting.push(line.written);
            }
            let done = self.put(&records);
            for written in waiting {
                // Who was dropped meanwhile does not wait.
                let _ = written
                    .send(done.as_ref().copied().map_err(|error| io::Error::new(error.kind(), error.to_string())));
            }
        }
    }

    fn put(&mut self, records: &[Record]) -> io::Result<()> {
        if let Some(why) = &self.broken {
            return Err(io::Error::other(why.clone()));
        }
        let (mut bytes, mut sum) = (Vec::new(), self.sum);
        for record in records {
            let (line, next) = encode(sum, record)?;
            bytes.extend(line);
            sum = next;
        }
        if let Err(error) = self.file.write_all(&bytes) {
            // Half a line must not stand in the middle; a disk that has room again takes the next one.
            if self.file.set_len(self.end).is_err() {
                self.broken = Some(format!("an earlier line was cut off: {error}"));
            }
            return Err(error);
        }
        if let Err(error) = self.file.sync_data() {
            // What is on disk now nobody knows.
            self.broken = Some(format!("an earlier line could not be synced: {error}"));
            return Err(error);
        }
        self.end += bytes.len() as u64;
        self.sum = sum;
        Ok(())
    }
}
