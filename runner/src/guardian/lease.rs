//! When a run that is watched must be taken over: the rule alone, on times since the machine started, its sleep included.

use std::time::Duration;

use super::protocol::LEASE;

/// How long after a step's time its run may still be at it, while none of its entries says that it is at work.
const GRACE: Duration = Duration::from_secs(5);
/// The same while one does: an injection, a check of the world, and an undo that is tried three times.
const GRACE_AT_WORK: Duration = Duration::from_secs(100);
/// No injection and no check takes longer, so that what a run says can't put its steps off for ever.
const MOST_BEHIND: Duration = Duration::from_mins(2);
/// A sleep that is shorter has kept nobody from speaking.
const SHORT_SLEEP: Duration = Duration::from_millis(500);

/// What is known of a run.
#[derive(Debug)]
pub(super) struct Lease {
    /// When it spoke last.
    heard: Duration,
    /// How long the machine had slept until then.
    slept: Duration,
    /// How many of its entries inject, check or undo.
    at_work: usize,
    /// How long after it was armed a fault was held, at most: a step's time counts from its arming, and that of the hold from the proof.
    behind: Duration,
}

impl Lease {
    /// One that begins now.
    pub(super) fn new(now: Duration, slept: Duration) -> Self {
        Self { heard: now, slept, at_work: 0, behind: Duration::ZERO }
    }

    /// The run said so at that time; nobody speaks in the future.
    pub(super) fn alive(&mut self, said: Duration, at_work: usize, behind: Duration, now: Duration) {
        self.heard = self.heard.max(said.min(now));
        self.at_work = at_work;
        self.behind = behind.min(MOST_BEHIND);
    }

    /// A machine that has slept kept the run from speaking: its lease begins once more. The time of a step goes on.
    pub(super) fn look(&mut self, now: Duration, slept: Duration) {
        if slept.saturating_sub(self.slept) > SHORT_SLEEP {
            (self.slept, self.heard) = (slept, now);
        }
    }

    /// When to take over, with the earliest time of a step that is armed.
    pub(super) fn due(&self, expiry: Option<Duration>) -> Duration {
        let lease = self.heard + LEASE;
        let grace = if self.at_work > 0 { GRACE_AT_WORK } else { GRACE };
        expiry.map_or(lease, |at| lease.min(at + self.behind + grace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_run_that_is_silent_is_taken_over_at_the_end_of_its_lease_and_one_that_speaks_is_not() {
        let mut lease = Lease::new(s(100), s(0));
        assert_eq!(lease.due(None), s(105));
        lease.alive(s(103), 0, s(0), s(103));
        assert_eq!(lease.due(None), s(108));
        // What was said before, and comes late, and what can't have been said yet.
        lease.alive(s(101), 0, s(0), s(104));
        assert_eq!(lease.due(None), s(108));
        lease.alive(s(900), 0, s(0), s(104));
        assert_eq!(lease.due(None), s(109));
    }

    #[test]
    fn the_time_of_a_step_is_kept_although_its_run_speaks_and_work_may_take_longer() {
        let mut lease = Lease::new(s(100), s(0));
        for now in 100..=130 {
            lease.alive(s(now), 0, s(0), s(now));
        }
        assert_eq!(lease.due(Some(s(120))), s(125), "it hangs, and its engine still beats");
        lease.alive(s(131), 1, s(0), s(131));
        assert_eq!(lease.due(Some(s(120))), s(136), "an undo is under way: the lease alone counts until 220");
        for now in 131..=219 {
            lease.alive(s(now), 1, s(0), s(now));
        }
        assert_eq!(lease.due(Some(s(120))), s(220), "an undo that hangs");
    }

    #[test]
    fn a_fault_that_was_proven_late_is_held_for_its_time_before_anybody_takes_over() {
        let mut lease = Lease::new(s(100), s(0));
        // Armed at 100 for 10 s, and its check took 20: it is held until 130.
        for now in 100..=140 {
            lease.alive(s(now), 0, s(20), s(now));
        }
        assert_eq!(lease.due(Some(s(110))), s(135));
        lease.alive(s(141), 0, s(9_999_999), s(141));
        assert_eq!(lease.due(Some(s(10))), s(135), "two minutes at most");
    }

    #[test]
    fn a_machine_that_slept_takes_over_what_is_past_its_time_and_waits_a_lease_for_the_rest() {
        // An hour of sleep: the clock went on, the run could not.
        let woken = |expiry| {
            let mut lease = Lease::new(s(100), s(0));
            lease.look(s(3_702), s(3_600));
            lease.due(expiry)
        };
        assert_eq!(woken(None), s(3_707), "the run may speak first");
        assert_eq!(woken(Some(s(110))), s(115), "that is long past: taken over at once");
        assert_eq!(woken(Some(s(5_000))), s(3_707));
        // It is counted once, and a moment does not count.
        let mut lease = Lease::new(s(100), s(7));
        lease.look(s(104), s(7) + Duration::from_millis(400));
        assert_eq!(lease.due(None), s(105));
        lease.look(s(200), s(100));
        lease.look(s(204), s(100));
        assert_eq!(lease.due(None), s(205));
    }
}
