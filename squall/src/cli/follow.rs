//! Follows a run's events on a thread of its own: writes the event file, feeds the live display.

use std::fs::File;
use std::io::Write;
use std::thread::JoinHandle;
use std::time::Duration;

use chaos_core::{Event, EventStream};

use super::console::complain;
use super::failure::Failure;
use super::live::{Detail, Live};
use super::secrets::masked_value;

/// How often a display that shows elapsed time is refreshed.
const TICK: Duration = Duration::from_millis(500);

/// The thread that follows. A terminal that is stopped blocks this thread only, never the run or its signals.
#[must_use = "the last events are written when it is finished"]
pub(crate) struct Follower(JoinHandle<()>);

impl Follower {
    /// Starts it.
    pub(crate) fn start(stream: EventStream, file: Option<File>, detail: Detail) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| Failure::Internal(format!("no runtime for events: {error}")))?;
        let thread = std::thread::Builder::new().name("squall-follow".to_owned());
        let thread = thread.spawn(move || runtime.block_on(follow(stream, file, Live::on_stderr(detail))));
        thread.map(Self).map_err(|error| Failure::Internal(format!("no thread for events: {error}")))
    }

    /// Waits until the last event is written.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.0.join().map_err(|_| Failure::Internal("the display panicked".to_owned()))
    }
}

async fn follow(mut stream: EventStream, mut file: Option<File>, mut live: Live) {
    loop {
        match tokio::time::timeout(TICK, stream.recv()).await {
            Ok(Some(event)) => {
                file = file.and_then(|file| write(file, &event));
                live.event(&event);
            }
            Ok(None) => break,
            Err(_) => live.tick(),
        }
    }
    live.finish();
}

/// Line by line, so that a harness in another language can follow. A file that fails is given up, not the run.
fn write(mut file: File, event: &Event) -> Option<File> {
    let line = match masked_value(event) {
        Some(masked) => serde_json::to_string(&masked.ok()?),
        None => serde_json::to_string(event),
    };
    let line = line.ok()? + "\n";
    match file.write_all(line.as_bytes()) {
        Ok(()) => Some(file),
        Err(error) => {
            complain(&format!("events are no longer written: {error}"));
            None
        }
    }
}
