//! Faults in families: one file each, named for its `type`.
//!
//! | Module | Holds |
//! |---|---|
//! | `failpoint` | `failpoint`: arms a fail point of another process (feature `failpoint`) |
//! | `load` | `load` makes load (feature `load`); `generate_load` has a model ask for it (feature `generate-load`) |
//! | `process` | `pause_process`: SIGSTOP and SIGCONT through a pidfd (feature `process`) |

#[cfg(feature = "failpoint")]
mod failpoint;
#[cfg(feature = "load")]
mod load;
#[cfg(feature = "process")]
mod process;

#[cfg(feature = "failpoint")]
pub use failpoint::{BoundsError, DisarmFailpoint, Failpoint, LeaseSeconds, Share, SiteName};
#[cfg(feature = "generate-load")]
pub use load::GenerateLoad;
#[cfg(feature = "load")]
pub use load::{Load, LoadEngine, StopFortio};
#[cfg(feature = "process")]
pub use process::{PauseProcess, ResumeProcess};
