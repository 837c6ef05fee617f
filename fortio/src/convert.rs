//! From the result of a run to fortio's result file.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chaos_load::{LoadModel, LoadPlan, LoadResult, Phase, Rate, Stop, Warmup};

use crate::document::{Common, Extension, FailureRow, FortioDocument, HttpPart, Part, PhaseRow, TcpPart};
use crate::go_duration;
use crate::go_number;
use crate::histogram::HistogramData;
use crate::id::Moment;
use crate::latency::LatencyData;
use crate::reporting::Reporting;
use crate::zone;

/// What stands for credentials in a result file.
const MASK: &str = "***";

impl FortioDocument {
    /// Gives a result as fortio's file, with what this engine adds.
    pub fn of(result: &LoadResult) -> Self {
        Self::reported(result, &Reporting::default(), "", None)
    }

    /// The same with labels and percentiles, the mode and path of an access log, and the target as it was typed.
    pub(crate) fn reported(result: &LoadResult, reporting: &Reporting, access_log: &str, target: Option<&str>) -> Self {
        let render = Render { result, plan: &result.plan, reporting };
        let is_tcp = result.plan.url.scheme() == "tcp";
        let part = if is_tcp { Part::Tcp(render.tcp_part()) } else { Part::Http(Box::new(render.http_part())) };
        Self { common: render.common(access_log, target), part, extension: Some(Box::new(render.extension())) }
    }
}

/// What the parts of a file are made from.
struct Render<'a> {
    result: &'a LoadResult,
    plan: &'a LoadPlan,
    reporting: &'a Reporting,
}

