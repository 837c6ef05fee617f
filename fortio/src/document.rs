//! fortio's result file, read and written field for field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::histogram::HistogramData;
use crate::latency::LatencyData;
use crate::liberal;

use crate::json;

/// A result file of fortio's: the common part, and that of the kind of run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FortioDocument {
    /// What every kind of run has.
    #[serde(flatten)]
    pub common: Common,
    /// What this kind of run has.
    #[serde(flatten)]
    pub part: Part,
    /// What this engine adds: exact latencies and honest counts.
    #[serde(rename = "ChaosLoad", skip_serializing_if = "Option::is_none")]
    pub extension: Option<Box<Extension>>,
}

/// The part of a result file that depends on the kind of run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Part {
    /// `RunType` is `HTTP`.
    Http(Box<HttpPart>),
    /// `RunType` is `TCP`.
    Tcp(TcpPart),
}

impl FortioDocument {
    /// Reads a file, liberally: other producers write counts as texts. Keys
    /// that are not known are left out.
    ///
    /// # Errors
    ///
    /// The text is not JSON, lacks a field, or is of a kind of run that is
    /// neither HTTP nor TCP.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        let value: Value = serde_json::from_str(text)?;
        let common = Common::deserialize(&value)?;
        let part = match common.run_type.as_str() {
            "HTTP" => Part::Http(Box::new(HttpPart::deserialize(&value)?)),
            "TCP" => Part::Tcp(TcpPart::deserialize(&value)?),
            other => {
                let message = format!("the run type `{other}` is not one of HTTP, TCP");
                return Err(serde::de::Error::custom(message));
            }
        };
        let extension = value.get("ChaosLoad").map(Extension::deserialize).transpose()?.map(Box::new);
        Ok(Self { common, part, extension })
    }

    /// The start of the run in nanoseconds since 1970, where it can be read.
    pub(crate) fn start(&self) -> Option<u64> {
        crate::id::parse_rfc3339(&self.common.start_time)
    }

    /// Writes the file's text, byte for byte as fortio would.
    ///
    /// # Errors
    ///
    /// None that a document made here or read by [`FortioDocument::read`] can cause.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        json::to_text(self)
    }
}

/// The part of a result file that every kind of run has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Common {
    /// `HTTP` or `TCP`.
    pub run_type: String,
    /// Free text.
    pub labels: String,
    /// RFC 3339 with nanoseconds and zone.
    pub start_time: String,
    /// Calls a second with 9 significant digits, or `max`.
    #[serde(rename = "RequestedQPS", deserialize_with = "liberal::text")]
    pub requested_qps: String,
    /// `30s`, `until stop` or `exactly 100 calls`, and what was cut off.
    pub requested_duration: String,
    /// Completed calls a second.
    #[serde(rename = "ActualQPS")]
    pub actual_qps: f64,
    /// Nanoseconds.
    #[serde(deserialize_with = "liberal::nanos")]
    pub actual_duration: i64,
    /// Connections after lowering.
    pub num_threads: i64,
    /// Version of the tool.
    pub version: String,
    /// Every call, in seconds.
    pub duration_histogram: HistogramData,
    /// The failed ones among them.
    pub errors_duration_histogram: HistogramData,
    /// The target number of calls, or 0.
    pub exactly: i64,
    /// Waits varied by 10 %.
    pub jitter: bool,
    /// Connections started one after the other.
    pub uniform: bool,
    /// Calls whose time had passed were skipped.
    pub no_catch_up: bool,
    /// Free number.
    #[serde(rename = "RunID")]
    pub run_id: i64,
    /// Mode and path of the access log.
    pub access_logger_info: String,
    /// Date, time, run id and labels.
    #[serde(rename = "ID")]
    pub id: String,
    /// The run did not take place.
    #[serde(rename = "error", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<bool>,
    /// Why.
    #[serde(rename = "message", default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The part of a result file that an HTTP run has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "the fields are those of fortio's file")]
