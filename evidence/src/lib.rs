//! Evidence: what the system under test says of itself, taken in, kept within bounds, and asked by probes.
//!
//! | Module | Holds |
//! |---|---|
//! | `moment` | [`Moment`]: a point of the run's clock, before its start too |
//! | `recording` | [`EvidenceRecord`]: evidence as a file has it |
//! | `recorder` | [`Recorder`]: writes that file |
//! | `number` | numbers that JSON can't write |
//! | `replay` | [`Recording`]: the source that replays it |
//! | `since` | [`Since`]: from when on evidence counts |
//! | `window` | [`Window`]: the stretch of time in which evidence counts |
//! | `lost` | [`Lost`]: stretches of time of which evidence is missing |
//! | `otlp` | [`Otlp`]: the source that takes in OTLP (feature `otlp`) |
//! | `span` | [`SpanRecord`]: one span, as sources hand it over |
//! | `span_store` | [`SpanStore`]: spans in columns, within a bound, and what can be asked of them |
//! | `export` | what a run tells others: [`RunTrace`] and [`RunMetrics`], made of its events |
//! | `text` | [`Text`]: strings that are kept once |
//! | `bounds` | [`Bounds`]: a number of which evidence may tell no more than between which two it lies |
//! | `losses` | [`Losses`]: what a source took in and a store did not keep |
//! | `metric_store` | [`MetricStore`]: samples of metrics |
//! | `prometheus` | the source that scrapes targets (feature `http`) |
//! | `log_file` | the source that follows log files |
//! | `edge_watch` | tells a source that a fault came or went |
//! | `stores` | the stores of a run, and what becomes in them of what a recording says |
//! | `sink` | where a source puts what it takes in: the stores, and its recording |
//! | `log_store` | [`LogStore`]: lines of logs |

mod bounds;
mod edge_watch;
mod export;
mod log_file;
mod log_store;
mod losses;
mod lost;
mod metric_store;
mod moment;
mod number;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(feature = "http")]
mod prometheus;
mod recorder;
mod recording;
mod replay;
mod since;
mod sink;
mod span;
mod span_store;
mod stores;
mod text;
mod window;

pub use bounds::Bounds;
#[cfg(feature = "otlp-export")]
pub use export::{BadOtlpUrl, NotPosted, OtlpEndpoint, trace_line, trace_requests};
#[cfg(feature = "metrics-export")]
pub use export::{MetricsServer, NotServed};
pub use export::{
    RunMetrics, RunSpan, RunSpanEvent, RunSpanLink, RunSpanStatus, RunSpanValue, RunTrace, TextFormat, TracedRun,
};
pub use log_file::LogFile;
pub use log_store::{DEFAULT_LOG_BYTES, LONGEST_LINE, LogAnswer, LogLine, LogQuery, LogStore};
pub use losses::Losses;
pub use lost::Lost;
pub use metric_store::{
    Ask, Batch, DEFAULT_SAMPLES, ExponentialBuckets, MetricAnswer, MetricKind, MetricQuery, MetricStore, Reading,
    Recorded, Sample, SeriesAnswer,
};
pub use moment::Moment;
#[cfg(feature = "otlp")]
pub use otlp::Otlp;
#[cfg(feature = "http")]
pub use prometheus::Prometheus;
pub use recorder::Recorder;
pub use recording::{EvidenceRecord, LineRecord, RecordedBounds, Took};
pub use replay::Recording;
pub use since::{NotSince, Since};
pub use span::{AttributeValue, Attributes, SpanId, SpanKind, SpanRecord, SpanStatus, TraceId};
pub use span_store::{FoundSpans, SpanBounds, SpanFigures, SpanQuery, SpanSeen, SpanStore};
pub use text::{Text, Texts};
pub use window::Window;
