//! Fires as counted by the code at the fail points, to compare with the guards' counts.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use chaos_failpoints::FiredSite;

/// Fires that reached the code, by site.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    seen: Mutex<BTreeMap<&'static str, u64>>,
}

impl Ledger {
    /// Counts a fire and returns its message.
    pub(crate) fn saw(&self, fired: &FiredSite) -> String {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen.entry(fired.site()).or_default() += 1;
        fired.message()
    }

    /// Returns how many fires of a site were seen.
    pub(crate) fn count(&self, site: &str) -> u64 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(site).copied().unwrap_or(0)
    }
}
