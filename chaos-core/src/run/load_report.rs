//! What a load gave, and what it shows while it goes on.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{LatencyReport, LoadRequest, LoadSecond, PhaseReport};

/// What a load gave. Times are in milliseconds unless the name says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadReport {
    /// What was asked for, without its body and the values of its headers.
    pub request: LoadRequest,
    /// What made the load.
    pub generator: LoadGenerator,
    /// Which rule decided when each request was due.
    pub schedule: LoadSchedule,
    /// Connections at the most.
    pub connections: u32,
    /// Start of the schedule, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// Seconds from there to the end.
    pub elapsed_seconds: f64,
    /// Completed requests per second.
    pub achieved_qps: f64,
    /// After this time a request was given up, in milliseconds; its latency is then at least that, perhaps endless.
    #[serde(default)]
    pub timeout_ms: f64,
    /// Requests that were scheduled, made and lost.
    pub counts: LoadCounts,
    /// Answers by status.
    pub statuses: Vec<StatusCount>,
    /// Failures by cause, the most frequent first; an answer with an error status is one.
    pub failures: Vec<LoadFailure>,
    /// Bytes of requests.
    pub bytes_sent: u64,
    /// Bytes of answers.
    pub bytes_received: u64,
    /// From the start of each request to its end.
    pub service: LatencyReport,
    /// The same in the buckets of fortio's histogram.
    pub service_buckets: Vec<LatencyBucket>,
    /// From the time at which each request was due to its end: what a user feels.
    pub response: LatencyReport,
    /// The same of the requests that were answered well.
    #[serde(default)]
    pub ok_response: LatencyReport,
    /// From the time at which each request was due to its start.
    pub start_lag: LatencyReport,
    /// How long after the planned end the last requests ended: the backlog of the schedule.
    pub backlog_ms: f64,
    /// The target or the generator did not keep up with the schedule.
    pub saturated: bool,
    /// Share of the time for which the busiest thread of the generator ran; near 1 the generator measures itself.
    pub generator_busy_ratio: f64,
    /// The requests due after the warm-up, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<LoadSegment>,
    /// The requests by the edges of the run's other faults; empty where there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<LoadSegment>,
    /// The requests before, while and after each of the run's other faults; empty where there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseReport>,
    /// The figures second by second; empty of a load that another program made without telling them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seconds: Vec<LoadSecond>,
    /// Requests worth a look in the target's traces, where the load carried trace context: the slowest of those that were
    /// answered well, then the first that failed; at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traces: Vec<LoadTrace>,
    /// Why it ended before its planned end; absent when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_early: Option<EarlyStop>,
    /// Why there was no load at all, in words of the generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// One request of a load, and where it stands in the target's traces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadTrace {
    /// Its trace id, 32 digits of lower-case hex.
    pub trace_id: String,
    /// The span id that the target's own spans name as their parent, 16 digits of lower-case hex.
    pub span_id: String,
    /// When it was sent, in seconds from the start of the load.
    pub sent_seconds: f64,
    /// Time from there to its end, in milliseconds.
    pub took_ms: f64,
    /// The status of the answer, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it failed, in words; absent where it was answered well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What made a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadGenerator {
    /// The engine in this program.
    Embedded,
    /// A fortio of its own.
    Fortio,
}

/// Which rule decides when a request is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadSchedule {
    /// One schedule for the whole load: request `i` is due at `i / qps`, however long earlier answers take.
    Open,
    /// fortio's rule: one schedule for each connection.
    PerConnection,
}

/// Why a load ended before its planned end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EarlyStop {
    /// Its entry was cancelled, aborted or out of time.
    Cancelled,
    /// Its entry was released.
    Released,
    /// The generator failed.
    Failed,
}

/// How many requests a load scheduled, made and lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadCounts {
    /// Requests that were due; in a load that was stopped early, by then.
    pub scheduled: u64,
    /// Requests that started.
    pub started: u64,
    /// Requests that ended, well or not.
    pub completed: u64,
    /// Requests that were due and never started.
    pub missed: u64,
    /// Requests that were answered well.
    pub ok: u64,
    /// Requests that failed, or were answered with an error status.
    pub errors: u64,
    /// Requests that got an answer, of whatever status.
    pub answered: u64,
    /// Requests that started more than a millisecond late.
    pub late: u64,
    /// Requests that were given up at the timeout: each took at least that long, perhaps for ever.
    #[serde(default)]
    pub timed_out: u64,
    /// Requests that were sent once more, beyond those that started: only where the server had not taken the first one.
    #[serde(default, alias = "retried")]
    pub retries: u64,
}

