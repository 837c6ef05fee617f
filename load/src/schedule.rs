//! When each request is due: pure arithmetic, so that nothing ever drifts.

use std::time::Duration;

use crate::clock::nanos;
use crate::plan::{LoadModel, LoadPlan, Rate, Stop};

/// How fortio divides the requests of a run among its connections.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// Connections that take part, after lowering.
    pub threads: usize,
    /// Requests of each; 0 where only time or a cancel ends the run.
    pub each: u64,
    /// Calls more for connection 0 (`-1` for `-n 1` with a rate, as fortio has it).
    pub left: i64,
    /// Set where the plan was too small for its connections.
    pub lowered: Option<Lowered>,
}

/// Why the number of connections was lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lowered {
    /// Fewer than two requests in all: two requests on one connection.
    ToMinimum,
    /// Fewer than two requests for each connection; the number is the total.
    ToHalf(u64),
}

impl Split {
    /// Applies fortio's rule: with a rate each connection makes at least two requests.
    pub fn of(load: &LoadPlan) -> Self {
        let asked = load.connections.get();
        let Rate::Qps(qps) = load.rate else {
            return Self::at_full_speed(load.stop, asked);
        };
        let total = match load.stop {
            Stop::Never => {
                return Self { threads: asked, each: 0, left: 0, lowered: None };
            }
            Stop::Count(calls) => calls,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a positive product below 2^63 (the plan's limits), cut as fortio cuts it"
            )]
            Stop::After(time) => (qps * time.as_secs_f64()) as u64,
        };
        if total < 2 {
            let left = i64::try_from(total).unwrap_or(0) - 2;
            let left = if matches!(load.stop, Stop::Count(_)) { left } else { 0 };
            return Self { threads: 1, each: 2, left, lowered: Some(Lowered::ToMinimum) };
        }
        let half = usize::try_from(total / 2).unwrap_or(usize::MAX);
        let (threads, lowered) = if half < asked { (half, Some(Lowered::ToHalf(total))) } else { (asked, None) };
        let each = total / threads as u64;
        let left = match load.stop {
            Stop::Count(_) => i64::try_from(total - each * threads as u64).unwrap_or(0),
            _ => 0,
        };
        Self { threads, each, left, lowered }
    }

    fn at_full_speed(stop: Stop, asked: usize) -> Self {
        let Stop::Count(calls) = stop else {
            return Self { threads: asked, each: 0, left: 0, lowered: None };
        };
        // fortio starts a connection for nothing here and overshoots; ours takes exactly `calls`.
        let threads = asked.min(usize::try_from(calls).unwrap_or(usize::MAX));
        let each = calls / threads as u64;
        let left = i64::try_from(calls - each * threads as u64).unwrap_or(0);
        Self { threads, each, left, lowered: None }
    }

    /// Calls of one connection; `None` without a number.
    pub(crate) fn calls(&self, connection: usize) -> Option<u64> {
        if self.each == 0 {
            return None;
        }
        let left = if connection == 0 { self.left } else { 0 };
        Some(self.each.saturating_add_signed(left))
    }

    /// Calls of all connections; `None` without a number.
    pub(crate) fn total(&self) -> Option<u64> {
        (self.each > 0).then(|| (self.each * self.threads as u64).saturating_add_signed(self.left))
    }
}

/// The schedule of one connection under fortio's rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lane {
    /// Calls a second on this connection; `None` at full speed.
    pub(crate) qps: Option<f64>,
    /// Calls in all; `None` without a number.
    pub(crate) calls: Option<u64>,
    /// Nanoseconds that this connection starts after the others.
    pub(crate) offset: u64,
    /// The moment at which time is up; `None` where calls are counted.
    pub(crate) end: Option<u64>,
    /// Waits vary by 10 % either way.
    pub(crate) jitter: bool,
    /// Requests whose time has passed are skipped.
    pub(crate) nocatchup: bool,
}

