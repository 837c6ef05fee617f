//! The counts of a run: each worker fills one, and the coordinator adds them up.

use std::collections::BTreeMap;

use crate::call::Outcome;
use crate::clock::nanos;
use crate::exemplar::Exemplars;
use crate::failure::{Failure, FailureKind};
use crate::histogram::Histogram;
use crate::latency::Latency;
use crate::plan::LoadPlan;

/// The three moments of a request, in nanoseconds since the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// When it should have started.
    pub(crate) due: u64,
    /// When it did.
    pub(crate) sent: u64,
    /// When its answer was complete, or it had failed.
    pub(crate) done: u64,
}

impl Times {
    fn service(self) -> u64 {
        self.done.saturating_sub(self.sent)
    }
}

/// Requests of one kind of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailureTally {
    pub(crate) count: u64,
    /// The first one in the system's words.
    pub(crate) first: String,
}

/// Latencies of the requests that were due in one phase of the run.
#[derive(Debug, Clone)]
pub(crate) struct PhaseTally {
    pub(crate) ok: u64,
    pub(crate) errors: u64,
    pub(crate) service: Latency,
    pub(crate) response: Latency,
    /// Response times of the requests that failed; none where none did, which costs nothing.
    failed_response: Option<Box<Latency>>,
    pub(crate) failures: BTreeMap<FailureKind, FailureTally>,
}

impl PhaseTally {
    fn new() -> Self {
        Self {
            ok: 0,
            errors: 0,
            service: Latency::new(),
            response: Latency::new(),
            failed_response: None,
            failures: BTreeMap::new(),
        }
    }

    fn record(&mut self, times: Times, failure: Option<&Failure>) {
        let response = times.done.saturating_sub(times.due);
        self.service.record(times.service());
        self.response.record(response);
        let Some(failure) = failure else {
            self.ok += 1;
            return;
        };
        self.errors += 1;
        self.failed_response.get_or_insert_with(|| Box::new(Latency::new())).record(response);
        let none = || FailureTally { count: 0, first: failure.detail.clone() };
        self.failures.entry(failure.kind).or_insert_with(none).count += 1;
    }

    /// Response times of the requests that were answered well.
    pub(crate) fn ok_response(&self) -> Latency {
        let mut ok = self.response.clone();
        if let Some(failed) = &self.failed_response {
            ok.subtract(failed);
        }
        ok
    }

    fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.errors += other.errors;
        self.service.add(&other.service);
        self.response.add(&other.response);
        if let Some(failed) = &other.failed_response {
            self.failed_response.get_or_insert_with(|| Box::new(Latency::new())).add(failed);
        }
        add_failures(&mut self.failures, &other.failures);
    }

    fn clear(&mut self) {
        self.ok = 0;
        self.errors = 0;
        self.service.clear();
        self.response.clear();
        self.failed_response = None;
        self.failures.clear();
    }
}

fn add_failures(mine: &mut BTreeMap<FailureKind, FailureTally>, theirs: &BTreeMap<FailureKind, FailureTally>) {
    for (kind, tally) in theirs {
        let none = || FailureTally { count: 0, first: tally.first.clone() };
        mine.entry(*kind).or_insert_with(none).count += tally.count;
    }
}

/// The requests that were due from a moment on.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) from: u64,
    pub(crate) part: PhaseTally,
}

/// What a run counts in coarse buckets, as fortio does.
#[derive(Debug, Clone, PartialEq)]
pub struct Histograms {
    /// Service times, in seconds.
    pub durations: Histogram,
    /// Those of the requests that failed.
    pub error_durations: Histogram,
    /// Waits for the next request of a connection, in seconds; negative where it was late.
    pub sleeps: Histogram,
    /// Bytes of answers.
    pub sizes: Histogram,
    /// Bytes of their heads.
    pub head_sizes: Histogram,
}

impl Histograms {
    fn of(load: &LoadPlan) -> Self {
        let durations = load.buckets.histogram();
        Self {
            error_durations: durations.clone(),
            durations,
            // Waits that are late by a millisecond or more fall in the first bucket.
            sleeps: Histogram::new(-0.001, 0.001),
            sizes: Histogram::new(0.0, 100.0),
            head_sizes: Histogram::new(0.0, 5.0),
        }
    }

    fn add(&mut self, other: &Self) {
        self.durations.add(&other.durations);
        self.error_durations.add(&other.error_durations);
        self.sleeps.add(&other.sleeps);
        self.sizes.add(&other.sizes);
        self.head_sizes.add(&other.head_sizes);
    }

