//! What a run gave.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::call::ConnectionReport;
use crate::control::Mark;
use crate::exemplar::Exemplars;
use crate::failure::FailureKind;
use crate::histogram::Histogram;
use crate::latency::Latency;
use crate::plan::LoadPlan;
use crate::tally::{FailureTally, Histograms, Measured, PhaseTally, Tally};

/// Share of the scheduled requests that must complete for a run to count as keeping up.
const KEPT_UP: f64 = 0.99;

/// A response p99 this much above twice the service p99 means that requests queued.
const QUEUED: Duration = Duration::from_millis(5);

/// Which latency is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LatencyKind {
    /// From the start of a request to its end: what fortio shows.
    Service,
    /// From the time at which a request was due to its end: what a user feels.
    Response,
    /// From the time at which a request was due to its start.
    StartLag,
}

/// How many requests a run scheduled, made and lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RequestCounts {
    /// Requests that were due; for a run that was cut short, by then.
    pub scheduled: u64,
    /// Requests that started.
    pub started: u64,
    /// Requests that ended, well or not.
    pub completed: u64,
    /// Requests that were due and never started.
    pub missed: u64,
    /// Requests that were answered with 200 to 299, or 418.
    pub ok: u64,
    /// Requests that failed, or were answered with another status.
    pub errors: u64,
    /// Requests that got an answer, of whatever status.
    pub answered: u64,
    /// Requests that started more than a millisecond late.
    pub late: u64,
    /// Requests that were given up at the plan's timeout: each took at least that long, perhaps for ever.
    pub timed_out: u64,
    /// Requests that were sent once more, beyond those that started: only where the server had not taken the first one.
    pub retries: u64,
    /// Interim answers (1xx) that came before final ones.
    pub interim: u64,
}

/// Bytes that a run moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Bytes {
    /// In requests.
    pub sent: u64,
    /// In answers.
    pub received: u64,
    /// Behind answers, belonging to none.
    pub stray: u64,
}

/// Failures of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailureCount {
    /// What went wrong; its `Display` says it in words.
    pub kind: FailureKind,
    /// How often.
    pub count: u64,
    /// The first one in the system's words.
    pub first: String,
}

/// The requests that were due in one phase of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Phase {
    /// Its name; `before` for the time before the first mark.
    pub name: String,
    /// When it began, after the start of the run; it may have gone on later.
    pub start: Duration,
    /// Requests that were answered well.
    pub ok: u64,
    /// Requests that failed, or were answered with an error status.
    pub errors: u64,
    /// From the start of each request to its end.
    pub service: Latency,
    /// From the time at which each request was due to its end.
    pub response: Latency,
    /// The same of the requests that were answered well.
    pub ok_response: Latency,
    /// Failures by kind, the most frequent first.
    pub failures: Vec<FailureCount>,
}

/// The warm-up request that kept a run from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarmupFailure {
    /// Number of the connection.
    pub connection: usize,
    /// Status of the answer, or -1.
    pub code: i32,
    /// Bytes of the answer.
    pub size: u64,
    /// The cause in words.
    pub cause: String,
}

