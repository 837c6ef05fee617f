//! How long a sustained fault is held.

use std::time::Duration;

use chaos_core::{ChaosSpec, Policy, Seconds, Span};

/// The entry's own duration, else the default.
pub(crate) fn hold_time(spec: &ChaosSpec) -> Duration {
    spec.duration_seconds.unwrap_or_else(|| Seconds::from(chaos_core::DEFAULT_HOLD_SECONDS)).get()
}

/// Lets a sustained fault without a duration of its own be held for as long as the policy allows.
pub(crate) fn hold_to_the_ceiling(spec: &mut ChaosSpec, policy: &Policy) {
    if spec.duration_seconds.is_none() && spec.action.span() == Span::Sustained {
        spec.duration_seconds = Seconds::try_from(policy.max_duration_seconds).ok();
    }
}
