//! The counters of one arming: who may fire, counted exactly, without a lock.

use crate::{
    gate::Gate,
    seed::mix,
    sync::{AtomicU64, LANES, Ordering, yield_now},
};

/// Set in a lane once the arming is over; no hit is counted in it after that.
const CLOSED: u64 = 1 << 63;

/// The result of counting one hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The arming is over: read the slot again, another may have replaced it.
    Closed,
    /// Its lease has expired: not counted, and to be removed.
    Expired,
    /// Counted as a hit, and nothing fires.
    Pass,
    /// Counted as a hit and as a fire of this step.
    Fire {
        /// Which step of the rule fires.
        step: usize,
        /// The number of the hit in its lane, from 0.
        hit: u64,
    },
}

/// One step's conditions and its counters.
#[derive(Debug)]
struct Step {
    gate: Gate,
    /// Evaluations that reached the step; kept for all but the first, whose number is the hit's own.
    seen: AtomicU64,
    fired: AtomicU64,
}

/// Hit and fire counters of one arming, and the decisions that follow from them.
///
/// A hit's number is one atomic addition. The operation that closes a lane returns how many came before it, and
/// that count is kept; a later addition sees the mark and is not counted. A bounded step claims each of its
/// fires, so a bound is never exceeded.
///
/// A rule that depends on the hit's number has one lane, which all threads share. A rule that fires on every hit has
/// several, and a thread always counts in the same one: threads that fire at the same time then write to separate
/// cache lines.
#[derive(Debug)]
pub(crate) struct Tally {
    lanes: Box<[Lane]>,
    /// The hits at the moment of closing; `OPEN` before it.
    frozen: AtomicU64,
    seed: u64,
    steps: Box<[Step]>,
}

/// The one word that a hit writes, on a cache line of its own: everything else is only read.
/// Two lines wide, since processors fetch lines in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Lane(AtomicU64);

/// The value of `frozen` before the closing.
const OPEN: u64 = u64::MAX;

impl Tally {
    pub(crate) fn new(gates: impl Iterator<Item = Gate>, seed: u64) -> Self {
        let steps = gates.map(|gate| Step { gate, seen: AtomicU64::new(0), fired: AtomicU64::new(0) });
        let steps: Box<[Step]> = steps.collect();
        let lanes = if steps.first().is_some_and(|step| step.gate == Gate::OPEN) { LANES } else { 1 };
        let lanes = (0..lanes).map(|_| Lane(AtomicU64::new(0))).collect();
        Self { lanes, frozen: AtomicU64::new(OPEN), seed, steps }
    }

    /// Counts a hit of the thread that has this number and decides which step, if any, fires on it.
    #[inline]
    pub(crate) fn take(&self, thread: usize) -> Verdict {
        // There are 1 or `LANES` lanes, both powers of two.
        let hit = self.lanes[thread & (self.lanes.len() - 1)].0.fetch_add(1, Ordering::AcqRel);
        if hit & CLOSED != 0 {
            return Verdict::Closed;
        }
        for (at, step) in self.steps.iter().enumerate() {
            // Each step draws from its own stream, or two steps at 50 % would always agree.
            let fires = if at == 0 {
                step.gate.admits(hit, self.seed) && (step.gate.is_steady() || step.claim())
            } else {
                let number = step.seen.fetch_add(1, Ordering::Relaxed);
                step.gate.admits(number, mix(self.seed ^ at as u64)) && step.claim()
            };
            if fires {
                return Verdict::Fire { step: at, hit };
            }
        }
        Verdict::Pass
    }

    /// Ends the arming: every later hit gets `Closed`. Returns true to the call that ended it.
    pub(crate) fn close(&self) -> bool {
        let shut = |lane: &Lane| lane.0.fetch_or(CLOSED, Ordering::AcqRel);
        // The first lane decides which call ends it.
        let before = shut(&self.lanes[0]);
        let first = before & CLOSED == 0;
        if first {
            let hits = self.lanes[1..].iter().map(shut).fold(before, u64::wrapping_add);
            self.frozen.store(hits, Ordering::Release);
        } else {
            // Another thread may still have lanes to close; no hit may count once this returns.
            self.frozen();
        }
        first
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lanes[0].0.load(Ordering::Acquire) & CLOSED != 0
    }

