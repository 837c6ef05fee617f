//! Follows a run's events on a thread of its own: writes the event file, feeds the live display.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use chaos_core::{Event, EventStream};
use chaos_evidence::TracedRun;

use super::console::{complain, patience};
use super::exports::{Exports, Tap};
use super::failure::Failure;
use super::live::{Detail, Live};
use super::secrets::json_line;

/// How often a display that shows elapsed time is refreshed.
const TICK: Duration = Duration::from_millis(500);
/// How often it is looked whether an event file that is stalled is to be given up.
const LOOK: Duration = Duration::from_millis(100);

/// How a run is followed.
pub(crate) struct Watch {
    /// How much is shown.
    pub(crate) detail: Detail,
    /// Whether the end of standard input releases it.
    pub(crate) until_stdin_closes: bool,
    /// What it tells others.
    pub(crate) exports: Exports,
}

/// The thread that follows. An event file that is stalled blocks this thread only, never the run or its signals.
#[must_use = "the last events are written when it is finished"]
pub(crate) struct Follower {
    done: Receiver<Option<TracedRun>>,
    events: Arc<AtomicU64>,
}

impl Follower {
    /// Starts it.
    pub(crate) fn start(
        stream: EventStream,
        file: Option<File>,
        detail: Detail,
        exports: &Exports,
    ) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| Failure::Internal(format!("no runtime for events: {error}")))?;
        let thread = std::thread::Builder::new().name("squall-follow".to_owned());
        let (ended, done) = channel();
        let events = Arc::new(AtomicU64::new(0));
        let (count, mut tap) = (Arc::clone(&events), exports.tap());
        let thread = thread.spawn(move || {
            runtime.block_on(follow(stream, file, Live::on_stderr(detail), &mut tap, &count));
            // Nobody waits for it any more where that was too long.
            let _ = ended.send(tap.finish());
        });
        thread.map_err(|error| Failure::Internal(format!("no thread for events: {error}")))?;
        Ok(Self { done, events })
    }

    /// Waits until the last event is written; an event file that is stalled is given up once a signal asked for the end.
    /// Gives the trace of the run, where one was asked for.
    pub(crate) fn finish(self) -> Result<Option<TracedRun>, Failure> {
        let (mut seen, mut since) = (self.events.load(Ordering::Relaxed), Instant::now());
        loop {
            match self.done.recv_timeout(LOOK) {
                Ok(trace) => return Ok(trace),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::Internal("the display panicked".to_owned()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = self.events.load(Ordering::Relaxed);
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            if patience().is_some_and(|patience| since.elapsed() >= patience) {
                complain("events are no longer written: nobody reads them, and a signal asked for the end");
                return Ok(None);
            }
        }
    }
}

async fn follow(mut stream: EventStream, mut file: Option<File>, mut live: Live, tap: &mut Tap, events: &AtomicU64) {
    loop {
        match tokio::time::timeout(TICK, stream.recv()).await {
            Ok(Some(event)) => {
                live.event(&event);
                tap.record(&event);
                file = file.and_then(|file| write(file, &event));
                events.fetch_add(1, Ordering::Relaxed);
            }
            Ok(None) => break,
            Err(_) => live.tick(),
        }
    }
    live.finish();
}

/// Line by line, so that a harness in another language can follow. A file that fails is given up, not the run.
pub(crate) fn write(mut file: File, event: &Event) -> Option<File> {
    let line = json_line(event).ok()?;
    match file.write_all(line.as_bytes()) {
        Ok(()) => Some(file),
        Err(error) => {
            complain(&format!("events are no longer written: {error}"));
            None
        }
    }
}
