//! From the result of a run to fortio's result file.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base64;
use crate::clock::nanos;
use crate::go_duration;
use crate::go_number;
use crate::histogram::Histogram;
use crate::plan::{Load, Model, Rate, Stop};
use crate::program::Program;
use crate::result::{LoadResult, Phase};

use super::document::{Common, Document, Extension, FailureRow, HttpPart, Part, PhaseRow, TcpPart};
use super::id::Moment;

/// What stands for credentials in a result file.
const MASK: &str = "***";

impl LoadResult {
    /// Gives the result as fortio's file, with what this engine adds.
    pub fn to_fortio(&self) -> Document {
        self.document("", None)
    }

    pub(super) fn document(&self, access_log: &str, target: Option<&str>) -> Document {
        if let Some(foreign) = &self.foreign {
            let extension = Extension { engine: "fortio".to_owned(), ..self.extension() };
            return Document { extension: Some(Box::new(extension)), ..(**foreign).clone() };
        }
        let common = self.common(access_log, target);
        let part = if self.plan.url.scheme() == "tcp" {
            Part::Tcp(self.tcp_part())
        } else {
            Part::Http(Box::new(self.http_part()))
        };
        Document { common, part, extension: Some(Box::new(self.extension())) }
    }

    fn common(&self, access_log: &str, target: Option<&str>) -> Common {
        let plan = &self.plan;
        let reporting = &plan.reporting;
        let (uniform, jitter, no_catch_up) = match plan.model {
            Model::Fortio { uniform, jitter, nocatchup } => (uniform, jitter, nocatchup),
            Model::Open => (false, false, false),
        };
        let labels = reporting.labels.clone().unwrap_or_else(|| default_labels(plan, target));
        let moment = Moment::of(self.started_at, super::zone::offset(self.started_at));
        let aborted = (self.never_began && self.warmup_failure.is_none()).then_some(true);
        Common {
            run_type: if plan.url.scheme() == "tcp" { "TCP" } else { "HTTP" }.to_owned(),
            start_time: moment.rfc3339(),
            requested_qps: requested_qps(plan),
            requested_duration: requested_duration(plan, self.counts.completed),
            actual_qps: self.achieved_qps,
            actual_duration: signed(self.elapsed),
            num_threads: count(threads(plan)),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            duration_histogram: self.durations.export(&reporting.percentiles),
            errors_duration_histogram: self.error_durations.export(&reporting.percentiles),
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
        let plan = &self.plan;
        let transport = &plan.transport;
        let path = |path: &Option<std::path::PathBuf>| {
            path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
        };
        HttpPart {
            ret_codes: self.codes.iter().map(|(code, count)| (code.to_string(), *count)).collect(),
            ip_count_map: self.addresses.clone(),
            insecure: transport.insecure,
            mtls: transport.mtls,
            ca_cert: path(&transport.ca_cert),
            cert: path(&transport.cert),
            key: path(&transport.key),
            unix_domain_socket: path(&plan.unix_socket),
            url: plan.url.to_string(),
            num_connections: 1,
            compression: transport.compression,
            disable_fast_client: crate::client::is_standard(plan),
            http10: transport.http10,
            h2: transport.h2,
            disable_keep_alive: !plan.keep_alive,
            allow_half_close: transport.half_close,
            follow_redirects: transport.follow_redirects,
            resolve: plan.resolve.first().map(|address| address.ip().to_string()).unwrap_or_default(),
            http_req_time_out: signed(plan.timeout),
            user_credentials: if plan.user.is_some() { MASK.to_owned() } else { String::new() },
            content_type: plan.content_type.clone().unwrap_or_default(),
            payload: Some(base64::encode(&plan.body)),
            method_override: plan.method.clone().unwrap_or_default(),
            log_errors: plan.reporting.log_errors,
            sequential_warmup: plan.warmup == crate::plan::Warmup::Sequential,
            conn_reuse_range: plan.reuse.map_or([0, 0], |(least, most)| [least, most]),
            no_resolve_each_conn: plan.reporting.no_reresolve,
            offset: signed(plan.reporting.offset),
            resolution: plan.reporting.resolution,
            sizes: self.sizes.export(&[]),
            header_sizes: self.head_sizes.export(&[]),
            sockets: self.sockets.clone(),
            socket_count: self.sockets.iter().sum(),
            connection_stats: self.connects().export(&plan.reporting.percentiles),
            abort_on: i64::from(plan.abort_on.unwrap_or(0)),
        }
    }

    fn tcp_part(&self) -> TcpPart {
        let mut ret_codes = BTreeMap::new();
        if self.counts.ok > 0 {
            ret_codes.insert("OK".to_owned(), self.counts.ok);
        }
        ret_codes.extend(self.failures.iter().map(|failure| (failure.kind.to_string(), failure.count)));
        TcpPart {
            destination: self.plan.url.to_string().trim_end_matches('/').to_owned(),
            payload: Some(base64::encode(&self.plan.body)),
            unix_domain_socket: String::new(),
            req_timeout: signed(self.plan.timeout),
            ret_codes,
            socket_count: self.sockets.iter().sum(),
            bytes_sent: self.bytes.sent,
            bytes_received: self.bytes.received,
        }
    }

    /// Times to connect over all connections.
    pub(super) fn connects(&self) -> Histogram {
        let reporting = &self.plan.reporting;
        let mut all = Histogram::new(reporting.offset.as_secs_f64(), reporting.resolution);
        self.connections.iter().for_each(|connection| all.add(&connection.connects));
        all
    }

    fn extension(&self) -> Extension {
        let counts = &self.counts;
        let failures = self.failures.iter().map(|failure| FailureRow {
            kind: failure.kind.to_string(),
            count: failure.count,
            first: failure.first.clone(),
        });
        let row = |phase: &Phase| PhaseRow {
            name: phase.name.clone(),
            start: phase.start.as_secs_f64(),
            ok: phase.ok,
            errors: phase.errors,
            service: phase.service.to_data(),
            response: phase.response.to_data(),
        };
        Extension {
            engine: "embedded".to_owned(),
            model: self.model_name().to_owned(),
            scheduled: counts.scheduled,
            started: counts.started,
            completed: counts.completed,
            missed: counts.missed,
            late: counts.late,
            achieved_ratio: self.achieved_ratio(),
            saturated: self.saturated,
            generator_busy: self.generator_busy,
            interrupted: self.interrupted,
            retried: counts.retried,
            interim: counts.interim,
            bytes_sent: self.bytes.sent,
            bytes_received: self.bytes.received,
            bytes_stray: self.bytes.stray,
            failures: failures.collect(),
            service: self.service.to_data(),
            response: self.response.to_data(),
            start_lag: self.start_lag.to_data(),
            phases: self.phases.iter().map(row).collect(),
            measured: self.measured.as_ref().map(row),
        }
    }
}

/// Connections that take part in a plan.
pub(super) fn threads(plan: &Load) -> usize {
    Program::of(plan).connections(plan)
}

/// The URL without its scheme, and this host's name up to the first dot.
fn default_labels(plan: &Load, target: Option<&str>) -> String {
    let url = target.map_or_else(|| plan.url.to_string(), str::to_owned);
    let short = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let names = rustix::system::uname();
    let host = names.nodename().to_string_lossy().into_owned();
    let host = host.split('.').next().unwrap_or_default();
    format!("{short} , {host}")
}

fn requested_qps(plan: &Load) -> String {
    match plan.rate {
        Rate::Qps(qps) => go_number::significant(qps, 9),
        Rate::Max => "max".to_owned(),
    }
}

fn requested_duration(plan: &Load, completed: u64) -> String {
    match plan.stop {
        Stop::After(duration) => go_duration::format(duration),
        Stop::Never => "until stop".to_owned(),
        Stop::Count(calls) if calls == completed => format!("exactly {calls} calls"),
        Stop::Count(calls) => format!("exactly {calls} calls, interrupted after {completed}"),
    }
}

fn signed(duration: Duration) -> i64 {
    i64::try_from(nanos(duration)).unwrap_or(i64::MAX)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
