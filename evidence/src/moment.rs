//! Points in time of evidence, on the run's clock.

use std::time::{Duration, SystemTime};

use chaos_core::Clock;
use serde::{Deserialize, Serialize};

/// A point of the run's clock, in nanoseconds since that clock was made; what happened before is negative.
///
/// Evidence that carries wall-clock times is moved here when it arrives, by its age: a wall clock that is set while the run
/// lasts shifts what is under way at that moment only, and a recording can be replayed at any time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub i64);

impl Moment {
    /// Now.
    pub fn now(clock: &dyn Clock) -> Self {
        Self::at(clock.now())
    }

    /// That time of the run's clock; what is beyond 292 years is 292 years.
    pub fn at(time: Duration) -> Self {
        Self(nanos(time))
    }

    /// What the wall clock called `wall`, as seen from now on both clocks.
    pub fn of_wall(wall: SystemTime, clock: &dyn Clock) -> Self {
        let (now, wall_now) = (Self::now(clock), clock.wall());
        match wall_now.duration_since(wall) {
            Ok(age) => now.before(age),
            Err(ahead) => now.after(ahead.duration()),
        }
    }

    /// The same of seconds since 1970; what is beyond every clock is the end of time.
    pub fn of_wall_seconds(seconds: f64, clock: &dyn Clock) -> Self {
        let since_epoch = Duration::try_from_secs_f64(seconds.abs()).unwrap_or(Duration::MAX);
        let epoch = SystemTime::UNIX_EPOCH;
        let wall = if seconds < 0.0 { epoch.checked_sub(since_epoch) } else { epoch.checked_add(since_epoch) };
        wall.map_or(Self(if seconds < 0.0 { i64::MIN } else { i64::MAX }), |wall| Self::of_wall(wall, clock))
    }

    /// So much earlier.
    #[must_use]
    pub fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(time)))
    }

    /// So much later.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanos(time)))
    }

    /// The time from `earlier` to this; zero where that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Seconds since the clock was made.
    pub fn seconds(self) -> f64 {
        let whole = Duration::from_nanos(self.0.unsigned_abs()).as_secs_f64();
        if self.0 < 0 { -whole } else { whole }
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaos_core::RealClock;

    #[test]
    fn a_wall_clock_time_keeps_its_age() {
        let clock = RealClock::new();
        let age = Duration::from_hours(1);
        let moment = Moment::of_wall(clock.wall() - age, &clock);
        let now = Moment::now(&clock);
        assert!(moment < Moment(0), "{moment:?}");
        assert!((now.since(moment).as_secs_f64() - 3600.0).abs() < 5.0, "{moment:?}");
        let ahead = Moment::of_wall(clock.wall() + age, &clock);
        assert_eq!((now.since(ahead), ahead > now), (Duration::ZERO, true));
    }

    #[test]
    fn seconds_since_1970_are_the_same_moment() {
        let clock = RealClock::new();
        let wall = clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        let age = Moment::now(&clock).since(Moment::of_wall_seconds(wall - 60.0, &clock));
        assert!((age.as_secs_f64() - 60.0).abs() < 5.0, "{age:?}");
        let ends = [f64::MAX, f64::NEG_INFINITY].map(|seconds| Moment::of_wall_seconds(seconds, &clock));
        assert_eq!(ends, [Moment(i64::MAX), Moment(i64::MIN)]);
        assert!(Moment::of_wall_seconds(f64::NAN, &clock) > Moment::now(&clock));
    }

    #[test]
    fn the_ends_of_time_are_no_overflow() {
        let far = Moment::at(Duration::MAX);
        assert_eq!(far, Moment(i64::MAX));
        assert_eq!(far.after(Duration::MAX), far);
        assert_eq!(Moment(i64::MIN).before(Duration::MAX), Moment(i64::MIN));
        assert_eq!(Moment(-1_500_000_000).seconds().to_bits(), (-1.5_f64).to_bits());
    }
}
