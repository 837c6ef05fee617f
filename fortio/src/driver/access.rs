//! Reads fortio's access log.

use std::io::{self, BufRead};
use std::time::Duration;

use chaos_load::{ExternalRequest, ExternalRun, Failure, FailureKind};
use serde::Deserialize;

/// Status that stands for a request without an answer.
const NO_ANSWER: i32 = -1;

/// Longest line that is read as a record; fortio's have about 120 bytes.
const MAX_LINE: usize = 64 * 1024;

/// What is taken for the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The first call that ends, while nothing better is known.
    FirstCall,
    /// Nanoseconds since 1970.
    At(u64),
}

/// One record: latency in seconds, start in nanoseconds since 1970.
#[derive(Debug, Deserialize)]
struct Record {
    latency: f64,
    timestamp: u64,
    thread: usize,
    iter: u64,
    ok: bool,
    details: String,
}

/// A log that may still grow: a line without its end is left for the next time.
pub(crate) struct Reader<R> {
    input: R,
    held: Vec<u8>,
    first: Option<u64>,
}

impl<R: BufRead> Reader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, held: Vec::new(), first: None }
    }

    /// When the first call that was read started, in nanoseconds since 1970.
    pub(crate) fn first(&self) -> Option<u64> {
        self.first
    }

    /// Counts every complete record that has not been read yet.
    pub(crate) fn read_into(&mut self, run: &mut ExternalRun, origin: Origin) -> io::Result<()> {
        loop {
            self.input.read_until(b'\n', &mut self.held)?;
            if self.held.len() > MAX_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line of the access log has no end"));
            }
            if !self.held.ends_with(b"\n") {
                return Ok(());
            }
            let record: Result<Record, _> = serde_json::from_slice(&self.held);
            self.held.clear();
            // A line that is none of fortio's says nothing about a call.
            let Ok(record) = record else { continue };
            let start = match origin {
                Origin::At(start) => start,
                Origin::FirstCall => *self.first.get_or_insert(record.timestamp),
            };
            run.record(record.call(start));
        }
    }
}

impl Record {
    fn call(self, start: u64) -> ExternalRequest {
        let code = self.details.parse().unwrap_or(if self.ok { 200 } else { NO_ANSWER });
        let kind = u16::try_from(code).map_or(FailureKind::Io, FailureKind::Status);
        let detail = if code == NO_ANSWER { "no answer (fortio's access log says no more)" } else { "error status" };
        ExternalRequest {
            connection: self.thread,
            number: self.iter,
            sent: Duration::from_nanos(self.timestamp.saturating_sub(start)),
            took: Duration::try_from_secs_f64(self.latency).unwrap_or_default(),
            code,
            failure: (!self.ok).then(|| Failure::new(kind, detail)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use chaos_load::{LoadModel, LoadPlan, LoadResult, Rate, Running, Stop};

    use super::*;

    fn line(start: u64, latency: f64, thread: usize, iter: u64, details: &str) -> String {
        let ok = details == "200";
        format!(
            "{{\"latency\":{latency:.6},\"timestamp\":{start},\"thread\":{thread},\"iter\":{iter},\"ok\":{ok},\"details\":\"{details}\"}}\n"
        )
    }

    fn run() -> (ExternalRun, Running) {
        let mut load = LoadPlan::to("http://h/").unwrap();
        load.rate = Rate::Qps(20.0);
        load.stop = Stop::Count(40);
        load.model = LoadModel::Fortio { uniform: false, jitter: false, nocatchup: false };
        ExternalRun::new(load)
    }

    fn result((run, running): (ExternalRun, Running)) -> LoadResult {
        run.finish(SystemTime::UNIX_EPOCH, Duration::from_secs(3), |_| {});
        running.wait_blocking()
    }

    #[test]
    fn the_start_that_was_meant_is_rebuilt_from_thread_and_call() {
        let mut run = run();
        // 4 threads of 10 calls, 200 ms * 10 / 9 apart: call 9 is due at 2 s.
        let text = line(1_000_000_000, 0.1, 0, 0, "200") + &line(3_500_000_000, 0.25, 2, 9, "503");
        Reader::new(text.as_bytes()).read_into(&mut run.0, Origin::At(1_000_000_000)).unwrap();
        let result = result(run);
        assert_eq!((result.counts.ok, result.counts.errors, result.counts.late), (1, 1, 1));
        let longest = |latency: &chaos_load::Latency| latency.max().unwrap().as_millis();
        assert_eq!([&result.start_lag, &result.response, &result.service].map(longest), [500, 750, 250]);
    }

    #[test]
    fn half_a_line_waits_for_its_other_half_and_strange_lines_are_passed_over() {
        let mut run = run();
        let whole = line(5, 0.1, 0, 0, "200");
        let (first, second) = whole.split_at(20);
        let mut reader = Reader::new(first.as_bytes());
        reader.read_into(&mut run.0, Origin::FirstCall).unwrap();
        assert_eq!(run.0.completed(), 0);
        let rest = format!("{second}not a record\n{}", line(9, 0.1, 99, 7, "-1"));
        let mut reader = Reader { input: rest.as_bytes(), held: reader.held, first: reader.first };
        reader.read_into(&mut run.0, Origin::FirstCall).unwrap();
        let result = result(run);
        assert_eq!((result.counts.ok, result.codes.get(&-1)), (1, Some(&1)));
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let text = vec![b'x'; MAX_LINE + 1];
        let error = Reader::new(&text[..]).read_into(&mut run().0, Origin::FirstCall);
        assert_eq!(error.unwrap_err().to_string(), "a line of the access log has no end");
    }
}
