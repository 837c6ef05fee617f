//! A run whose requests another program makes: it reports them here, and they are counted as ours are.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{oneshot, watch};

use crate::call::Outcome;
use crate::clock::nanos;
use crate::control::Control;
use crate::failure::Failure;
use crate::plan::LoadPlan;
use crate::program::Program;
use crate::result::{LoadResult, Totals};
use crate::running::Running;
use crate::schedule::{Lane, Split};
use crate::snapshot::{Moment, Snapshot};
use crate::tally::{Tally, Times};

/// A request that another program made.
#[derive(Debug, Clone)]
pub struct ExternalRequest {
    /// Number of its connection.
    pub connection: usize,
    /// Its number on that connection.
    pub number: u64,
    /// When it was sent, after the start of the run.
    pub sent: Duration,
    /// Time from there to its end.
    pub took: Duration,
    /// Status of the answer, or -1.
    pub code: i32,
    /// Why it counts as failed; `None` when it does not.
    pub failure: Option<Failure>,
}

/// The reporting side of such a run. One that is dropped leaves the handle without a result.
#[derive(Debug)]
pub struct ExternalRun {
    plan: Arc<LoadPlan>,
    program: Program,
    split: Split,
    control: Arc<Control>,
    snapshots: watch::Sender<Snapshot>,
    result: oneshot::Sender<LoadResult>,
    tally: Tally,
    /// Requests that the last snapshot held.
    shown: u64,
}

impl ExternalRun {
    /// Makes the reporting side and the handle of a run.
    pub fn new(plan: LoadPlan) -> (Self, Running) {
        let plan = Arc::new(plan);
        let control = Arc::new(Control::new());
        let snapshots = watch::Sender::new(Snapshot::default());
        let (result, outcome) = oneshot::channel();
        let running = Running::new(plan.clone(), control.clone(), snapshots.subscribe(), outcome);
        let (program, split, tally) = (Program::of(&plan), Split::of(&plan), Tally::new(&plan));
        (Self { plan, program, split, control, snapshots, result, tally, shown: 0 }, running)
    }

    /// Gives the plan.
    pub fn plan(&self) -> &LoadPlan {
        &self.plan
    }