    fn clear(&mut self) {
        for histogram in
            [&mut self.durations, &mut self.error_durations, &mut self.sleeps, &mut self.sizes, &mut self.head_sizes]
        {
            histogram.clear();
        }
    }
}

/// What happened since the tally was last taken.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    pub(crate) ok: u64,
    pub(crate) errors: u64,
    /// Requests that started more than a millisecond late.
    pub(crate) late: u64,
    pub(crate) retries: u64,
    pub(crate) interim: u64,
    pub(crate) stray: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) codes: BTreeMap<i32, u64>,
    pub(crate) lag: Latency,
    /// One for each phase; the first is the time before any mark.
    pub(crate) phases: Vec<PhaseTally>,
    /// The calls that were due behind the settling, whatever their phase; `None` where nothing settles.
    pub(crate) measured: Option<Measured>,
    pub(crate) histograms: Histograms,
    pub(crate) exemplars: Exemplars,
    /// End of the last request.
    pub(crate) last_done: u64,
}

/// A start later than this counts as late, in nanoseconds.
const LATE: u64 = 1_000_000;

impl Tally {
    pub(crate) fn new(load: &LoadPlan) -> Self {
        Self {
            ok: 0,
            errors: 0,
            late: 0,
            retries: 0,
            interim: 0,
            stray: 0,
            bytes_sent: 0,
            bytes_received: 0,
            codes: BTreeMap::new(),
            lag: Latency::new(),
            phases: vec![PhaseTally::new()],
            measured: (!load.settle.is_zero()).then(|| Measured { from: nanos(load.settle), part: PhaseTally::new() }),
            histograms: Histograms::of(load),
            exemplars: Exemplars::default(),
            last_done: 0,
        }
    }

    /// Requests that ended.
    pub(crate) fn completed(&self) -> u64 {
        self.ok + self.errors
    }

    /// Counts a request that ended, in the phase in which it was due.
    pub(crate) fn record(&mut self, times: Times, phase: usize, outcome: &Outcome) {
        let lag = times.sent.saturating_sub(times.due);
        self.lag.record(lag);
        self.late += u64::from(lag > LATE);
        self.last_done = self.last_done.max(times.done);
        while self.phases.len() <= phase {
            self.phases.push(PhaseTally::new());
        }
        let failure = outcome.failure.as_ref();
        self.phases[phase].record(times, failure);
        if let Some(measured) = self.measured.as_mut().filter(|measured| times.due >= measured.from) {
            measured.part.record(times, failure);
        }
        let seconds = crate::clock::seconds(times.service());
        self.histograms.durations.record(seconds);
        if failure.is_none() {
            self.ok += 1;
        } else {
            self.errors += 1;
            self.histograms.error_durations.record(seconds);
        }
        self.exemplars.record(times.sent, times.service(), outcome);
        self.record_answer(outcome);
    }

    #[expect(clippy::cast_precision_loss, reason = "sizes of answers are far below 2^52")]
    fn record_answer(&mut self, outcome: &Outcome) {
        *self.codes.entry(outcome.code).or_insert(0) += 1;
        self.histograms.sizes.record(outcome.size as f64);
        self.histograms.head_sizes.record(outcome.head as f64);
        self.retries += u64::from(outcome.retried);
        self.interim += u64::from(outcome.interim);
        self.stray += outcome.stray;
        self.bytes_sent += outcome.sent;
        self.bytes_received += outcome.size + outcome.stray;
    }

