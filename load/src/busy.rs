//! How busy a thread of the generator was: running, or waiting for a processor.
//!
//! A thread that never sleeps starts requests late and reads answers late, so that what it measures is itself.

use rustix::time::{ClockId, clock_gettime};

use crate::clock::nanos_of;

/// Nanoseconds for which this thread has run so far, or was ready to run and had no processor.
pub(crate) fn busy_nanos() -> u64 {
    nanos_of(clock_gettime(ClockId::ThreadCPUTime)).saturating_add(waited_nanos())
}

/// The second figure of `schedstat`; 0 where the kernel keeps none.
fn waited_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|figure| figure.parse().ok()).unwrap_or(0)
}

/// Share of a time, 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^52 nanoseconds, 52 days")]
pub(crate) fn share(busy: u64, elapsed: u64) -> f64 {
    if elapsed == 0 { 0.0 } else { (busy as f64 / elapsed as f64).min(1.0) }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::clock::SECOND;

    #[test]
    fn work_counts_and_sleep_does_not() {
        let spent = |work: &dyn Fn()| {
            let before = busy_nanos();
            work();
            busy_nanos() - before
        };
        let spin = spent(&|| {
            let until = Instant::now() + Duration::from_millis(60);
            while Instant::now() < until {
                black_box(0);
            }
        });
        let (gate, never) = std::sync::mpsc::channel::<()>();
        let rest = spent(&|| assert!(never.recv_timeout(Duration::from_millis(60)).is_err()));
        drop(gate);
        assert!(spin > rest, "{spin} ns of work, {rest} ns of rest");
        assert!((share(SECOND / 2, SECOND) - 0.5).abs() < 1e-9 && share(1, 0) == 0.0);
    }
}
