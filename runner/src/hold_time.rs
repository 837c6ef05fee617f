//! How long a sustained fault is held.

use std::time::Duration;

use chaos_core::{ChaosSpec, Policy, Seconds, Span};

/// A hold that ends this much late was not merely scheduled late: the run was stopped, or the machine slept.
const LATE: Duration = Duration::from_secs(1);

/// What is said of a hold that lasted longer than asked; `None` of one that ended on time or early.
pub(crate) fn overrun(asked: Duration, held: Duration) -> Option<String> {
    let late = held.checked_sub(asked).filter(|late| *late >= LATE)?;
    let (held, asked, late) = (held.as_secs_f64(), asked.as_secs_f64(), late.as_secs_f64());
    Some(format!(
        "the fault was held for {held:.1} s, {late:.1} s longer than the {asked:.1} s asked for: this process was stopped, \
         the machine slept, or it was overloaded"
    ))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_too_long_only_beyond_what_a_scheduler_is_late() {
        let ms = Duration::from_millis;
        for (asked, held) in [(3000, 3000), (3000, 3999), (3000, 20), (0, 0)] {
            assert_eq!(overrun(ms(asked), ms(held)), None, "{asked} {held}");
        }
        let told = overrun(ms(1000), ms(61_500)).unwrap();
        assert!(told.starts_with("the fault was held for 61.5 s, 60.5 s longer than the 1.0 s asked for: "), "{told}");
    }
}
