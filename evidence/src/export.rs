//! What a run tells others: its trace and its metrics, made of its events.

mod exposition;
mod json_word;
mod label_sets;
mod metrics;
#[cfg(feature = "otlp-export")]
mod otlp;
#[cfg(feature = "otlp-export")]
mod post;
mod run_trace;
mod run_trace_spans;
#[cfg(feature = "metrics-export")]
mod serve;

pub use exposition::TextFormat;
pub use metrics::RunMetrics;
#[cfg(feature = "otlp-export")]
pub use otlp::{trace_line, trace_requests};
#[cfg(feature = "otlp-export")]
pub use post::{BadOtlpUrl, NotPosted, OtlpEndpoint};
pub use run_trace::{RunTrace, TracedRun};
pub use run_trace_spans::{RunSpan, RunSpanEvent, RunSpanLink, RunSpanStatus, RunSpanValue};
#[cfg(feature = "metrics-export")]
pub use serve::{MetricsServer, NotServed};