impl Render<'_> {
    fn common(&self, access_log: &str, target: Option<&str>) -> Common {
        let Self { result, plan, reporting } = *self;
        let (uniform, jitter, no_catch_up) = match plan.model {
            LoadModel::Fortio { uniform, jitter, nocatchup } => (uniform, jitter, nocatchup),
            LoadModel::Open => (false, false, false),
        };
        let labels = reporting.labels.clone().unwrap_or_else(|| default_labels(plan, target));
        let moment = Moment::of(result.started_at, zone::offset(result.started_at));
        let aborted = (result.never_began && result.warmup_failure.is_none()).then_some(true);
        Common {
            run_type: if plan.url.scheme() == "tcp" { "TCP" } else { "HTTP" }.to_owned(),
            start_time: moment.rfc3339(),
            requested_qps: requested_qps(plan),
            requested_duration: requested_duration(plan, result.counts.completed),
            actual_qps: result.achieved_qps,
            actual_duration: signed(result.elapsed),
            num_threads: i64::try_from(plan.connections_used()).unwrap_or(i64::MAX),
            version: result.external.as_ref().map_or(env!("CARGO_PKG_VERSION"), |tool| &tool.version).to_owned(),
            duration_histogram: HistogramData::of(&result.histograms.durations, &reporting.percentiles),
            errors_duration_histogram: HistogramData::of(&result.histograms.error_durations, &reporting.percentiles),
            exactly: match plan.stop {
                Stop::Count(calls) => i64::try_from(calls).unwrap_or(i64::MAX),
                _ => 0,
            },
            jitter,
            uniform,
            no_catch_up,
            run_id: reporting.run_id,
            access_logger_info: access_log.to_owned(),
            id: moment.id(reporting.run_id, &labels),
            labels,
            message: aborted.map(|_| "Aborted before even starting".to_owned()),
            error: aborted,
        }
    }

    fn http_part(&self) -> HttpPart {
        let Self { result, plan, reporting } = *self;
        let transport = &plan.transport;
        let path = |path: &Option<std::path::PathBuf>| {
            path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
        };
        HttpPart {
            ret_codes: result.codes.iter().map(|(code, count)| (code.to_string(), *count)).collect(),
            ip_count_map: result.addresses.clone(),
            insecure: transport.insecure,
            mtls: reporting.mtls,
            ca_cert: path(&transport.ca_cert),
            cert: path(&transport.cert),
            key: path(&transport.key),
            unix_domain_socket: path(&plan.unix_socket),
            url: plan.typed_url(),
            num_connections: 1,
            compression: transport.compression,
            disable_fast_client: plan.needs_standard_client(),
            http10: transport.http10,
            h2: transport.h2,
            disable_keep_alive: !plan.keep_alive,
            allow_half_close: transport.half_close,
            follow_redirects: transport.follow_redirects,
            resolve: plan.resolve.first().map(|address| address.ip().to_string()).unwrap_or_default(),
            http_req_time_out: signed(plan.timeout),
            user_credentials: if plan.user.is_some() { MASK.to_owned() } else { String::new() },
            content_type: plan.content_type.clone().unwrap_or_default(),
            payload: Some(BASE64_STANDARD.encode(&plan.body)),
            method_override: plan.method.clone().unwrap_or_default(),
            log_errors: reporting.log_errors,
            sequential_warmup: plan.warmup == Warmup::Sequential,
            conn_reuse_range: plan.reuse.map_or([0, 0], |(least, most)| [least, most]),
            no_resolve_each_conn: reporting.no_reresolve,
            offset: signed(plan.buckets.offset),
            resolution: plan.buckets.resolution,
            sizes: HistogramData::of(&result.histograms.sizes, &[]),
            header_sizes: HistogramData::of(&result.histograms.head_sizes, &[]),
            sockets: result.sockets.clone(),
            socket_count: result.sockets.iter().sum(),
            connection_stats: HistogramData::of(&result.connects, &reporting.percentiles),
            abort_on: i64::from(plan.abort_on.unwrap_or(0)),
        }
    }

    fn tcp_part(&self) -> TcpPart {
        let Self { result, plan, .. } = *self;
        let mut ret_codes = BTreeMap::new();
        if result.counts.ok > 0 {
            ret_codes.insert("OK".to_owned(), result.counts.ok);
        }
        ret_codes.extend(result.failures.iter().map(|failure| (failure.kind.to_string(), failure.count)));
        TcpPart {
            destination: plan.typed_url().trim_end_matches('/').to_owned(),
            payload: Some(BASE64_STANDARD.encode(&plan.body)),
            unix_domain_socket: String::new(),
            req_timeout: signed(plan.timeout),
            ret_codes,
            socket_count: result.sockets.iter().sum(),
            bytes_sent: result.bytes.sent,
            bytes_received: result.bytes.received,
        }
    }

    fn extension(&self) -> Extension {
        let Self { result, plan, .. } = *self;
        let counts = &result.counts;
        let failures = result.failures.iter().map(|failure| FailureRow {
            kind: failure.kind.to_string(),
            count: failure.count,
            first: failure.first.clone(),
        });
        let row = |phase: &Phase| PhaseRow {
            name: phase.name.clone(),
            start: phase.start.as_secs_f64(),
            ok: phase.ok,
            errors: phase.errors,
            service: LatencyData::of(&phase.service),
            response: LatencyData::of(&phase.response),
        };
        Extension {
            engine: result.external.as_ref().map_or("embedded", |tool| &tool.name).to_owned(),
            model: match plan.model {
                LoadModel::Open => "open",
                LoadModel::Fortio { .. } => "fortio",
            }
            .to_owned(),
            scheduled: counts.scheduled,
            started: counts.started,
            completed: counts.completed,
            missed: counts.missed,
            late: counts.late,
            achieved_ratio: result.achieved_ratio(),
            saturated: result.saturated,
            generator_busy: result.generator_busy,
            interrupted: result.interrupted,
            retried: counts.retries,
            interim: counts.interim,
            bytes_sent: result.bytes.sent,
            bytes_received: result.bytes.received,
            bytes_stray: result.bytes.stray,
            failures: failures.collect(),
            service: LatencyData::of(&result.service),
            response: LatencyData::of(&result.response),
            start_lag: LatencyData::of(&result.start_lag),
            phases: result.phases.iter().map(row).collect(),
            measured: result.measured.as_ref().map(row),
        }
    }
}

/// The URL without its scheme, and this host's name up to the first dot.
fn default_labels(plan: &LoadPlan, target: Option<&str>) -> String {
    let url = target.map_or_else(|| plan.typed_url(), str::to_owned);
    let short = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let names = rustix::system::uname();
    let host = names.nodename().to_string_lossy().into_owned();
    let host = host.split('.').next().unwrap_or_default();
    format!("{short} , {host}")
}

fn requested_qps(plan: &LoadPlan) -> String {
    match plan.rate {
        Rate::Qps(qps) => go_number::significant(qps, 9),
        Rate::Max => "max".to_owned(),
    }
}

fn requested_duration(plan: &LoadPlan, completed: u64) -> String {
    match plan.stop {
        Stop::After(duration) => go_duration::format(duration),
        Stop::Never => "until stop".to_owned(),
        Stop::Count(calls) if calls == completed => format!("exactly {calls} calls"),
        Stop::Count(calls) => format!("exactly {calls} calls, interrupted after {completed}"),
    }
}

fn signed(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