    /// Adds everything of another.
    pub(crate) fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.errors += other.errors;
        self.late += other.late;
        self.retries += other.retries;
        self.interim += other.interim;
        self.stray += other.stray;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.last_done = self.last_done.max(other.last_done);
        for (code, count) in &other.codes {
            *self.codes.entry(*code).or_insert(0) += count;
        }
        self.lag.add(&other.lag);
        while self.phases.len() < other.phases.len() {
            self.phases.push(PhaseTally::new());
        }
        for (mine, theirs) in self.phases.iter_mut().zip(&other.phases) {
            mine.add(theirs);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.measured, &other.measured) {
            mine.part.add(&theirs.part);
        }
        self.histograms.add(&other.histograms);
        self.exemplars.add(&other.exemplars);
    }

    /// Empties it, keeping its memory for the next interval.
    pub(crate) fn clear(&mut self) {
        (self.ok, self.errors, self.late) = (0, 0, 0);
        (self.retries, self.interim, self.stray) = (0, 0, 0);
        (self.bytes_sent, self.bytes_received, self.last_done) = (0, 0, 0);
        self.codes.clear();
        self.lag.clear();
        self.phases.iter_mut().for_each(PhaseTally::clear);
        self.measured.iter_mut().for_each(|measured| measured.part.clear());
        self.histograms.clear();
        self.exemplars.clear();
    }

    /// Service times of the whole interval, over all phases.
    pub(crate) fn service(&self) -> Latency {
        merged(self.phases.iter().map(|phase| &phase.service))
    }

    /// Response times of the whole interval, over all phases.
    pub(crate) fn response(&self) -> Latency {
        merged(self.phases.iter().map(|phase| &phase.response))
    }

    /// Response times of the requests of the whole interval that were answered well.
    pub(crate) fn ok_response(&self) -> Latency {
        let mut all = Latency::new();
        self.phases.iter().for_each(|phase| all.add(&phase.ok_response()));
        all
    }

    /// Failures of the whole interval, over all phases.
    pub(crate) fn failures(&self) -> BTreeMap<FailureKind, FailureTally> {
        let mut all = BTreeMap::new();
        self.phases.iter().for_each(|phase| add_failures(&mut all, &phase.failures));
        all
    }
}

fn merged<'a>(parts: impl Iterator<Item = &'a Latency>) -> Latency {
    let mut all = Latency::new();
    parts.for_each(|part| all.add(part));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(tally: &mut Tally, due: u64, sent: u64, done: u64, failure: Option<Failure>) {
        let mut outcome = Outcome::failed(Failure::new(FailureKind::Timeout, "t"), 3);
        if failure.is_none() {
            outcome.code = 200;
        }
        outcome.failure = failure;
        tally.record(Times { due, sent, done }, 0, &outcome);
    }

    #[test]
    fn waiting_for_a_connection_is_charged_to_the_response_only() {
        let mut tally = Tally::new(&LoadPlan::to("http://h/").unwrap());
        call(&mut tally, 0, 5_000_000, 6_000_000, None);
        let p50 = |latency: Latency| latency.percentile(50.0).unwrap().as_micros() / 10;
        assert_eq!((p50(tally.service()), p50(tally.response())), (100, 600));
        assert_eq!(tally.late, 1);
    }

    #[test]
    fn failures_are_kept_apart_from_what_was_answered_well() {
        let mut tally = Tally::new(&LoadPlan::to("http://h/").unwrap());
        call(&mut tally, 0, 0, 9_000_000, None);
        call(&mut tally, 0, 0, 1_000, Some(Failure::new(FailureKind::Status(500), "HTTP status 500")));
        call(&mut tally, 0, 0, 3_000_000_000, Some(Failure::new(FailureKind::Timeout, "t")));
        let ok = tally.ok_response();
        assert_eq!((ok.count(), ok.percentile(50.0).unwrap().as_millis()), (1, 9));
        assert_eq!(ok.mean().unwrap().as_millis(), 9);
        let kinds: Vec<_> = tally.failures().into_iter().map(|(kind, failure)| (kind, failure.count)).collect();
        assert_eq!(kinds, [(FailureKind::Timeout, 1), (FailureKind::Status(500), 1)]);
    }

    #[test]
    fn adding_two_tallies_counts_what_one_would_have() {
        let load = LoadPlan::to("http://h/").unwrap();
        let (mut one, mut two, mut whole) = (Tally::new(&load), Tally::new(&load), Tally::new(&load));
        for (index, part) in [0, 1, 0, 1, 1].into_iter().enumerate() {
            let failure = (index == 3).then(|| Failure::new(FailureKind::Refused, "no"));
            let at = index as u64 * 100;
            call(if part == 0 { &mut one } else { &mut two }, at, at, at + 7, failure.clone());
            call(&mut whole, at, at, at + 7, failure);
        }
        one.add(&two);
        assert_eq!(
            (one.ok, one.errors, &one.codes, one.failures(), one.ok_response()),
            (whole.ok, whole.errors, &whole.codes, whole.failures(), whole.ok_response())
        );
        assert_eq!((one.histograms.durations.sums().count, one.lag.count(), one.last_done), (5, 5, 407));
        two.clear();
        assert_eq!((two.completed(), two.lag.count()), (0, 0));
    }
}
