//! Faults: one file each.
//!
//! | Module | Holds |
//! |---|---|
//! | `failpoint` | the fault `failpoint`: arms a fail point of another process (feature `failpoint`) |
//! | `generate_load` | the fault `generate_load`: one spike of load, asked for by a model (feature `generate-load`) |
//! | `pause_process` | the fault `pause_process`: SIGSTOP and SIGCONT through a pidfd (feature `process`) |
//! | `process` | processes as `/proc` and pidfds show them |

#[cfg(feature = "failpoint")]
mod failpoint;
#[cfg(feature = "generate-load")]
mod generate_load;
#[cfg(feature = "process")]
mod pause_process;
#[cfg(any(feature = "generate-load", feature = "process"))]
mod process;

#[cfg(feature = "failpoint")]
pub use failpoint::{BoundsError, DisarmFailpoint, Failpoint, LeaseSeconds, Share, SiteName};
#[cfg(feature = "generate-load")]
pub use generate_load::{GenerateLoad, LoadEngine, StopFortio};
#[cfg(feature = "process")]
pub use pause_process::{PauseProcess, ResumeProcess};
