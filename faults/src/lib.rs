//! Faults: one file each, named for its `type`.
//!
//! | Module | Holds |
//! |---|---|
//! | `generate_load` | the fault `generate_load`: one spike of load, asked for by a model (feature `generate-load`) |

#[cfg(feature = "generate-load")]
mod generate_load;

#[cfg(feature = "generate-load")]
pub use generate_load::{GenerateLoad, LoadEngine, LoadTarget, SpikeDuration, SpikeDurationError};
