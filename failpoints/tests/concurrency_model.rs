//! Every interleaving of arming against concurrent evaluation, on the crate's own source files under loom.

/// Stands in for `src/sync.rs`.
mod sync {
    pub(crate) use loom::sync::{
        RwLock,
        atomic::{AtomicU64, Ordering},
    };
    pub(crate) use loom::thread::yield_now;
    pub(crate) use std::sync::Arc;

    /// The fewest that are more than one.
    pub(crate) const LANES: usize = 2;

    /// The unit tests of the files below run in a model, too.
    pub(crate) fn check(test: impl Fn() + Send + Sync + 'static) {
        loom::model(test);
    }
}
#[path = "../src/cache.rs"]
mod cache;
#[path = "../src/gate.rs"]
mod gate;
#[path = "../src/seed.rs"]
mod seed;
#[path = "../src/slot.rs"]
mod slot;
#[path = "../src/tally.rs"]
mod tally;

use std::sync::Arc;

use cache::{Cache, Counted, Evicted};
use gate::Gate;
use loom::{model::Builder, thread};
use slot::Slot;
use tally::{Tally, Verdict};

/// The least that a slot can hold.
struct Armed(Tally);

impl Counted for Armed {
    fn tally(&self) -> &Tally {
        &self.0
    }

    fn end(&self) {
        self.0.close();
    }

    fn expired(&self) -> bool {
        false
    }
}

fn armed(gate: Gate) -> Arc<Armed> {
    Arc::new(Armed(Tally::new(std::iter::once(gate), 0)))
}

fn slot() -> Arc<Slot<Armed>> {
    Arc::new(Slot::empty())
}

/// Evaluates so often with the cache of the thread of this number: how many times a rule was met, and how many times it fired.
fn evaluate(slot: &Slot<Armed>, thread: usize, times: usize) -> (u64, u64) {
    let mut cache = Cache::new(thread);
    let mut seen = (0, 0);
    for _ in 0..times {
        if let Some(met) = cache.take(0, slot, &mut Evicted(Vec::new())) {
            seen.0 += 1;
            seen.1 += u64::from(matches!(met.verdict, Verdict::Fire { .. }));
            assert!(cache.get(&met).is_some());
        }
    }
    seen
}

/// Tries every interleaving; with a bound, every one with so many forced switches.
fn model(bound: Option<usize>, check: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = bound;
    builder.check(check);
}

#[test]
fn no_hit_and_no_fire_is_lost_or_doubled_while_a_site_is_disarmed() {
    // Two evaluations by each of two threads, beside the disarming: without a bound this takes minutes.
    model(Some(3), || {
        let slot = slot();
        let rule = armed(Gate::OPEN);
        slot.put(Arc::clone(&rule), 1);
        let evaluators: Vec<_> = (0..2)
            .map(|number| {
                let slot = Arc::clone(&slot);
                thread::spawn(move || evaluate(&slot, number, 2))
            })
            .collect();
        slot.take_out(&rule);
        let at_close = rule.0.hits();
        assert_eq!(evaluate(&slot, 0, 1), (0, 0), "nothing fires after the disarming");
        let seen: Vec<_> = evaluators.into_iter().map(|thread| thread.join().unwrap()).collect();
        let hits: u64 = seen.iter().map(|(hits, _)| hits).sum();
        let fires: u64 = seen.iter().map(|(_, fires)| fires).sum();
        assert_eq!(rule.0.hits(), hits);
        assert_eq!(rule.0.fires(), fires);
        assert_eq!(at_close, hits, "the count is final when the site is disarmed");
    });
}

#[test]
fn a_bound_is_reached_exactly() {
    model(None, || {
        let slot = slot();
        let rule = armed(Gate { most: 1, ..Gate::OPEN });
        slot.put(Arc::clone(&rule), 1);
        let other = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || evaluate(&slot, 1, 1))
        };
        let here = evaluate(&slot, 0, 1);
        let there = other.join().unwrap();
        assert_eq!((here.0 + there.0, here.1 + there.1), (2, 1));
        assert_eq!((rule.0.hits(), rule.0.fires()), (2, 1));
    });
}

#[test]
fn replacing_a_rule_never_leaves_a_moment_without_one() {
    model(None, || {
        let slot = slot();
        let (old, new) = (armed(Gate::OPEN), armed(Gate::OPEN));
        slot.put(Arc::clone(&old), 1);
        let evaluators: Vec<_> = (0..2)
            .map(|number| {
                let slot = Arc::clone(&slot);
                thread::spawn(move || evaluate(&slot, number, 1))
            })
            .collect();
        slot.put(Arc::clone(&new), 2);
        for thread in evaluators {
            assert_eq!(thread.join().unwrap(), (1, 1), "one of the two rules is met");
        }
        assert_eq!(old.0.hits() + new.0.hits(), 2);
        assert_eq!(old.0.fires() + new.0.fires(), 2);
    });
}

#[test]
fn disarming_the_old_rule_late_leaves_the_new_one_alone() {
    model(None, || {
        let slot = slot();
        let (old, new) = (armed(Gate::OPEN), armed(Gate::OPEN));
        slot.put(Arc::clone(&old), 1);
        let replacer = {
            let (slot, new) = (Arc::clone(&slot), Arc::clone(&new));
            thread::spawn(move || {
                slot.put(new, 2);
            })
        };
        slot.take_out(&old);
        replacer.join().unwrap();
        assert_eq!(evaluate(&slot, 0, 1), (1, 1));
        assert_eq!((old.0.hits(), new.0.hits()), (0, 1));
    });
}

#[test]
fn whoever_ends_a_rule_second_finds_every_lane_closed() {
    model(None, || {
        let rule = armed(Gate::OPEN);
        let other = {
            let rule = Arc::clone(&rule);
            thread::spawn(move || rule.0.close())
        };
        let first = rule.0.close();
        for lane in 0..sync::LANES {
            assert_eq!(rule.0.take(lane), Verdict::Closed);
        }
        assert_ne!(first, other.join().unwrap(), "one of the two ended it");
        assert_eq!(rule.0.hits(), 0);
    });
}
