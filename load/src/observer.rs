//! Who is told about single calls and connections while a run goes on.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::clock::{RunClock, seconds};
use crate::failure::{Failure, FailureKind};
use crate::tally::Times;

/// Something that a log may tell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// Warm-up is over, and the run begins.
    Begun,
    /// A call failed, or was answered with an error status.
    Failed { connection: usize, failure: Failure, size: u64 },
    /// A kept connection was found dead and replaced inside a call.
    Replaced { connection: usize },
    /// A connection has made its calls; `planned` is set where time cut it short.
    Ended { connection: usize, after: Duration, calls: u64, planned: Option<u64> },
}

/// The listeners of a run; by default there are none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observer {
    pub(crate) events: Option<SyncSender<Event>>,
    /// Events that found the channel full: a log never slows a run.
    pub(crate) lost: Arc<AtomicU64>,
    pub(crate) access: Option<Arc<AccessLog>>,
}

impl Observer {
    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(events) = &self.events
            && events.try_send(event()).is_err()
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A file with one record for each call, in the order of their ends.
#[derive(Debug)]
pub(crate) struct AccessLog {
    file: Mutex<BufWriter<File>>,
    influx: bool,
}

impl AccessLog {
    /// Opens a file, to which records are appended.
    pub(crate) fn open(path: &Path, influx: bool) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self { file: Mutex::new(BufWriter::new(file)), influx })
    }

    /// Writes one record, in fortio's format: latency in seconds, start in nanoseconds.
    pub(crate) fn record(
        &self,
        clock: &RunClock,
        times: Times,
        thread: usize,
        iter: u64,
        failure: Option<&Failure>,
        code: i32,
    ) {
        let start = clock.wall + Duration::from_nanos(times.sent);
        let start = start.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let latency = seconds(times.done.saturating_sub(times.sent));
        let (ok, details) = (failure.is_none(), details(failure, code));
        let line = if self.influx {
            format!("latency,thread={thread},ok={ok} value={latency:.6},details=\"{details}\" {start}\n")
        } else {
            format!(
                "{{\"latency\":{latency:.6},\"timestamp\":{start},\"thread\":{thread},\"iter\":{iter},\"ok\":{ok},\"details\":\"{details}\"}}\n"
            )
        };
        // A full disk ends the log, not the run.
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }

    /// Writes what is still in memory.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

fn details(failure: Option<&Failure>, code: i32) -> String {
    match failure {
        Some(Failure { kind: FailureKind::Status(status), .. }) => status.to_string(),
        Some(_) | None => code.to_string(),
    }
}

/// The wall clock now; the one place where a log line takes it from.
pub(crate) fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_formats_of_fortio() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let clock = RunClock::starting_in(Duration::ZERO);
        let start = clock.wall.duration_since(UNIX_EPOCH).unwrap().as_nanos() + 5000;
        let times = Times { due: 0, sent: 5_000, done: 380_000 };
        let failure = Failure::new(FailureKind::Status(503), "");
        for (influx, failure, code) in [(false, Some(&failure), 503), (true, None, 200)] {
            let log = AccessLog::open(&path, influx).unwrap();
            log.record(&clock, times, 3, 7, failure, code);
            log.flush().unwrap();
        }
        let expected = format!(
            "{{\"latency\":0.000375,\"timestamp\":{start},\"thread\":3,\"iter\":7,\"ok\":false,\"details\":\"503\"}}\n\
             latency,thread=3,ok=true value=0.000375,details=\"200\" {start}\n"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected, "the second one is appended");
    }

    #[test]
    fn a_full_channel_loses_events_and_counts_them() {
        let (events, _kept) = std::sync::mpsc::sync_channel(1);
        let observer = Observer { events: Some(events), ..Observer::default() };
        observer.tell(|| Event::Begun);
        observer.tell(|| Event::Begun);
        assert_eq!(observer.lost.load(Ordering::Relaxed), 1);
    }
}
