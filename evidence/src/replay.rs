//! The source that replays evidence of an earlier run.

#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chaos_core::{
    BoxFuture, Clock, EvidenceKind, Plan, PluginError, RunningSource, Source, SourceContext, SourceEnd, register_source,
};
use rustix::fs::OFlags;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_util::task::AbortOnDropHandle;

use crate::moment::Moment;
use crate::recorder::MOST_BYTES;
use crate::recording::{EvidenceRecord, RecordedBounds, Took};
use crate::sink::one_after_another;
use crate::stores::Stores;

/// Bytes of the first line, from which it is told what a recording has.
const FIRST_LINE: u64 = 4096;

/// Replays what an earlier run has recorded, at the same times of the run's clock.
///
/// # What it takes in
/// A file that a source with `record` has written: spans, metrics and logs, whichever that source took in, and what it lost of
/// them. Each record comes in as long after the start of the run as it did when it was recorded, and so do its own times: a
/// run whose faults come at the same times sees the same, also under virtual time.
///
/// # What is kept
/// As much as by the source that recorded it; what was lost or could not be read then is missing again. After the end of a
/// recording nothing more is known: an answer for which that matters is unknown.
///
/// # Limits
/// The system under test does not react: what it says is what it said. A recording of more than 256 MiB, and one that is not
/// sorted or not whole, is refused with the line. One of spans only that was written before recordings had an end is read, and
/// may lack it.
///
/// # Example
/// ```yaml
/// type: recording
/// path: evidence.jsonl
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// The file; a relative path begins in the workspace.
    pub path: PathBuf,
}

impl Source for Recording {
    const GIVES: &'static [EvidenceKind] = &[EvidenceKind::Spans, EvidenceKind::Metrics, EvidenceKind::Logs];

    fn gives(&self, cx: &SourceContext) -> Vec<EvidenceKind> {
        // What can't be read is refused by `plan`, with the reason.
        self.first_line(cx).map_or_else(|| Self::GIVES.to_vec(), |line| began(&line).0)
    }

    async fn plan(&self, cx: &SourceContext) -> Result<Plan, PluginError> {
        self.read(cx)?;
        Ok(Plan::new(format!("replay the recording `{}`", self.path.display())))
    }

    async fn start(&self, cx: &SourceContext) -> Result<Arc<dyn RunningSource>, PluginError> {
        let text = self.read(cx)?;
        let (gives, kept) = began(text.lines().next().unwrap_or_default());
        let replay = Arc::new(Replay {
            source: Arc::clone(cx.name()),
            stores: Stores::of(cx.cx()),
            clock: cx.cx().shared_clock(),
            gives,
            others: AtomicU64::new(0),
        });
        replay.stores.open(&replay.source, &replay.gives, kept);
        let its = Arc::clone(&replay);
        let task = AbortOnDropHandle::new(tokio::spawn(async move { its.all(&text).await }));
        Ok(Arc::new(Replaying { path: self.path.clone(), replay, _task: task }))
    }

    fn needs_real_time(&self) -> bool {
        false
    }
}

register_source!(Recording, "recording");

impl Recording {
    /// The whole file, once every line is shown to be readable.
    fn read(&self, cx: &SourceContext) -> Result<String, PluginError> {
        let refused = |why: String| PluginError::refused(format!("the recording `{}`: {why}", self.path.display()));
        let mut text = String::new();
        let read = self.open(cx).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text));
        read.map_err(|error| refused(error.to_string()))?;
        if text.len() as u64 > MOST_BYTES {
            return Err(refused(format!("it has more than {} MiB", MOST_BYTES >> 20)));
        }
        check(&text).map_err(|why| refused(why.to_string()))?;
        Ok(text)
    }

    /// The first line, where it is one that can be read.
    fn first_line(&self, cx: &SourceContext) -> Option<String> {
        let mut line = String::new();
        BufReader::new(self.open(cx).ok()?.take(FIRST_LINE)).read_line(&mut line).ok()?;
        Some(line)
    }

    fn open(&self, cx: &SourceContext) -> io::Result<File> {
        // A pipe that nobody writes to would block.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let path = cx.cx().workspace().join(&self.path);
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
    }
}