/// What a run gave: counts and latencies.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LoadResult {
    /// The plan that was run.
    pub plan: Arc<LoadPlan>,
    /// Start of the first request's schedule.
    pub started_at: SystemTime,
    /// Time from there to the end.
    pub elapsed: Duration,
    /// Target rate in requests a second; `None` at full speed.
    pub target_qps: Option<f64>,
    /// Completed requests a second.
    pub achieved_qps: f64,
    /// Requests.
    pub counts: RequestCounts,
    /// Requests by status; -1 stands for no answer.
    pub codes: BTreeMap<i32, u64>,
    /// Failures by kind, the most frequent first.
    pub failures: Vec<FailureCount>,
    /// Bytes.
    pub bytes: Bytes,
    /// Sockets that each connection opened, or tried to.
    pub sockets: Vec<u64>,
    /// Sockets by address.
    pub addresses: BTreeMap<String, u64>,
    /// Service times.
    pub service: Latency,
    /// Response times.
    pub response: Latency,
    /// Response times of the requests that were answered well.
    pub ok_response: Latency,
    /// Start lags.
    pub start_lag: Latency,
    /// Share of the time, 0 to 1, for which the busiest worker thread was running or waiting for a processor; near 1
    /// the generator measures itself.
    pub generator_busy: f64,
    /// Latencies by phase; empty when nothing was marked.
    pub phases: Vec<Phase>,
    /// The calls behind the plan's `settle`, whatever their phase; `None` where nothing settles.
    pub measured: Option<Phase>,
    /// The target or this machine did not keep up with the schedule: fewer than
    /// 99 % of the requests completed, or the response p99 lies above twice the
    /// service p99 plus 5 ms.
    pub saturated: bool,
    /// The run was cancelled or aborted before its end.
    pub interrupted: bool,
    /// The run never began, since a warm-up request failed.
    pub warmup_failure: Option<WarmupFailure>,
    /// The program that made the requests; `None` when this engine did.
    pub external: Option<ExternalTool>,
    /// That program gave no result; its complaint.
    pub engine_failure: Option<String>,
    /// The run was stopped before its first request was due.
    pub never_began: bool,
    /// What each connection went through.
    pub connections: Vec<ConnectionReport>,
    /// Times to connect over all connections, in seconds.
    pub connects: Histogram,
    /// Durations and sizes in coarse buckets.
    pub histograms: Histograms,
    /// The requests worth a look in the target's traces; none unless the plan has `trace_context`.
    pub exemplars: Exemplars,
}

/// A program that makes requests in place of this engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalTool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What the coordinator knows at the end of a run.
pub(crate) struct Totals {
    pub(crate) tally: Tally,
    pub(crate) connections: Vec<ConnectionReport>,
    pub(crate) started: u64,
    pub(crate) scheduled: u64,
    pub(crate) elapsed: u64,
    pub(crate) busiest: f64,
    pub(crate) wall: SystemTime,
    pub(crate) marks: Vec<Mark>,
    pub(crate) interrupted: bool,
    pub(crate) cold: Option<WarmupFailure>,
    pub(crate) never_began: bool,
}

impl LoadResult {
    pub(crate) fn new(plan: Arc<LoadPlan>, totals: Totals) -> Self {
        let Totals { tally, connections, marks, .. } = totals;
        let elapsed = Duration::from_nanos(totals.elapsed);
        let completed = tally.completed();
        let (service, response) = (tally.service(), tally.response());
        let failures = tally.failures();
        let counts = RequestCounts {
            scheduled: totals.scheduled,
            started: totals.started,
            completed,
            missed: totals.scheduled.saturating_sub(totals.started),
            ok: tally.ok,
            errors: tally.errors,
            answered: tally.codes.iter().filter(|(code, _)| **code >= 0).map(|(_, count)| count).sum(),
            late: tally.late,
            timed_out: failures.get(&FailureKind::Timeout).map_or(0, |failure| failure.count),
            retries: tally.retries,
            interim: tally.interim,
        };
        let target_qps = plan.rate.qps();
        let mut connects = plan.buckets.histogram();
        for connection in &connections {
            connects.add(&connection.connects);
        }
        let mut addresses = BTreeMap::new();
        for (address, sockets) in connections.iter().flat_map(|connection| &connection.addresses) {
            *addresses.entry(address.to_string()).or_insert(0) += sockets;
        }
        Self {
            started_at: totals.wall,
            elapsed,
            target_qps,
            #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 calls")]
            achieved_qps: if elapsed.is_zero() { 0.0 } else { completed as f64 / elapsed.as_secs_f64() },
            counts,
            ok_response: tally.ok_response(),
            failures: by_count(&failures),
            bytes: Bytes { sent: tally.bytes_sent, received: tally.bytes_received, stray: tally.stray },
            sockets: connections.iter().map(|connection| connection.sockets).collect(),
            addresses,
            generator_busy: totals.busiest,
            measured: tally.measured.as_ref().map(Measured::phase),
            phases: if marks.is_empty() { Vec::new() } else { phases(&tally, &marks) },
            saturated: target_qps.is_some() && is_saturated(&counts, &service, &response),
            service,
            response,
            start_lag: tally.lag,
            interrupted: totals.interrupted,
            warmup_failure: totals.cold,
            never_began: totals.never_began,
            external: None,
            engine_failure: None,
            codes: tally.codes,
            histograms: tally.histograms,
            exemplars: tally.exemplars,
            connects,
            connections,
            plan,
        }
    }