pub struct HttpPart {
    /// Calls by status; -1 stands for no answer.
    pub ret_codes: BTreeMap<String, u64>,
    /// Sockets by address.
    #[serde(rename = "IPCountMap")]
    pub ip_count_map: BTreeMap<String, u64>,
    /// Certificates were not checked.
    pub insecure: bool,
    /// A client certificate was asked for.
    #[serde(rename = "MTLS")]
    pub mtls: bool,
    /// Path of the authority's certificate.
    #[serde(rename = "CACert")]
    pub ca_cert: String,
    /// Path of the client's certificate.
    pub cert: String,
    /// Path of its key.
    pub key: String,
    /// Socket file.
    pub unix_domain_socket: String,
    /// What was requested.
    #[serde(rename = "URL")]
    pub url: String,
    /// Always 1.
    pub num_connections: i64,
    /// Compressed answers were asked for.
    pub compression: bool,
    /// The standard client was used.
    pub disable_fast_client: bool,
    /// HTTP/1.0 was spoken.
    #[serde(rename = "HTTP10")]
    pub http10: bool,
    /// HTTP/2 was asked for.
    pub h2: bool,
    /// Each call had its own connection.
    pub disable_keep_alive: bool,
    /// Connections were half closed after sending.
    pub allow_half_close: bool,
    /// Redirects were followed.
    pub follow_redirects: bool,
    /// Address that was pinned.
    pub resolve: String,
    /// Longest time for one call, in nanoseconds.
    #[serde(rename = "HTTPReqTimeOut")]
    pub http_req_time_out: i64,
    /// Always empty or masked here; fortio writes them in clear.
    pub user_credentials: String,
    /// Content type that was asked for.
    pub content_type: String,
    /// Body in base64.
    pub payload: Option<String>,
    /// Method that was asked for.
    pub method_override: String,
    /// Failures were logged as they happened.
    pub log_errors: bool,
    /// Connections warmed up one after the other.
    pub sequential_warmup: bool,
    /// Fewest and most calls on one connection; zeros without a limit.
    pub conn_reuse_range: [u64; 2],
    /// Names were looked up once.
    pub no_resolve_each_conn: bool,
    /// Nanoseconds taken off before bucketing.
    pub offset: i64,
    /// Width of the smallest buckets, in seconds.
    pub resolution: f64,
    /// Bytes of answers.
    pub sizes: HistogramData,
    /// Bytes of heads.
    pub header_sizes: HistogramData,
    /// Sockets of each connection.
    pub sockets: Vec<u64>,
    /// Sockets in all.
    pub socket_count: u64,
    /// Times to connect, in seconds.
    pub connection_stats: HistogramData,
    /// Status that stops the run, or 0.
    pub abort_on: i64,
}

/// The part of a result file that a TCP run has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct TcpPart {
    /// What was connected to.
    pub destination: String,
    /// Bytes sent, in base64.
    pub payload: Option<String>,
    /// Socket file.
    pub unix_domain_socket: String,
    /// Longest time for one call, in nanoseconds.
    pub req_timeout: i64,
    /// Calls by `OK` or error.
    pub ret_codes: BTreeMap<String, u64>,
    /// Sockets in all.
    pub socket_count: u64,
    /// Bytes that went out.
    pub bytes_sent: u64,
    /// Bytes that came back.
    pub bytes_received: u64,
}

/// What this engine adds to fortio's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Extension {
    /// `embedded` or `fortio`.
    pub engine: String,
    /// `fortio` or `open`.
    pub model: String,
    /// Calls that were due.
    pub scheduled: u64,
    /// Calls that started.
    pub started: u64,
    /// Calls that ended.
    pub completed: u64,
    /// Calls that were due and never started.
    pub missed: u64,
    /// Calls that started more than a millisecond late.
    pub late: u64,
    /// Completed over scheduled calls.
    pub achieved_ratio: f64,
    /// The target or the machine did not keep up.
    pub saturated: bool,
    /// Share of the time for which the busiest thread of the generator ran, or waited for a processor.
    #[serde(default)]
    pub generator_busy: f64,
    /// The run was cut short.
    pub interrupted: bool,
    /// Calls that went out twice, their kept connection being dead.
    pub retried: u64,
    /// Interim answers.
    pub interim: u64,
    /// Bytes in requests.
    pub bytes_sent: u64,
    /// Bytes in answers.
    pub bytes_received: u64,
    /// Bytes behind answers.
    pub bytes_stray: u64,
    /// Failures by kind.
    pub failures: Vec<FailureRow>,
    /// From the start of each call to its end.
    pub service: LatencyData,
    /// From the time at which each call was due to its end.
    pub response: LatencyData,
    /// From the time at which each call was due to its start.
    pub start_lag: LatencyData,
    /// Latencies by phase.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseRow>,
    /// Calls that were due behind the time that settles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<PhaseRow>,
}

/// Failures of one kind in a result file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct FailureRow {
    /// What went wrong, in words.
    pub kind: String,
    /// How often.
    pub count: u64,
    /// The first one in the system's words.
    pub first: String,
}

/// One phase in a result file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct PhaseRow {
    /// Its name.
    pub name: String,
    /// Seconds after the start.
    pub start: f64,
    /// Calls answered well.
    pub ok: u64,
    /// Calls that failed.
    pub errors: u64,
    /// From the start of each call to its end.
    pub service: LatencyData,
    /// From the time at which each call was due to its end.
    pub response: LatencyData,
}