/// How many requests were answered with one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusCount {
    /// The status.
    pub status: u16,
    /// How often.
    pub count: u64,
}

/// What went wrong with a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoadFailureKind {
    /// It was answered with a status that counts as an error.
    Status,
    /// Nothing listens at the address.
    Refused,
    /// The other side reset the connection.
    Reset,
    /// The connection ended before any byte of an answer.
    Closed,
    /// The connection ended inside an answer.
    Truncated,
    /// It was given up at the timeout.
    Timeout,
    /// The host or its network cannot be reached.
    Unreachable,
    /// The bytes that came are not an answer in this protocol.
    BadAnswer,
    /// The TLS handshake failed.
    Tls,
    /// The server refused the stream of HTTP/2 before it looked at the request.
    StreamRefused,
    /// Redirects went on for too long, or left the target.
    Redirects,
    /// This machine may not open more sockets.
    TooManyFiles,
    /// Another error of the system.
    #[default]
    Io,
}

impl fmt::Display for LoadFailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status => "error status",
            Self::Refused => "connection refused",
            Self::Reset => "connection reset",
            Self::Closed => "connection closed before an answer",
            Self::Truncated => "answer cut short",
            Self::Timeout => "timeout",
            Self::Unreachable => "host unreachable",
            Self::BadAnswer => "malformed answer",
            Self::Tls => "TLS handshake failed",
            Self::StreamRefused => "stream refused",
            Self::Redirects => "redirect not followed",
            Self::TooManyFiles => "too many open files",
            Self::Io => "input/output error",
        })
    }
}

/// Failures with one cause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadFailure {
    /// What went wrong.
    #[serde(default)]
    pub kind: LoadFailureKind,
    /// The status of the answer, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong, in words.
    pub cause: String,
    /// How often.
    pub count: u64,
    /// The first one in the system's words.
    pub first: String,
}

/// The requests whose service time lies between two limits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyBucket {
    /// Above this.
    pub start_ms: f64,
    /// Up to this.
    pub end_ms: f64,
    /// How many.
    pub count: u64,
}

/// The requests of a load that were due in one part of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadSegment {
    /// Its name, such as `pause: in force`.
    pub name: String,
    /// Seconds from the start of the load to its own.
    pub start_seconds: f64,
    /// Requests that were answered well.
    pub ok: u64,
    /// Requests that failed, or were answered with an error status.
    pub errors: u64,
    /// From the start of each request to its end.
    pub service: LatencyReport,
    /// From the time at which each request was due to its end.
    pub response: LatencyReport,
    /// The same of the requests that were answered well.
    #[serde(default)]
    pub ok_response: LatencyReport,
    /// Failures by cause, the most frequent first; an answer with an error status is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<LoadFailure>,
}

impl LoadSegment {
    /// Requests that were given up at the timeout.
    pub fn timed_out(&self) -> u64 {
        failed_as(&self.failures, LoadFailureKind::Timeout)
    }
}

fn failed_as(failures: &[LoadFailure], kind: LoadFailureKind) -> u64 {
    failures.iter().filter(|failure| failure.kind == kind).map(|failure| failure.count).sum()
}

impl LoadReport {
    /// Failed over completed requests, 0 to 1; 0 where none completed.
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
    pub fn error_ratio(&self) -> f64 {
        match self.counts.completed {
            0 => 0.0,
            completed => self.counts.errors as f64 / completed as f64,
        }
    }

    /// How many requests were answered with a status.
    pub fn with_status(&self, status: u16) -> u64 {
        self.statuses.iter().filter(|row| row.status == status).map(|row| row.count).sum()
    }

    /// How many requests failed in a way, whatever their status.
    pub fn failed_as(&self, kind: LoadFailureKind) -> u64 {
        failed_as(&self.failures, kind)
    }

    /// The main cause of failure in words, if there was one.
    pub fn main_failure(&self) -> Option<&str> {
        self.failure.as_deref().or_else(|| self.failures.first().map(|failure| failure.cause.as_str()))
    }
}

/// The figures of a load while it goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadProgress {
    /// Seconds since the start of the schedule.
    pub elapsed_seconds: f64,
    /// Requests per second that are asked for; `None` at full speed.
    pub target_qps: Option<f64>,
    /// Requests per second that were completed since the last figures.
    pub achieved_qps: f64,
    /// Half of the response times so far are at most this long.
    pub p50_ms: f64,
    /// 99 of 100 response times so far are at most this long.
    pub p99_ms: f64,
    /// Requests that have failed so far.
    pub errors: u64,
    /// Requests that have ended so far.
    pub completed: u64,
    /// Requests that were sent once more so far.
    #[serde(default)]
    pub retries: u64,
}
