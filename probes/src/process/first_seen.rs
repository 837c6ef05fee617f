//! Which process each probe of a run was asked about first.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chaos_core::ResourceId;

/// The run service that keeps, for each target, the process that was found there first.
#[derive(Debug, Default)]
pub(super) struct FirstSeen(Mutex<BTreeMap<String, ResourceId>>);

impl FirstSeen {
    /// Notes what is there now, if it is the first; gives the first, if there has been one.
    pub(super) fn note(&self, target: String, now: Option<&ResourceId>) -> Option<ResourceId> {
        // It stays usable whatever panicked while holding it.
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(now) = now {
            return Some(seen.entry(target).or_insert_with(|| now.clone()).clone());
        }
        seen.get(&target).cloned()
    }
}
