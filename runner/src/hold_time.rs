//! How long a sustained fault is held.

use std::time::Duration;

use chaos_core::{ChaosSpec, Seconds};

/// The entry's own duration, else the default.
pub(crate) fn hold_time(spec: &ChaosSpec) -> Duration {
    spec.duration_seconds.unwrap_or_else(|| Seconds::from(chaos_core::DEFAULT_HOLD_SECONDS)).get()
}
