//! From the load engine's result to the report that results, probes and experiments read.

use std::time::{Duration, UNIX_EPOCH};

use chaos_core::{
    EarlyStop, LatencyBucket, LoadCounts, LoadFailure, LoadFailureKind, LoadGenerator, LoadReport, LoadRequest,
    LoadSchedule, LoadSegment, LoadTrace, StatusCount,
};
use chaos_load::{Bucket, FailureCount, FailureKind, LoadModel, LoadResult, Phase, Stop, TracedRequest};

use super::followed::Followed;
use super::latency::{latency, ms};
use super::phases::phases;

/// The report on a result. `request` has nothing left open; `stopped` says why the load was asked to stop.
pub(super) fn report(request: &LoadRequest, generator: LoadGenerator, followed: &Followed) -> LoadReport {
    let Followed { result, stopped, standings, seconds } = followed;
    let (plan, counts) = (&result.plan, &result.counts);
    let failure =
        result.engine_failure.clone().or_else(|| result.warmup_failure.as_ref().map(|cold| cold.cause.clone()));
    let stopped_early = match failure {
        Some(_) => Some(EarlyStop::Failed),
        None => result.interrupted.then_some((*stopped).unwrap_or(EarlyStop::Cancelled)),
    };
    LoadReport {
        request: request.redacted(),
        generator,
        schedule: match plan.model {
            LoadModel::Open => LoadSchedule::Open,
            LoadModel::Fortio { .. } => LoadSchedule::PerConnection,
        },
        connections: u32::try_from(plan.connections.get()).unwrap_or(u32::MAX),
        started_at_ms: whole_ms(result.started_at.duration_since(UNIX_EPOCH).unwrap_or_default()),
        elapsed_seconds: result.elapsed.as_secs_f64(),
        achieved_qps: result.achieved_qps,
        timeout_ms: ms(plan.timeout),
        counts: LoadCounts {
            scheduled: counts.scheduled,
            started: counts.started,
            completed: counts.completed,
            missed: counts.missed,
            ok: counts.ok,
            errors: counts.errors,
            answered: counts.answered,
            late: counts.late,
            timed_out: counts.timed_out,
            retries: counts.retries,
        },
        statuses: result.codes.iter().filter_map(|(code, count)| status(*code, *count)).collect(),
        failures: result.failures.iter().map(failure_row).collect(),
        bytes_sent: result.bytes.sent,
        bytes_received: result.bytes.received,
        service: latency(&result.service),
        service_buckets: buckets(result),
        response: latency(&result.response),
        ok_response: latency(&result.ok_response),
        start_lag: latency(&result.start_lag),
        backlog_ms: match plan.stop {
            Stop::After(planned) => ms(result.elapsed.saturating_sub(planned)),
            Stop::Count(_) | Stop::Never => 0.0,
        },
        saturated: result.saturated,
        generator_busy_ratio: result.generator_busy,
        measured: result.measured.as_ref().map(segment),
        segments: result.phases.iter().map(segment).collect(),
        phases: phases(&result.phases, standings),
        seconds: seconds.clone(),
        traces: result.exemplars.slowest.iter().chain(&result.exemplars.failed).map(trace).collect(),
        stopped_early,
        failure,
    }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A code below zero stands for no answer, which is a failure with a cause.
fn status(code: i32, count: u64) -> Option<StatusCount> {
    Some(StatusCount { status: u16::try_from(code).ok()?, count })
}

fn buckets(result: &LoadResult) -> Vec<LatencyBucket> {
    let bucket = |Bucket { start, end, count }| LatencyBucket { start_ms: start * 1e3, end_ms: end * 1e3, count };
    result.histograms.durations.filled().into_iter().map(bucket).collect()
}

fn segment(phase: &Phase) -> LoadSegment {
    LoadSegment {
        name: phase.name.clone(),
        start_seconds: phase.start.as_secs_f64(),
        ok: phase.ok,
        errors: phase.errors,
        service: latency(&phase.service),
        response: latency(&phase.response),
        ok_response: latency(&phase.ok_response),
        failures: phase.failures.iter().map(failure_row).collect(),
    }
}

fn trace(request: &TracedRequest) -> LoadTrace {
    LoadTrace {
        trace_id: request.ids.trace_id(),
        span_id: request.ids.span_id(),
        sent_seconds: request.sent.as_secs_f64(),
        took_ms: ms(request.took),
        status: u16::try_from(request.code).ok(),
        failure: request.failure.map(|kind| kind.to_string()),
    }
}

/// A failure by its kind, in words and in the system's own.
pub(super) fn failure_row(failure: &FailureCount) -> LoadFailure {
    let (kind, status) = match failure.kind {
        FailureKind::Status(status) => (LoadFailureKind::Status, Some(status)),
        FailureKind::Refused => (LoadFailureKind::Refused, None),
        FailureKind::Reset => (LoadFailureKind::Reset, None),
        FailureKind::Closed => (LoadFailureKind::Closed, None),
        FailureKind::Truncated => (LoadFailureKind::Truncated, None),
        FailureKind::Timeout => (LoadFailureKind::Timeout, None),
        FailureKind::Unreachable => (LoadFailureKind::Unreachable, None),
        FailureKind::BadAnswer | FailureKind::HeadTooLarge => (LoadFailureKind::BadAnswer, None),
        FailureKind::Tls => (LoadFailureKind::Tls, None),
        FailureKind::StreamRefused => (LoadFailureKind::StreamRefused, None),
        FailureKind::Redirects => (LoadFailureKind::Redirects, None),
        FailureKind::TooManyFiles => (LoadFailureKind::TooManyFiles, None),
        _ => (LoadFailureKind::Io, None),
    };
    LoadFailure { kind, status, cause: failure.kind.to_string(), count: failure.count, first: failure.first.clone() }
}
