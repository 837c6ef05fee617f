//! Load engine: typed plans, exact schedules, typed results.
//!
//! [`start`] runs a [`LoadPlan`] on threads of its own and gives a [`Running`]
//! handle; its [`LoadResult`] holds exact latencies, among them the one that a
//! user would have felt. [`ExternalRun`] counts what another program requests in the same way.
//!
//! ```
//! use std::time::Duration;
//! use chaos_load::{LatencyKind, LoadPlan, Rate, Stop, start, target};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let target = target::serve(([127, 0, 0, 1], 0).into(), target::Behaviour::new())?;
//! let mut load = LoadPlan::to(&target.url())?;
//! load.rate = Rate::Qps(200.0);
//! load.stop = Stop::After(Duration::from_millis(100));
//! let result = start(load)?.wait_blocking();
//! assert_eq!(result.counts.completed, 20);
//! assert!(result.percentile(LatencyKind::Response, 99.0).is_some());
//! # Ok(())
//! # }
//! ```
//!
//! | Modules | What they hold |
//! |---|---|
//! | `plan`, `error` | what is requested, and why it may not start |
//! | `schedule`, `program`, `clock`, `pacer` | when each request is due, and how it is woken |
//! | `running`, `control`, `coordinator`, `worker`, `worker_stats`, `context` | the threads of a run and who leads them |
//! | `external` | a run whose requests another program makes |
//! | `lanes`, `open` | the two models: fortio's rule, and one open schedule |
//! | `client`, `standard_plan`, `destination`, `header`, `request`, `framing`, `wire`, `tls`, `trace_context`, `alarm` | one request: bytes out, bytes in, deadline |
//! | `call`, `failure`, `tally`, `latency`, `histogram`, `exemplar`, `busy` | what is counted |
//! | `observer`, `snapshot`, `result`, `summary` | what is reported, during and after |
//! | `target` | a small server for demonstrations and tests |

mod agreement;
mod alarm;
mod busy;
mod call;
mod client;
mod clock;
mod context;
mod control;
mod coordinator;
mod destination;
mod error;
mod exemplar;
mod external;
mod failure;
mod framing;
mod header;
mod histogram;
mod lanes;
mod latency;
mod localhost;
mod observer;
mod open;
mod pacer;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod parsers;
mod plan;
mod program;
mod random;
mod request;
mod result;
mod running;
mod schedule;
mod snapshot;
#[cfg(feature = "std-client")]
mod standard_plan;
mod summary;
mod tally;
pub mod target;
#[cfg(feature = "tls")]
mod tls;
mod trace_context;
mod url_text;
mod wire;
mod worker;
mod worker_stats;

pub use call::ConnectionReport;
pub use error::LoadError;
pub use exemplar::{Exemplars, TracedRequest};
pub use external::{ExternalRequest, ExternalRun};
pub use failure::{Failure, FailureKind};
pub use header::is_header;
pub use histogram::{Bucket, Histogram, Sums};
pub use latency::Latency;
pub use observer::{EndedRequest, Observer, RequestEvent, RequestSink};
pub use plan::{AddressFamily, Buckets, LoadModel, LoadPlan, Rate, Stop, Transport, Warmup};
pub use result::{Bytes, ExternalTool, FailureCount, LatencyKind, LoadResult, Phase, RequestCounts, WarmupFailure};
pub use running::{Canceller, Running, start, start_observed};
pub use schedule::{Lowered, Split};
pub use snapshot::{PhaseFigures, Snapshot, Spread};
pub use tally::Histograms;
pub use trace_context::TraceIds;
