//! Time in tests.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chaos_core::VirtualClock;
use chaos_runner::TimeSource;

/// A paused current-thread runtime with a virtual clock: sleeps take no real time, real waits hold time still.
pub fn virtual_time() -> TimeSource {
    TimeSource::new(
        || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build(),
        || Arc::new(VirtualClock::starting_at(SystemTime::now())),
    )
}

/// Blocks this thread for a time.
#[expect(clippy::disallowed_methods, reason = "threads of a test stand outside of every run and its clock")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
