//! Reads fortio's access log, and finds out when each call should have started.

use std::io::{self, BufRead};

use serde::Deserialize;

use crate::call::{NO_ANSWER, Outcome};
use crate::control::Control;
use crate::failure::{Failure, FailureKind};
use crate::plan::Load;
use crate::schedule::{Lane, Split};
use crate::tally::{Tally, Times};

/// Longest line that is read as a record; fortio's have about 120 bytes.
const MAX_LINE: usize = 64 * 1024;

/// What is taken for the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
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
pub(super) struct Reader<R> {
    input: R,
    held: Vec<u8>,
    first: Option<u64>,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, held: Vec::new(), first: None }
    }

    /// When the first call that was read started, in nanoseconds since 1970.
    pub(super) fn first(&self) -> Option<u64> {
        self.first
    }

    /// Counts every complete record that has not been read yet.
    pub(super) fn read_into(
        &mut self,
        tally: &mut Tally,
        load: &Load,
        origin: Origin,
        control: &Control,
    ) -> io::Result<()> {
        let split = Split::of(load);
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
            let times = record.times(start, load, &split);
            let outcome = record.outcome();
            if outcome.is_answered() {
                control.note_answer(times.done);
            }
            tally.record(times, control.phase_at(times.due), &outcome);
        }
    }
}

impl Record {
    fn times(&self, start: u64, load: &Load, split: &Split) -> Times {
        let sent = self.timestamp.saturating_sub(start);
        let lane = Lane::of(load, split, self.thread);
        // At full speed, and for a log of another run, a call is due when it starts.
        let due = if lane.qps.is_some() { lane.due(self.iter).min(sent) } else { sent };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a latency; negative ones become 0"
        )]
        let took = (self.latency * 1e9) as u64;
        Times { due, sent, done: sent.saturating_add(took) }
    }

    fn outcome(&self) -> Outcome {
        let code: i32 = self.details.parse().unwrap_or(if self.ok { 200 } else { NO_ANSWER });
        if self.ok {
            return Outcome::answered(code, 0);
        }
        let kind = u16::try_from(code).map_or(FailureKind::Io, FailureKind::Status);
        let detail = if code == NO_ANSWER { "no answer (fortio's access log says no more)" } else { "error status" };
        Outcome { code, ..Outcome::failed(Failure::new(kind, detail), 0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Model, Rate, Stop};

    fn line(start: u64, latency: f64, thread: usize, iter: u64, details: &str) -> String {
        let ok = details == "200";
        format!(
            "{{\"latency\":{latency:.6},\"timestamp\":{start},\"thread\":{thread},\"iter\":{iter},\"ok\":{ok},\"details\":\"{details}\"}}\n"
        )
    }

    fn plan() -> Load {
        let mut load = Load::to("http://h/").unwrap();
        load.rate = Rate::Qps(20.0);
        load.stop = Stop::Count(40);
        load.model = Model::Fortio { uniform: false, jitter: false, nocatchup: false };
        load
    }

    #[test]
    fn the_start_that_was_meant_is_rebuilt_from_thread_and_call() {
        let load = plan();
        // 4 threads of 10 calls, 200 ms * 10 / 9 apart: call 9 is due at 2 s.
        let text = line(1_000_000_000, 0.1, 0, 0, "200") + &line(3_500_000_000, 0.25, 2, 9, "503");
        let mut tally = Tally::new(&load);
        let mut reader = Reader::new(text.as_bytes());
        reader.read_into(&mut tally, &load, Origin::At(1_000_000_000), &Control::new()).unwrap();
        assert_eq!((tally.ok, tally.errors, tally.late), (1, 1, 1));
        assert_eq!(tally.lag.max().unwrap().as_millis(), 500);
        assert_eq!(tally.response().max().unwrap().as_millis(), 750);
        assert_eq!(tally.service().max().unwrap().as_millis(), 250);
    }

    #[test]
    fn half_a_line_waits_for_its_other_half_and_strange_lines_are_passed_over() {
        let load = plan();
        let whole = line(5, 0.1, 0, 0, "200");
        let (first, second) = whole.split_at(20);
        let mut tally = Tally::new(&load);
        let mut reader = Reader::new(first.as_bytes());
        reader.read_into(&mut tally, &load, Origin::FirstCall, &Control::new()).unwrap();
        assert_eq!(tally.completed(), 0);
        let rest = format!("{second}not a record\n{}", line(9, 0.1, 99, 7, "-1"));
        let mut reader = Reader { input: rest.as_bytes(), held: reader.held, first: reader.first };
        reader.read_into(&mut tally, &load, Origin::FirstCall, &Control::new()).unwrap();
        assert_eq!((tally.ok, tally.codes.get(&-1)), (1, Some(&1)));
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let load = plan();
        let text = vec![b'x'; MAX_LINE + 1];
        let error = Reader::new(&text[..]).read_into(&mut Tally::new(&load), &load, Origin::FirstCall, &Control::new());
        assert_eq!(error.unwrap_err().to_string(), "a line of the access log has no end");
    }
}
