//! fortio's command line, texts and result files, and the driver of a real fortio.
//!
//! [`run`] is the drop-in for `fortio load`, [`FortioDocument`] is the file that it writes, and [`Fortio`] is a real
//! fortio in place of the load engine.
//!
//! ```
//! use chaos_fortio::FortioDocument;
//! use chaos_load::{LoadPlan, Stop, start, target};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let target = target::serve(([127, 0, 0, 1], 0).into(), target::Behaviour::new())?;
//! let mut plan = LoadPlan::to(&target.url())?;
//! plan.stop = Stop::Count(2);
//! let document = FortioDocument::of(&start(plan)?.wait_blocking());
//! assert_eq!(document.common.duration_histogram.count, 2);
//! # Ok(())
//! # }
//! ```
//!
//! | Modules | What they hold |
//! |---|---|
//! | `args`, `flags`, `values`, `refusal` | from the words of a command line to a plan, or a refusal |
//! | `command`, `events`, `access_log` | a command from its words to its exit code |
//! | `text`, `log`, `fold`, `go_number`, `go_duration` | what stands on standard error |
//! | `document`, `convert`, `reporting`, `histogram`, `latency`, `json`, `liberal` | the result file |
//! | `id`, `zone` | dates and names of files |
//! | `driver` | a real fortio: started, followed by its access log, asked for its result |

mod access_log;
mod args;
mod command;
mod convert;
mod document;
mod driver;
mod events;
mod flags;
mod fold;
mod go_duration;
mod go_number;
mod histogram;
mod id;
mod json;
mod latency;
mod liberal;
mod log;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod parsers;
mod refusal;
mod reporting;
mod text;
mod values;
mod zone;

pub use args::{AccessLogArgs, FortioCommand, parse};
pub use command::{Interrupt, run, run_with};
pub use document::{Common, Extension, FailureRow, FortioDocument, HttpPart, Part, PhaseRow, TcpPart};
pub use driver::{Fortio, find};
pub use fold::fold;
pub use histogram::{BucketRow, HistogramData, PercentileRow};
pub use latency::{LatencyData, LatencyRow};
pub use log::LogLevel;
pub use refusal::FortioArgError;
pub use reporting::Reporting;
pub use values::ValueError;
