//! Where the process-wide rule of one site is kept, while others arm and disarm it.

use crate::{
    cache::{Counted, Source},
    sync::{Arc, AtomicU64, Ordering, RwLock},
};

/// Holds at most one arming.
///
/// A new arming is put in place before the old one is ended, and an old one is taken out before it is ended. So an
/// evaluation that is told `Closed` looks again and finds the successor or nothing, and never misses one that was
/// in force all the time.
#[derive(Debug)]
pub(crate) struct Slot<A> {
    /// Which arming is held: a number that no other has, 0 for none. Read without the lock.
    pub(crate) stamp: AtomicU64,
    pub(crate) held: RwLock<Option<Arc<A>>>,
}

impl<A: Counted> Slot<A> {
    /// Puts an arming in place and ends the one that it replaces.
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

    /// Takes this very arming out and ends it; another one that is in place by now stays.
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