    pub(crate) fn hits(&self) -> u64 {
        let now = self.lanes.iter().map(|lane| lane.0.load(Ordering::Acquire)).fold(0, u64::wrapping_add);
        // Read last: as long as the first lane is open, so are the others.
        if self.is_closed() { self.frozen() } else { now }
    }

    /// Returns the count at the closing, which has begun.
    fn frozen(&self) -> u64 {
        loop {
            match self.frozen.load(Ordering::Acquire) {
                OPEN => yield_now(),
                hits => return hits,
            }
        }
    }

    pub(crate) fn fires(&self) -> u64 {
        let fires = |(at, step): (usize, &Step)| {
            if at == 0 && step.gate.is_steady() {
                step.gate.candidates(self.hits())
            } else {
                step.fired.load(Ordering::Acquire)
            }
        };
        self.steps.iter().enumerate().map(fires).sum()
    }
}

impl Step {
    /// Takes one of the step's fires, unless all are spent.
    fn claim(&self) -> bool {
        if self.gate.most == u64::MAX {
            self.fired.fetch_add(1, Ordering::AcqRel);
            return true;
        }
        self.fired
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |fired| (fired < self.gate.most).then(|| fired + 1))
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::check;

    fn steps_taken(gates: Vec<Gate>, hits: usize) -> Vec<Option<usize>> {
        let tally = Tally::new(gates.into_iter(), 5);
        (0..hits)
            .map(|_| match tally.take(0) {
                Verdict::Fire { step, .. } => Some(step),
                Verdict::Pass => None,
                ended => unreachable!("nobody closed it: {ended:?}"),
            })
            .collect()
    }

    #[test]
    fn a_sequence_moves_on_when_a_step_is_spent() {
        let twice = Gate { most: 2, ..Gate::OPEN };
        let once = Gate { most: 1, ..Gate::OPEN };
        check(move || {
            assert_eq!(steps_taken(vec![twice, once], 5), [Some(0), Some(0), Some(1), None, None]);
        });
    }

    #[test]
    fn a_later_step_counts_only_what_reaches_it() {
        let third = Gate { every: 3, ..Gate::OPEN };
        let second = Gate { every: 2, ..Gate::OPEN };
        // Hits 1, 2, 4, 5, 7 fall through; the second step takes every other one of those.
        check(move || {
            assert_eq!(
                steps_taken(vec![third, second], 8),
                [Some(0), Some(1), None, Some(0), Some(1), None, Some(0), Some(1)]
            );
        });
    }

    #[test]
    fn closing_freezes_the_counts() {
        check(|| {
            let tally = Tally::new(std::iter::once(Gate::OPEN), 0);
            assert_eq!(tally.take(0), Verdict::Fire { step: 0, hit: 0 });
            assert!(tally.close());
            assert!(!tally.close(), "only one call ends it");
            assert_eq!(tally.take(0), Verdict::Closed);
            assert!(tally.is_closed());
            assert_eq!((tally.hits(), tally.fires()), (1, 1));
        });
    }

    #[test]
    fn lanes_are_added_up_and_close_together() {
        check(|| {
            let tally = Tally::new(std::iter::once(Gate::OPEN), 0);
            let hits: Vec<_> = [0, 1, 1].into_iter().map(|thread| tally.take(thread)).collect();
            assert_eq!(hits, [0, 0, 1].map(|hit| Verdict::Fire { step: 0, hit }), "each lane has its own numbers");
            assert_eq!((tally.hits(), tally.fires()), (3, 3));
            tally.close();
            assert!((0..2 * LANES).all(|thread| tally.take(thread) == Verdict::Closed));
            assert_eq!((tally.hits(), tally.fires()), (3, 3));
        });
    }

    #[test]
    fn a_rule_that_looks_at_the_number_has_one_lane() {
        check(|| {
            let second = Tally::new(std::iter::once(Gate { every: 2, ..Gate::OPEN }), 0);
            let fires: Vec<_> = (0..4).map(|thread| second.take(thread) != Verdict::Pass).collect();
            assert_eq!(fires, [true, false, true, false]);
        });
    }
}
