//! fortio's access log: a line for each request.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use chaos_load::{EndedRequest, Failure, FailureKind, RequestSink};

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

    /// Writes what is still in memory.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

impl RequestSink for AccessLog {
    /// Writes one record, in fortio's format: latency in seconds, start in nanoseconds.
    fn record(&self, call: &EndedRequest<'_>) {
        let start = call.started_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let (thread, latency) = (call.connection, call.took.as_secs_f64());
        let (ok, details) = (call.failure.is_none(), details(call.failure, call.code));
        let line = if self.influx {
            format!("latency,thread={thread},ok={ok} value={latency:.6},details=\"{details}\" {start}\n")
        } else {
            let iter = call.number;
            format!(
                "{{\"latency\":{latency:.6},\"timestamp\":{start},\"thread\":{thread},\"iter\":{iter},\"ok\":{ok},\"details\":\"{details}\"}}\n"
            )
        };
        // A full disk ends the log, not the run.
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}

fn details(failure: Option<&Failure>, code: i32) -> String {
    match failure {
        Some(Failure { kind: FailureKind::Status(status), .. }) => status.to_string(),
        Some(_) | None => code.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn records_have_the_formats_of_fortio() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let started_at = UNIX_EPOCH + Duration::from_nanos(1_795_229_560_779_099_314);
        let start = 1_795_229_560_779_099_314_u64;
        let failure = Failure::new(FailureKind::Status(503), "");
        for (influx, failure, code) in [(false, Some(&failure), 503), (true, None, 200)] {
            let log = AccessLog::open(&path, influx).unwrap();
            log.record(&EndedRequest {
                connection: 3,
                number: 7,
                started_at,
                took: Duration::from_micros(375),
                code,
                failure,
            });
            log.flush().unwrap();
        }
        let expected = format!(
            "{{\"latency\":0.000375,\"timestamp\":{start},\"thread\":3,\"iter\":7,\"ok\":false,\"details\":\"503\"}}\n\
             latency,thread=3,ok=true value=0.000375,details=\"200\" {start}\n"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected, "the second one is appended");
    }
}
