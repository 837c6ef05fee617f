//! The shift: from the real time to the node's, and back.

/// Nanoseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000_000;

/// Times below this are not of the wall clock but of one that began with the machine: nobody is up for 30 years. A
/// condition variable does not tell which of the two it waits by.
const WALL_CLOCK_SECONDS: i64 = 1_000_000_000;

/// The fastest rate, six times as fast: nothing that is multiplied here overflows below it.
const MOST_RATE: i64 = 5 * SECOND;

/// How a node's wall clock differs from the machine's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shift {
    /// Nanoseconds that it is ahead.
    pub offset: i64,
    /// Billionths by which it is faster, counted from `base`; above -1e9.
    pub rate: i64,
    /// The real time, in nanoseconds, at which the rate began.
    pub base: i64,
}

impl Shift {
    /// Whether there is none.
    pub fn is_none(self) -> bool {
        self.offset == 0 && self.rate == 0
    }

    /// The node's time at a real time, both in nanoseconds since 1970.
    pub fn node_time(self, real: i64) -> i64 {
        let since = real.saturating_sub(self.base);
        let ahead = scaled(since, self.rate(), SECOND);
        real.saturating_add(self.offset).saturating_add(ahead)
    }

    /// The real time at which the node's clock shows `node`: what an absolute wait is really until.
    pub fn real_time(self, node: i64) -> i64 {
        let without = node.saturating_sub(self.offset);
        if self.rate == 0 {
            return without;
        }
        let since = without.saturating_sub(self.base);
        self.base.saturating_add(scaled(since, SECOND, SECOND + self.rate()))
    }

    /// The rate, within what can be counted with.
    fn rate(self) -> i64 {
        self.rate.clamp(1 - SECOND, MOST_RATE)
    }

    /// The real seconds and nanoseconds of a deadline; `None` where it is not one of the wall clock, or nothing differs.
    pub(crate) fn deadline(self, seconds: i64, nanos: i64) -> Option<(i64, i64)> {
        if self.is_none() || seconds <= WALL_CLOCK_SECONDS || !(0..SECOND).contains(&nanos) {
            return None;
        }
        let real = self.real_time(seconds.checked_mul(SECOND)?.checked_add(nanos)?).max(0);
        Some((real.div_euclid(SECOND), real.rem_euclid(SECOND)))
    }
}

/// `time * over / under`, where `over` and `under` are positive, or small. In two steps, since 128-bit division would bring
/// code along that asks for an unwinder.
fn scaled(time: i64, over: i64, under: i64) -> i64 {
    let (whole, rest) = (time.div_euclid(under), time.rem_euclid(under));
    whole.saturating_mul(over).saturating_add(rest.saturating_mul(over) / under)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000 * SECOND;

    #[test]
    fn a_time_comes_back_from_the_node_and_is_the_same() {
        for (offset, rate) in [(0, 0), (30 * SECOND, 0), (-60 * SECOND, 0), (0, 100_000_000), (5, -500_000_000)] {
            let shift = Shift { offset, rate, base: NOW };
            for since in [0, 1, SECOND, 86_400 * SECOND] {
                let back = shift.real_time(shift.node_time(NOW + since));
                assert!((back - NOW - since).abs() <= 2, "{shift:?} {since}: {back}");
            }
        }
    }

    #[test]
    fn a_rate_counts_from_its_base() {
        let faster = Shift { offset: 0, rate: 100_000_000, base: NOW };
        assert_eq!(faster.node_time(NOW), NOW);
        assert_eq!(faster.node_time(NOW + 2 * SECOND) - NOW, 2_200_000_000);
    }

    #[test]
    fn only_deadlines_of_the_wall_clock_are_translated() {
        let ahead = Shift { offset: 3600 * SECOND, ..Shift::default() };
        assert_eq!(ahead.deadline(1_790_003_600, 7), Some((1_790_000_000, 7)));
        // One of a monotonic clock, one that is not a time, and no shift.
        assert_eq!(ahead.deadline(500_000, 0), None);
        assert_eq!(ahead.deadline(1_790_003_600, SECOND), None);
        assert_eq!(ahead.deadline(i64::MAX, 0), None);
        assert_eq!(Shift::default().deadline(1_790_003_600, 7), None);
    }

    #[test]
    fn nothing_overflows() {
        let extreme = [i64::MIN, -SECOND, -1, 0, 1, i64::MAX];
        for offset in extreme {
            for rate in extreme {
                let shift = Shift { offset, rate, base: offset };
                for time in extreme {
                    let _ = (shift.node_time(time), shift.real_time(time), shift.deadline(time, 1));
                }
            }
        }
    }
}
