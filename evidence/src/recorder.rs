//! Writes a recording.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chaos_core::{EvidenceKind, PluginError, RunContext};

use crate::moment::Moment;
use crate::recording::{EvidenceRecord, RecordedBounds, Took};

/// How many bytes a recording takes at the most, so that it can be replayed from memory.
pub(crate) const MOST_BYTES: u64 = 256 << 20;
/// Bytes of these that are left for the last line, which says why there is no more.
const LAST_LINE: u64 = 4096;

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder(Mutex<Writer>);

/// Keeps others from adding.
#[derive(Debug)]
#[must_use]
pub(crate) struct InOrder<'r> {
    _writer: MutexGuard<'r, Writer>,
}

#[derive(Debug)]
struct Writer {
    file: BufWriter<File>,
    left: u64,
    last: Moment,
    /// Why it ends before the run does.
    cut: Option<String>,
    ended: bool,
}

impl Recorder {
    /// Makes the file, which must not exist, where the policy allows it, for a source that gives and keeps so much.
    ///
    /// # Errors
    /// [`PluginError::Failed`] where it can't be made.
    pub fn create(
        path: &Path,
        gives: &[EvidenceKind],
        kept: RecordedBounds,
        cx: &RunContext,
    ) -> Result<Self, PluginError> {
        let failed = |why: String| PluginError::failed(format!("make the recording `{}`: {why}", path.display()));
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name =
            path.file_name().and_then(|name| name.to_str()).ok_or_else(|| failed("expected a file name".to_owned()))?;
        let dir = cx.open_dir(parent).map_err(|error| failed(error.to_string()))?;
        let file = dir.create_new(name).map_err(|error| failed(error.to_string()))?;
        let recorder = Self::new(file, MOST_BYTES);
        let began = Took::Began { gives: gives.to_vec(), kept };
        recorder.add(&EvidenceRecord { at_ns: Moment::now(cx.clock()), took: began });
        Ok(recorder)
    }

    fn new(file: File, most: u64) -> Self {
        let left = most.saturating_sub(LAST_LINE);
        Self(Mutex::new(Writer { file: BufWriter::new(file), left, last: Moment(i64::MIN), cut: None, ended: false }))
    }

    /// Adds what came in. Of two that came at once over two connections, the later one may be written first.
    pub fn add(&self, recorded: &EvidenceRecord<'_>) {
        self.lock().add(recorded);
    }

    /// Adds what came in. While what this gives is held nothing else is added: a store that is told meanwhile has it in the
    /// order of the recording.
    pub(crate) fn add_in_order(&self, recorded: &EvidenceRecord<'_>) -> InOrder<'_> {
        let mut writer = self.lock();
        writer.add(recorded);
        InOrder { _writer: writer }
    }

    /// Writes the last line and what is buffered; why the recording is not whole, where it is not.
    pub fn end(&self, at: Moment, why: &str) -> Option<String> {
        let mut writer = self.lock();
        writer.end(at, why);
        if let Err(error) = writer.file.flush() {
            writer.cut.get_or_insert_with(|| error.to_string());
        }
        writer.cut.clone().map(|why| format!("the recording is not whole: {why}"))
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        // A line that was cut off is told by who reads it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a line was not written.
#[derive(Debug, thiserror::Error)]
enum NotWritten {
    #[error("it would take more than {} MiB", MOST_BYTES >> 20)]
    TooLarge,
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Writer {
    fn add(&mut self, recorded: &EvidenceRecord<'_>) {
        if self.ended {
            return;
        }
        if let Err(why) = self.write(recorded) {
            let told = why.to_string();
            // After a failed write nobody knows how much of the line is there, so nothing may follow it.
            self.ended = matches!(why, NotWritten::Io(_));
            self.end(recorded.at_ns, &format!("its recording is not whole: {told}"));
            self.cut = Some(told);
        }
    }

    fn end(&mut self, at: Moment, why: &str) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.left = self.left.saturating_add(LAST_LINE);
        if let Err(error) = self.write(&EvidenceRecord { at_ns: at, took: Took::Ended { why: why.into() } }) {
            self.cut.get_or_insert_with(|| error.to_string());
        }
    }

    fn write(&mut self, recorded: &EvidenceRecord<'_>) -> Result<(), NotWritten> {
        // Times that went backwards would be refused when it is read.
        let at_ns = self.last.max(recorded.at_ns);
        let mut line = serde_json::to_vec(&Line { at_ns, took: &recorded.took })?;
        line.push(b'\n');
        self.left = self.left.checked_sub(line.len() as u64).ok_or(NotWritten::TooLarge)?;
        self.last = at_ns;
        Ok(self.file.write_all(&line)?)
    }
}

/// A line of a recording, as [`EvidenceRecord`] reads it.
#[derive(serde::Serialize)]
struct Line<'r, 'a> {
    at_ns: Moment,
    took: &'r Took<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(at: i64) -> EvidenceRecord<'static> {
        EvidenceRecord { at_ns: Moment(at), took: Took::LostSamples { count: 1, at_ns: Moment(at), why: "x".into() } }
    }

    #[test]
    fn beyond_its_bound_it_ends_and_says_so_in_its_last_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidence.jsonl");
        let one = serde_json::to_string(&lost(1)).unwrap().len() as u64 + 1;
        let recorder = Recorder::new(File::create(&path).unwrap(), LAST_LINE + 2 * one);
        for at in 1..=5 {
            recorder.add(&lost(at));
        }
        let cut = recorder.end(Moment(9), "it has been stopped").unwrap();
        assert_eq!(cut, "the recording is not whole: it would take more than 256 MiB");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<EvidenceRecord<'_>> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let why = "its recording is not whole: it would take more than 256 MiB".into();
        assert_eq!(lines, [lost(1), lost(2), EvidenceRecord { at_ns: Moment(3), took: Took::Ended { why } }]);
        assert!(text.len() as u64 <= LAST_LINE + 2 * one);
    }

    #[test]
    fn a_disk_that_is_full_leaves_a_recording_that_says_that_it_has_no_end() {
        let Ok(full) = File::options().write(true).open("/dev/full") else {
            eprintln!("skipped: needs /dev/full");
            return;
        };
        let recorder = Recorder::new(full, MOST_BYTES);
        recorder.add(&lost(1));
        let cut = recorder.end(Moment(2), "it has been stopped").unwrap();
        assert!(cut.starts_with("the recording is not whole: No space left"), "{cut}");
    }

    #[test]
    fn times_never_go_backwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidence.jsonl");
        let recorder = Recorder::new(File::create(&path).unwrap(), MOST_BYTES);
        for at in [5, 3, 7] {
            recorder.add(&lost(at));
        }
        assert_eq!(recorder.end(Moment(6), "it has been stopped"), None);
        let text = std::fs::read_to_string(&path).unwrap();
        let times = text.lines().map(|line| serde_json::from_str::<EvidenceRecord<'_>>(line).unwrap().at_ns.0);
        assert_eq!(times.collect::<Vec<_>>(), [5, 5, 7, 7]);
    }
}
