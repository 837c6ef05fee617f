//! Load engine with fortio's command line and result format.
//!
//! [`start`] runs a [`Load`] plan on threads of its own and gives a [`Running`]
//! handle; its [`LoadResult`] holds exact latencies, among them the one that a
//! user would have felt. [`fortio`] is the drop-in for `fortio load`.
//!
//! ```
//! use std::time::Duration;
//! use chaos_load::{Kind, Load, Rate, Stop, start, target};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let target = target::serve(([127, 0, 0, 1], 0).into(), target::Behaviour::new())?;
//! let mut load = Load::to(&target.url())?;
//! load.rate = Rate::Qps(200.0);
//! load.stop = Stop::After(Duration::from_millis(100));
//! let result = start(load)?.wait_blocking();
//! assert_eq!(result.counts.completed, 20);
//! assert!(result.percentile(Kind::Response, 99.0).is_some());
//! # Ok(())
//! # }
//! ```
//!
//! | Modules | What they hold |
//! |---|---|
//! | `plan`, `error` | what is asked for, and why it may not start |
//! | `schedule`, `program`, `clock`, `pacer` | when each call is due, and how it is woken |
//! | `running`, `control`, `coordinator`, `worker` | the threads of a run and who leads them |
//! | `lanes`, `open` | the two models: fortio's rule, and one open schedule |
//! | `client`, `request`, `framing`, `wire`, `alarm` | one call: bytes out, bytes in, deadline |
//! | `call`, `failure`, `tally`, `latency`, `histogram`, `busy` | what is counted |
//! | `observer`, `snapshot`, `result`, `summary` | what is told, during and after |
//! | `fortio` | fortio's command line, texts and files |
//! | `engine` | a real fortio in place of this engine |
//! | `target` | a small server for demonstrations and tests |

#[cfg(test)]
mod agreement;
mod alarm;
mod base64;
mod busy;
mod call;
mod client;
mod clock;
mod control;
mod coordinator;
pub mod engine;
mod error;
mod failure;
pub mod fortio;
mod framing;
mod go_duration;
mod go_number;
mod histogram;
mod lanes;
mod latency;
mod liberal;
mod observer;
mod open;
mod pacer;
mod plan;
mod program;
mod random;
mod request;
mod result;
mod running;
mod schedule;
mod snapshot;
mod summary;
mod tally;
pub mod target;
#[cfg(feature = "tls")]
mod tls;
mod wire;
mod worker;

pub use error::LoadError;
pub use failure::FailureKind;
pub use histogram::{BucketRow, HistogramData, PercentileRow};
pub use latency::{Latency, LatencyData, LatencyRow};
pub use plan::{AddressFamily, Load, Model, Rate, Reporting, Stop, Transport, Warmup};
pub use result::{Bytes, Counts, FailureCount, Kind, LoadResult, Phase, WarmupFailure};
pub use running::{Canceller, Running, start};
pub use snapshot::{PhaseFigures, Snapshot, Spread};
