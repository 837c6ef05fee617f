//! The slot of a name's process-wide rule, safe against concurrent arming and disarming.

use crate::{
    cache::{Counted, Source},
    sync::{Arc, AtomicU64, Ordering, RwLock},
};

/// Holds at most one arming.
///
/// A new arming is stored before the old one is ended, and an old one is removed before it is ended. So an
/// evaluation that gets `Closed` reads the slot again, finds the successor or nothing, and never misses an arming
/// that was in force all the time.
#[derive(Debug)]
pub(crate) struct Slot<A> {
    /// Which arming is held: a number that no other has, 0 for none. Read without the lock.
    pub(crate) stamp: AtomicU64,
    pub(crate) held: RwLock<Option<Arc<A>>>,
}

impl<A: Counted> Slot<A> {
    pub(crate) fn empty() -> Self {
        Self { stamp: AtomicU64::new(0), held: RwLock::new(None) }
    }

    /// Stores an arming and ends the one that it replaces.
    pub(crate) fn put(&self, arming: Arc<A>, stamp: u64) {
        let replaced = {
            let mut held = self.held.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            self.stamp.store(stamp, Ordering::Release);
            held.replace(arming)
        };
        if let Some(old) = replaced {
            old.end();
        }
    }

    /// Removes exactly this arming and ends it; a newer one stays.
    pub(crate) fn take_out(&self, arming: &Arc<A>) {
        {
            let mut held = self.held.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            if held.as_ref().is_some_and(|now| Arc::ptr_eq(now, arming)) {
                self.stamp.store(0, Ordering::Release);
                *held = None;
            }
        }
        arming.end();
    }
}

impl<A: Counted> Source<A> for Slot<A> {
    fn stamp(&self) -> u64 {
        self.stamp.load(Ordering::Acquire)
    }

    fn find(&self) -> Option<Arc<A>> {
        self.held.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}