    /// The result of a run whose coordinator is gone, which only a defect of this engine can cause.
    pub(crate) fn lost(plan: Arc<LoadPlan>) -> Self {
        let totals = Totals {
            tally: Tally::new(&plan),
            connections: Vec::new(),
            started: 0,
            scheduled: 0,
            elapsed: 0,
            busiest: 0.0,
            wall: SystemTime::now(),
            marks: Vec::new(),
            interrupted: true,
            cold: None,
            never_began: true,
        };
        Self::new(plan, totals)
    }

    /// The result of an external program that gave none.
    pub(crate) fn broken(plan: Arc<LoadPlan>, complaint: &str) -> Self {
        Self { engine_failure: Some(complaint.to_owned()), ..Self::lost(plan) }
    }

    /// Gives a percentile (0 to 100) of a latency; `None` without calls.
    pub fn percentile(&self, kind: LatencyKind, percentile: f64) -> Option<Duration> {
        self.latency(kind).percentile(percentile)
    }

    /// Gives all of a latency.
    pub fn latency(&self, kind: LatencyKind) -> &Latency {
        match kind {
            LatencyKind::Service => &self.service,
            LatencyKind::Response => &self.response,
            LatencyKind::StartLag => &self.start_lag,
        }
    }

    /// Gives completed over scheduled requests, 0 to 1; 1 where none was scheduled.
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 calls")]
    pub fn achieved_ratio(&self) -> f64 {
        match self.counts.scheduled {
            0 => 1.0,
            scheduled => self.counts.completed as f64 / scheduled as f64,
        }
    }

    /// Names the main cause of failure in words, if any request failed.
    pub fn main_failure(&self) -> Option<String> {
        if let Some(cold) = &self.warmup_failure {
            return Some(cold.cause.clone());
        }
        if let Some(complaint) = &self.engine_failure {
            return Some(complaint.clone());
        }
        let first = self.failures.first()?;
        Some(first.kind.to_string())
    }
}

/// Failures by kind, the most frequent first.
pub(crate) fn by_count(failures: &BTreeMap<FailureKind, FailureTally>) -> Vec<FailureCount> {
    let row = |(kind, tally): (&FailureKind, &FailureTally)| FailureCount {
        kind: *kind,
        count: tally.count,
        first: tally.first.clone(),
    };
    let mut failures: Vec<_> = failures.iter().map(row).collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    failures
}

/// Every phase so far; without a mark the one before any.
pub(crate) fn phases(tally: &Tally, marks: &[Mark]) -> Vec<Phase> {
    let names = marks.iter().filter_map(|mark| Some((mark.name.clone()?, mark.at)));
    let mut parts = tally.phases.iter();
    std::iter::once(("before".to_owned(), 0)).chain(names).map(|(name, at)| Phase::of(name, at, parts.next())).collect()
}

impl Measured {
    fn phase(&self) -> Phase {
        Phase::of("measured".to_owned(), self.from, Some(&self.part))
    }
}

impl Phase {
    fn of(name: String, start: u64, part: Option<&PhaseTally>) -> Self {
        Self {
            name,
            start: Duration::from_nanos(start),
            ok: part.map_or(0, |part| part.ok),
            errors: part.map_or(0, |part| part.errors),
            service: part.map_or_else(Latency::new, |part| part.service.clone()),
            response: part.map_or_else(Latency::new, |part| part.response.clone()),
            ok_response: part.map_or_else(Latency::new, PhaseTally::ok_response),
            failures: part.map_or_else(Vec::new, |part| by_count(&part.failures)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^52 calls")]
fn is_saturated(counts: &RequestCounts, service: &Latency, response: &Latency) -> bool {
    if counts.scheduled == 0 {
        return false;
    }
    let short = (counts.completed as f64) < KEPT_UP * counts.scheduled as f64;
    let queued = match (service.percentile(99.0), response.percentile(99.0)) {
        (Some(service), Some(response)) => response > service * 2 + QUEUED,
        _ => false,
    };
    short || queued
}
