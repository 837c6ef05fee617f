//! What the code at the fail points saw, counted by itself: the other side of the guards' counts.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use chaos_failpoints::Fired;

/// Fires that reached the code, by site.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    seen: Mutex<BTreeMap<&'static str, u64>>,
}

impl Ledger {
    /// Notes a fire and hands it on.
    pub(crate) fn saw(&self, fired: &Fired) -> String {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen.entry(fired.site()).or_default() += 1;
        fired.message()
    }

    /// Returns how many fires of a site were seen.
    pub(crate) fn count(&self, site: &str) -> u64 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(site).copied().unwrap_or(0)
    }
}