/// What is wrong with a recording.
#[derive(Debug, thiserror::Error)]
enum NotARecording {
    #[error("line {line}, column {column}: {what}")]
    Unreadable { line: usize, column: usize, what: String },
    #[error("line {0} is older than the line before")]
    Unsorted(usize),
    #[error("line {0} comes after the end of the recording")]
    AfterTheEnd(usize),
    #[error("line {0} begins a recording, which is for the first line")]
    BeginsAgain(usize),
    #[error("line {0}: it breaks off there, so it is not whole")]
    BrokenOff(usize),
    #[error("it ends after line {0} without saying so, so it is not whole")]
    Endless(usize),
}

fn check(text: &str) -> Result<(), NotARecording> {
    let (mut last, mut lines, mut has_end, mut needs_end) = (Moment(i64::MIN), 0, false, false);
    for line in text.split_inclusive('\n') {
        lines += 1;
        let Some(line) = line.strip_suffix('\n') else { return Err(NotARecording::BrokenOff(lines)) };
        let EvidenceRecord { at_ns, took } = recorded(line).map_err(|error| unreadable(lines, &error))?;
        if has_end {
            return Err(NotARecording::AfterTheEnd(lines));
        }
        if at_ns < last {
            return Err(NotARecording::Unsorted(lines));
        }
        last = at_ns;
        match took {
            Took::Began { .. } if lines > 1 => return Err(NotARecording::BeginsAgain(lines)),
            Took::Began { .. } => needs_end = true,
            Took::Ended { .. } => has_end = true,
            _ => {}
        }
    }
    if needs_end && !has_end { Err(NotARecording::Endless(lines)) } else { Ok(()) }
}

fn unreadable(line: usize, error: &serde_json::Error) -> NotARecording {
    let what = error.to_string();
    // The place in its own words is that within the line.
    let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what).to_owned();
    NotARecording::Unreadable { line, column: error.column(), what }
}

fn recorded(line: &str) -> Result<EvidenceRecord<'_>, serde_json::Error> {
    serde_json::from_str(line)
}

/// What a recording has, by its first line; one without such a line has spans.
fn began(line: &str) -> (Vec<EvidenceKind>, RecordedBounds) {
    match recorded(line) {
        Ok(EvidenceRecord { took: Took::Began { gives, kept }, .. }) => (gives, kept),
        _ => (vec![EvidenceKind::Spans], RecordedBounds::default()),
    }
}

/// What a replay works with.
#[derive(Debug)]
struct Replay {
    source: Arc<str>,
    stores: Stores,
    clock: Arc<dyn Clock>,
    gives: Vec<EvidenceKind>,
    /// How many samples and lines came in.
    others: AtomicU64,
}

impl Replay {
    async fn all(&self, text: &str) {
        for line in text.lines() {
            // Each was readable when the source was started.
            let Ok(EvidenceRecord { at_ns, took }) = recorded(line) else { continue };
            let wait = at_ns.since(Moment::now(&*self.clock));
            if !wait.is_zero() {
                self.clock.sleep(wait).await;
            }
            let others = self.stores.keep(&self.source, &self.gives, at_ns, took);
            self.others.fetch_add(others, Ordering::Relaxed);
        }
    }

    fn end(&self) -> SourceEnd {
        let Stores { spans, metrics, logs } = &self.stores;
        let figures = spans.figures(&self.source);
        spans.close(&self.source, "it has been stopped");
        let (samples, lines) = (metrics.losses(&self.source), logs.losses(&self.source));
        SourceEnd {
            taken: figures.taken + self.others.load(Ordering::Relaxed),
            dropped: figures.dropped + samples.count() + lines.count(),
            detail: one_after_another([samples.why().to_owned(), lines.why().to_owned()]),
        }
    }
}

/// It replays.
#[derive(Debug)]
struct Replaying {
    path: PathBuf,
    replay: Arc<Replay>,
    _task: AbortOnDropHandle<()>,
}

impl RunningSource for Replaying {
    fn describe(&self) -> String {
        format!("recording `{}`", self.path.display())
    }

    fn stop(&self) -> BoxFuture<'_, SourceEnd> {
        Box::pin(std::future::ready(self.replay.end()))
    }
}