    /// Whether the run was asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.control.is_stopped()
    }

    /// Fixes the start of the run, by which marks become phases; only the first one counts.
    pub fn set_origin(&self, origin: Instant) {
        self.control.set_origin(origin);
    }

    /// Counts a request. When it was due follows from the plan, its connection and its number.
    pub fn record(&mut self, call: ExternalRequest) {
        let sent = nanos(call.sent);
        let lane = Lane::of(&self.plan, &self.split, call.connection);
        // At full speed, and for a log of another run, a request is due when it is sent.
        let due = if lane.qps.is_some() { lane.due(call.number).min(sent) } else { sent };
        let times = Times { due, sent, done: sent.saturating_add(nanos(call.took)) };
        let outcome = Outcome { failure: call.failure, ..Outcome::answered(call.code, 0) };
        if outcome.is_answered() {
            self.control.note_answer(times.done);
        }
        self.tally.record(times, self.control.phase_at(times.due), &outcome);
    }

    /// Counts the requests so far.
    pub fn completed(&self) -> u64 {
        self.tally.completed()
    }

    /// Forgets the requests so far, to count them again.
    pub fn restart(&mut self) {
        self.tally = Tally::new(&self.plan);
        self.shown = 0;
    }

    /// Publishes a snapshot of the state after a time since the start, and so long after the last one.
    pub fn show(&mut self, elapsed: Duration, interval: Duration) {
        let completed = self.tally.completed();
        let recent = completed.saturating_sub(self.shown);
        self.shown = completed;
        let elapsed = nanos(elapsed);
        let scheduled = self.program.due_by(&self.plan, elapsed).unwrap_or(0).max(completed);
        let moment = Moment { elapsed, scheduled, started: completed };
        self.snapshots.send_replace(Snapshot {
            #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
            achieved_qps: if interval.is_zero() { 0.0 } else { recent as f64 / interval.as_secs_f64() },
            ..Snapshot::of(&self.plan, self.program, &self.tally, self.control.marks(), moment)
        });
    }

    /// Ends the run with its result, to which `complete` may add what the program itself reported.
    pub fn finish(mut self, started_at: SystemTime, elapsed: Duration, complete: impl FnOnce(&mut LoadResult)) {
        self.show(elapsed, elapsed);
        let interrupted = self.control.is_stopped();
        let total = if interrupted { None } else { self.program.total() };
        let due = total.or_else(|| self.program.due_by(&self.plan, nanos(elapsed))).unwrap_or(0);
        let started = self.tally.completed();
        let tally = std::mem::replace(&mut self.tally, Tally::new(&self.plan));
        let totals = Totals {
            tally,
            connections: Vec::new(),
            started,
            scheduled: due.max(started),
            elapsed: nanos(elapsed),
            busiest: 0.0,
            wall: started_at,
            marks: self.control.marks(),
            interrupted,
            cold: None,
            never_began: false,
        };
        let mut result = LoadResult::new(self.plan.clone(), totals);
        complete(&mut result);
        self.end(result);
    }

    /// Ends the run without a result; the complaint is its [`LoadResult::engine_failure`].
    pub fn fail(self, complaint: &str) {
        let result = LoadResult::broken(self.plan.clone(), complaint);
        self.end(result);
    }

    fn end(self, result: LoadResult) {
        self.control.note_end();
        self.snapshots.send_modify(|snapshot| snapshot.finished = true);
        // Nobody waits when the handle was dropped.
        let _ = self.result.send(result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;
    use crate::plan::{LoadModel, Rate, Stop};

    fn call(connection: usize, number: u64, sent: u64, took: u64, failure: Option<Failure>) -> ExternalRequest {
        let (sent, took) = (Duration::from_millis(sent), Duration::from_millis(took));
        ExternalRequest { connection, number, sent, took, code: if failure.is_some() { 503 } else { 200 }, failure }
    }

    #[test]
    fn the_due_time_follows_from_connection_and_number() {
        let mut plan = LoadPlan::to("http://h/").unwrap();
        plan.rate = Rate::Qps(20.0);
        plan.stop = Stop::Count(40);
        plan.model = LoadModel::Fortio { uniform: false, jitter: false, nocatchup: false };
        let (mut run, running) = ExternalRun::new(plan);
        run.record(call(0, 0, 0, 100, None));
        // 4 connections of 10 requests, 200 ms * 10 / 9 apart: request 9 is due at 2 s.
        run.record(call(2, 9, 2500, 250, Some(Failure::new(FailureKind::Status(503), "error status"))));
        run.finish(SystemTime::UNIX_EPOCH, Duration::from_secs(3), |result| result.sockets = vec![7]);
        let result = running.wait_blocking();
        assert_eq!((result.counts.ok, result.counts.errors, result.counts.late), (1, 1, 1));
        let longest = |latency: &crate::Latency| latency.max().unwrap().as_millis();
        assert_eq!([&result.start_lag, &result.response, &result.service].map(longest), [500, 750, 250]);
        assert_eq!((result.counts.scheduled, result.sockets), (40, vec![7]));
    }

    #[test]
    fn a_run_that_is_dropped_or_fails_leaves_no_requests() {
        let plan = LoadPlan::to("http://h/").unwrap();
        let (run, running) = ExternalRun::new(plan.clone());
        drop(run);
        assert_eq!(running.wait_blocking().counts.completed, 0);
        let (run, running) = ExternalRun::new(plan);
        run.fail("no such option");
        assert_eq!(running.wait_blocking().main_failure().as_deref(), Some("no such option"));
    }
}
