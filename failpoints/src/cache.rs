//! A thread's own copies of the rules that it evaluated last, so that evaluating one again takes no lock.

use crate::{
    sync::Arc,
    tally::{Tally, Verdict},
};

/// An arming, as far as the concurrent core knows it.
pub(crate) trait Counted {
    /// Returns the counters.
    fn tally(&self) -> &Tally;
    /// Closes the counters and, once, does what the end involves.
    fn end(&self);
    /// Says whether its lease has expired, so that it must not count any more.
    fn expired(&self) -> bool;
}

/// A place where the rule for one site may be kept.
pub(crate) trait Source<A> {
    /// Returns a number that changes with whatever `find` returns and never comes back; 0 when there is no rule.
    fn stamp(&self) -> u64;
    /// Reads it under the lock.
    fn find(&self) -> Option<Arc<A>>;
}

/// Direct-mapped; one call path is unlikely to have more armed sites.
const PLACES: usize = 8;

/// The rules that a thread evaluated last. One that is over returns `Closed`, and its stamp has changed.
#[derive(Debug)]
pub(crate) struct Cache<A> {
    /// The number of the thread, by which its hits are spread.
    thread: usize,
    places: [Option<Copied<A>>; PLACES],
}

#[derive(Debug)]
struct Copied<A> {
    stamp: u64,
    site: u32,
    arming: Arc<A>,
}

/// Armings that were replaced in the cache; dropping them may run code of the caller's, so it happens outside.
pub(crate) struct Evicted<A>(pub(crate) Vec<Arc<A>>);

/// A counted hit: the place of its rule in the cache, and the verdict.
pub(crate) struct Hit {
    place: usize,
    pub(crate) verdict: Verdict,
}

impl<A: Counted> Cache<A> {
    /// Returns an empty cache for the thread of this number.
    pub(crate) const fn new(thread: usize) -> Self {
        Self { thread, places: [const { None }; PLACES] }
    }

    /// Counts a hit on the rule that a source has for a site. A replaced copy is left in `evicted`.
    #[inline]
    pub(crate) fn take(&mut self, site: u32, source: &impl Source<A>, evicted: &mut Evicted<A>) -> Option<Hit> {
        let thread = self.thread;
        loop {
            let stamp = source.stamp();
            if stamp == 0 {
                return None;
            }
            #[expect(clippy::cast_possible_truncation, reason = "any spread over the places will do")]
            let place = (stamp as usize).wrapping_add(site as usize) % PLACES;
            let held = self.places[place].as_ref();
            let arming = match held.filter(|copied| copied.stamp == stamp && copied.site == site) {
                Some(copied) => &copied.arming,
                None => self.copy(place, stamp, site, source, evicted)?,
            };
            if arming.expired() {
                let verdict = Verdict::Expired;
                return Some(Hit { place, verdict });
            }
            match arming.tally().take(thread) {
                Verdict::Closed => {}
                verdict => return Some(Hit { place, verdict }),
            }
        }
    }

    /// Reads the source under its lock. Whatever is found is at least as new as the stamp; a newer one has a newer stamp.
    #[cold]
    fn copy(
        &mut self,
        place: usize,
        stamp: u64,
        site: u32,
        source: &impl Source<A>,
        evicted: &mut Evicted<A>,
    ) -> Option<&Arc<A>> {
        let arming = source.find()?;
        let old = self.places[place].replace(Copied { stamp, site, arming });
        evicted.0.extend(old.map(|copied| copied.arming));
        self.at(place)
    }

    /// Returns the arming of a counted hit.
    pub(crate) fn get(&self, met: &Hit) -> Option<&Arc<A>> {
        self.at(met.place)
    }

    fn at(&self, place: usize) -> Option<&Arc<A>> {
        self.places[place].as_ref().map(|copied| &copied.arming)
    }
}