impl Lane {
    /// The schedule of connection `index` of a plan.
    pub(crate) fn of(load: &LoadPlan, split: &Split, index: usize) -> Self {
        let (uniform, jitter, nocatchup) = match load.model {
            LoadModel::Fortio { uniform, jitter, nocatchup } => (uniform, jitter, nocatchup),
            LoadModel::Open => (false, false, false),
        };
        let qps = match load.rate {
            #[expect(clippy::cast_precision_loss, reason = "at most 100000 connections")]
            Rate::Qps(qps) => Some(qps / split.threads as f64),
            Rate::Max => None,
        };
        #[expect(clippy::cast_precision_loss, reason = "at most 100000 connections")]
        let share = index as f64 / split.threads as f64;
        let offset = match qps {
            Some(qps) if uniform => to_nanos(share / qps),
            _ => 0,
        };
        let end = match load.stop {
            Stop::After(time) => Some(nanos(time)),
            Stop::Count(_) | Stop::Never => None,
        };
        Self { qps, calls: split.calls(index), offset, end, jitter, nocatchup }
    }

    /// When call `i` is due. With `N` calls an interval is `N / (N - 1)` times
    /// `1 / qps`, so that the last call starts at the end of the period.
    pub(crate) fn due(&self, i: u64) -> u64 {
        let Some(qps) = self.qps else {
            return self.offset;
        };
        #[expect(clippy::cast_precision_loss, reason = "fortio computes in doubles too; 2^52 calls are enough")]
        let elapsed = match self.calls {
            Some(calls) if calls > 1 => (i as f64 + i as f64 / (calls - 1) as f64) / qps,
            _ => i as f64 / qps,
        };
        self.offset.saturating_add(to_nanos(elapsed))
    }

    /// The next call to make after call `i` at the time `now`, with its due
    /// time; `None` when there is none left.
    pub(crate) fn after(&self, i: u64, now: u64) -> Option<(u64, u64)> {
        let mut next = i + 1;
        loop {
            if self.calls.is_some_and(|calls| next >= calls) {
                return None;
            }
            let due = self.due(next);
            if !(self.nocatchup && self.qps.is_some() && due < now) {
                return Some((next, due));
            }
            next += 1;
        }
    }

    /// How many calls were due by a moment; `None` without a rate.
    pub(crate) fn due_by(&self, now: u64) -> Option<u64> {
        let qps = self.qps?;
        let Some(since) = now.checked_sub(self.offset) else {
            return Some(0);
        };
        // The inverse of `due`, then put right by at most one step of rounding.
        #[expect(clippy::cast_precision_loss, reason = "2^52 calls are enough")]
        let share = self.calls.map_or(1.0, |calls| if calls > 1 { (calls - 1) as f64 / calls as f64 } else { 1.0 });
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and cut on purpose")]
        let mut calls = (crate::clock::seconds(since) * qps * share) as u64 + 1;
        if self.due(calls) <= now {
            calls += 1;
        }
        Some(self.calls.map_or(calls, |most| calls.min(most)))
    }

    /// Whether time is up before call `i`. With a rate a connection makes at
    /// least two requests, and its very last one.
    pub(crate) fn is_over(&self, i: u64, now: u64) -> bool {
        let Some(end) = self.end else { return false };
        now > end && (self.qps.is_none() || (i >= 2 && self.calls.is_none_or(|calls| i + 1 != calls)))
    }
}

/// The one schedule of an open run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OpenSchedule {
    qps: f64,
    /// Calls in all; `None` without an end.
    pub(crate) total: Option<u64>,
    /// End of the schedule; no request is due at or after it.
    pub(crate) end: Option<u64>,
}

