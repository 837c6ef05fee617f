//! The clock of one run: nanoseconds since its common start.

use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds in a second.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// The common start of a run on the three clocks that are needed: the one that
/// is read, the one that timers count in, and the one for people.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunClock {
    origin: Instant,
    monotonic: Timespec,
    pub(crate) wall: SystemTime,
}

impl RunClock {
    /// Fixes the start a little ahead, so that every worker is there in time.
    pub(crate) fn starting_in(ahead: Duration) -> Self {
        let monotonic = clock_gettime(ClockId::Monotonic);
        let origin = Instant::now() + ahead;
        Self { origin, monotonic: later(monotonic, nanos(ahead)), wall: SystemTime::now() + ahead }
    }

    /// The start.
    pub(crate) fn origin(&self) -> Instant {
        self.origin
    }

    /// Nanoseconds since the start, 0 before it.
    pub(crate) fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    /// Whether a moment of the run has come; none has before the start.
    pub(crate) fn has_passed(&self, at: u64) -> bool {
        let since = Instant::now().checked_duration_since(self.origin);
        since.is_some_and(|since| nanos(since) >= at)
    }

    /// Nanoseconds from the start to an instant, 0 before it.
    pub(crate) fn at(&self, instant: Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.origin))
    }

    /// The same moment on the clock that a timerfd counts in.
    pub(crate) fn timer(&self, at: u64) -> Timespec {
        later(self.monotonic, at)
    }
}

/// Nanoseconds of a reading of one of the system's clocks.
pub(crate) fn nanos_of(time: Timespec) -> u64 {
    let (seconds, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(SECOND).saturating_add(nanos)
}

/// Whole nanoseconds of a duration; more than 584 years is held at that.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Seconds of a number of nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "exact below 104 days, which no sum of calls needs")]
pub(crate) fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// Seconds since an instant.
pub(crate) fn since(start: Instant) -> f64 {
    seconds(nanos(start.elapsed()))
}

#[expect(clippy::cast_possible_wrap, reason = "584 years of nanoseconds are 1.8e10 seconds")]
fn later(from: Timespec, nanos: u64) -> Timespec {
    let sum = from.tv_nsec.unsigned_abs() + nanos % SECOND;
    Timespec {
        tv_sec: from.tv_sec.saturating_add((nanos / SECOND + sum / SECOND) as i64),
        tv_nsec: (sum % SECOND) as i64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_moment_carries_over_whole_seconds() {
        let from = Timespec { tv_sec: 7, tv_nsec: 999_999_999 };
        for (nanos, sec, nsec) in [(0, 7, 999_999_999), (1, 8, 0), (2 * SECOND + 2, 10, 1)] {
            let got = later(from, nanos);
            assert_eq!((got.tv_sec, got.tv_nsec), (sec, nsec), "{nanos}");
        }
    }

    #[test]
    fn before_the_start_the_clock_stands_at_zero() {
        let clock = RunClock::starting_in(Duration::from_hours(1));
        assert_eq!(clock.now(), 0);
        assert!(!clock.has_passed(0), "a call due at the start must not go out before it");
        assert_eq!(clock.at(clock.origin() + Duration::from_nanos(5)), 5);
    }
}
