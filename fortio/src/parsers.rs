//! Readers that are private otherwise, for the fuzzer alone.

use chaos_load::{ExternalRun, LoadPlan};

/// Reads the access log of a run; how many requests it counts, and whether every line had its end.
pub fn access_log(bytes: &[u8], plan: LoadPlan) -> (u64, bool) {
    let (mut run, _running) = ExternalRun::new(plan);
    let whole = crate::driver::read_access_log(bytes, &mut run).is_ok();
    (run.completed(), whole)
}