impl OpenSchedule {
    /// The schedule of a plan with a rate; `None` at full speed.
    pub(crate) fn of(load: &LoadPlan) -> Option<Self> {
        let Rate::Qps(qps) = load.rate else {
            return None;
        };
        let (total, end) = match load.stop {
            Stop::After(time) => (Some(calls_within(qps, time).max(1)), Some(nanos(time))),
            #[expect(clippy::cast_precision_loss, reason = "2^52 calls are enough")]
            Stop::Count(calls) => (Some(calls), Some(to_nanos(calls as f64 / qps))),
            Stop::Never => (None, None),
        };
        Some(Self { qps, total, end })
    }

    /// When call `i` is due; `None` past the end.
    pub(crate) fn due(&self, i: u64) -> Option<u64> {
        #[expect(clippy::cast_precision_loss, reason = "2^52 calls are enough")]
        let due = to_nanos(i as f64 / self.qps);
        self.total.is_none_or(|total| i < total).then_some(due)
    }

    /// How many requests were due by a moment.
    pub(crate) fn due_by(&self, now: u64) -> u64 {
        let due = calls_within(self.qps, Duration::from_nanos(now)).saturating_add(1);
        self.total.map_or(due, |total| due.min(total))
    }
}

/// `qps x time`; a product that is whole but for rounding counts as whole.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and cut on purpose")]
fn calls_within(qps: f64, time: Duration) -> u64 {
    let calls = qps * time.as_secs_f64();
    let whole = calls.round();
    let calls = if (calls - whole).abs() < 1e-9 * whole.max(1.0) { whole } else { calls.floor() };
    calls as u64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive; too large is held at the maximum"
)]
fn to_nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;

    const SECOND: u64 = 1_000_000_000;

    fn plan(qps: f64, connections: usize, stop: Stop) -> LoadPlan {
        let mut load = LoadPlan::to("http://h/").unwrap();
        load.rate = if qps > 0.0 { Rate::Qps(qps) } else { Rate::Max };
        load.connections = NonZeroUsize::new(connections).unwrap();
        load.stop = stop;
        load.model = LoadModel::Fortio { uniform: false, jitter: false, nocatchup: false };
        load
    }

    fn after(seconds: u64) -> Stop {
        Stop::After(Duration::from_secs(seconds))
    }

    /// Calls of all connections on a virtual clock where each call takes `took`,
    /// and the time at which the last one started.
    fn simulate(load: &LoadPlan, took: u64) -> (u64, u64) {
        let split = Split::of(load);
        let (mut calls, mut last) = (0, 0);
        for index in 0..split.threads {
            let lane = Lane::of(load, &split, index);
            let (mut call, mut now) = (0, lane.offset);
            while !lane.is_over(call, now) {
                calls += 1;
                last = last.max(now);
                now += took;
                match lane.after(call, now) {
                    Some((next, due)) => (call, now) = (next, now.max(due)),
                    None => break,
                }
            }
        }
        (calls, last)
    }

    #[test]
    fn a_run_is_split_as_fortio_splits_it() {
        // qps, connections, stop, threads, requests of connection 0, of the others, in all
        let cases = [
            (300.0, 4, after(30), 4, 2250, 2250, 9000),
            (10.0, 100, after(5), 25, 2, 2, 50),
            (0.1, 4, after(5), 1, 2, 2, 2),
            (10.0, 4, after(1), 4, 2, 2, 8),
            (8.0, 4, Stop::Count(7), 3, 3, 2, 7),
            (8.0, 4, Stop::Count(1), 1, 1, 2, 1),
            (8.0, 4, Stop::Count(2), 1, 2, 2, 2),
            (100.0, 4, Stop::Count(103), 4, 28, 25, 103),
            (0.0, 4, Stop::Count(7), 4, 4, 1, 7),
            (0.0, 4, Stop::Count(103), 4, 28, 25, 103),
            (0.0, 4, Stop::Count(2), 2, 1, 1, 2),
        ];
        for (qps, connections, stop, threads, first, others, total) in cases {
            let split = Split::of(&plan(qps, connections, stop));
            let got = (split.threads, split.calls(0), split.calls(1), split.total());
            assert_eq!(got, (threads, Some(first), Some(others), Some(total)), "{qps} {connections} {stop:?}");
        }
        assert_eq!(Split::of(&plan(8.0, 4, Stop::Never)).total(), None);
    }

    #[test]
    fn the_last_call_starts_at_the_end_of_the_period() {
        let load = plan(8.0, 4, Stop::Count(100));
        let lane = Lane::of(&load, &Split::of(&load), 1);
        assert_eq!((lane.due(0), lane.due(24)), (0, 12_500_000_000));
        let load = plan(20.0, 4, Stop::Never);
        let lane = Lane::of(&load, &Split::of(&load), 0);
        assert_eq!(lane.due(15), 3 * SECOND, "without an end calls are 1 / qps apart");
    }

    #[test]
    fn a_slow_target_gets_the_calls_that_fortio_makes() {
        let slow = |uniform, nocatchup| {
            let mut load = plan(85.0, 2, after(2));
            load.model = LoadModel::Fortio { uniform, jitter: false, nocatchup };
            simulate(&load, SECOND / 10 + 1000).0
        };
        assert_eq!(slow(false, false), 40);
        assert_eq!(slow(true, true), 34);
        let mut least = plan(40.0, 1, after(1));
        assert_eq!(simulate(&least, 8 * SECOND / 10).0, 2);
        least.timeout = Duration::from_secs(3);
        assert_eq!(simulate(&least, 14 * SECOND / 10).0, 2, "two calls are made however slow they are");
    }

    #[test]
    fn skipped_calls_count_as_slots_of_an_exact_run() {
        let mut load = plan(40.0, 4, Stop::Count(40));
        load.model = LoadModel::Fortio { uniform: false, jitter: false, nocatchup: true };
        assert_eq!(simulate(&load, 150_000_000).0, 20);
    }

    #[test]
    fn connections_are_staggered_by_one_over_qps() {
        let mut load = plan(40.0, 4, after(3));
        load.model = LoadModel::Fortio { uniform: true, jitter: false, nocatchup: false };
        let split = Split::of(&load);
        let offsets: Vec<u64> = (0..4).map(|index| Lane::of(&load, &split, index).offset).collect();
        assert_eq!(offsets, [0, 25_000_000, 50_000_000, 75_000_000]);
        assert_eq!(simulate(&load, 0), (120, 3_075_000_000));
    }

    #[test]
    fn an_open_schedule_is_exact_and_never_drifts() {
        let mut load = plan(300.0, 4, after(5));
        load.model = LoadModel::Open;
        let open = OpenSchedule::of(&load).unwrap();
        assert_eq!((open.total, open.due(1499).is_some(), open.due(1500)), (Some(1500), true, None));
        assert_eq!(open.due(300), Some(SECOND));
        assert_eq!((open.due_by(0), open.due_by(SECOND), open.due_by(100 * SECOND)), (1, 301, 1500));
        for (qps, seconds, total) in [(0.1, 5, 1), (1.0 / 3.0, 9, 3), (99.9, 10, 999), (1e9, 1, 1_000_000_000)] {
            load.rate = Rate::Qps(qps);
            load.stop = after(seconds);
            assert_eq!(OpenSchedule::of(&load).unwrap().total, Some(total), "{qps}");
        }
    }

    #[test]
    fn calls_due_by_a_moment_agree_with_the_due_times() {
        let load = plan(37.0, 3, after(7));
        let split = Split::of(&load);
        for index in 0..3 {
            let lane = Lane::of(&load, &split, index);
            let calls = lane.calls.unwrap();
            for now in (0..8 * SECOND).step_by(33_333_333) {
                let counted = (0..calls).filter(|call| lane.due(*call) <= now).count() as u64;
                assert_eq!(lane.due_by(now), Some(counted), "at {now}");
            }
        }
    }
}
