//! A short wait for what no event tells of.

use rustix::event::{Timespec, poll};

/// Milliseconds between two looks at what is about to change.
const MOMENT_MS: u8 = 2;

/// Blocks for a moment, and no longer than that: between two looks at what is about to change.
pub fn moment() {
    let time = Timespec { tv_sec: 0, tv_nsec: i64::from(MOMENT_MS) * 1_000_000 };
    // An interrupt makes it shorter, which is as well.
    let _ = poll(&mut [], Some(&time));
}
