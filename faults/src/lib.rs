//! Faults: one file each.
//!
//! | Module | Holds |
//! |---|---|
//! | `failpoint` | the fault `failpoint`: arms a fail point of another process (feature `failpoint`) |
//! | `generate_load` | the fault `generate_load`: one spike of load, asked for by a model (feature `generate-load`) |

#[cfg(feature = "failpoint")]
mod failpoint;
#[cfg(feature = "generate-load")]
mod generate_load;

#[cfg(feature = "failpoint")]
pub use failpoint::{BoundsError, DisarmFailpoint, Failpoint, LeaseSeconds, Share, SiteName};
#[cfg(feature = "generate-load")]
pub use generate_load::{GenerateLoad, LoadEngine, LoadTarget, SpikeDuration, SpikeDurationError};
