//! When each call is due: pure arithmetic, so that nothing ever drifts.

use std::time::Duration;

use crate::clock::nanos;
use crate::plan::{Load, Model, Rate, Stop};

/// How fortio divides the calls of a run among its connections.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Split {
    /// Connections that take part, after lowering.
    pub(crate) threads: usize,
    /// Calls of each; 0 where only time or a cancel ends the run.
    pub(crate) each: u64,
    /// Calls more for connection 0 (`-1` for `-n 1` with a rate, as fortio has it).
    pub(crate) left: i64,
    /// Set where the plan was too small for its connections.
    pub(crate) lowered: Option<Lowered>,
}

/// Why the number of connections was lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lowered {
    /// Fewer than two calls in all: two calls on one connection.
    ToMinimum,
    /// Fewer than two calls for each connection; the number is the total.
    ToHalf(u64),
}

impl Split {
    /// Applies fortio's rule: with a rate each connection makes at least two calls.
    pub(crate) fn of(load: &Load) -> Self {
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
    /// Calls whose time has passed are skipped.
    pub(crate) nocatchup: bool,
}

impl Lane {
    /// The schedule of connection `index` of a plan.
    pub(crate) fn of(load: &Load, split: &Split, index: usize) -> Self {
        let (uniform, jitter, nocatchup) = match load.model {
            Model::Fortio { uniform, jitter, nocatchup } => (uniform, jitter, nocatchup),
            Model::Open => (false, false, false),
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
    /// least two calls, and its very last one.
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
    /// End of the schedule; no call is due at or after it.
    pub(crate) end: Option<u64>,
}

impl OpenSchedule {
    /// The schedule of a plan with a rate; `None` at full speed.
    pub(crate) fn of(load: &Load) -> Option<Self> {
        let Rate::Qps(qps) = load.rate else {
            return None;
        };
        let (total, end) = match load.stop {
            Stop::After(time) => (Some(calls_within(qps, time)), Some(nanos(time))),
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

    /// How many calls were due by a moment.
    pub(crate) fn due_by(&self, now: u64) -> u64 {
        let due = calls_within(self.qps, Duration::from_nanos(now)).saturating_add(1);
        self.total.map_or(due, |total| due.min(total))
    }
}

/// `qps x time`, at least one; a product that is whole but for rounding counts as whole.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and cut on purpose")]
fn calls_within(qps: f64, time: Duration) -> u64 {
    let calls = qps * time.as_secs_f64();
    let whole = calls.round();
    let calls = if (calls - whole).abs() < 1e-9 * whole.max(1.0) { whole } else { calls.floor() };
    (calls as u64).max(1)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive; too large is held at the maximum"
)]
fn to_nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
