//! Processes that must end.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use crate::flaw::{Flaw, FlawKind};

/// No program of a round may take longer.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// Kills a process and waits for its end.
pub fn kill(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Waits for the end of a process; after the bound it is killed, and that is a finding.
pub fn wait_bounded(child: &mut Child, what: &str) -> Result<ExitStatus, Flaw> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() > BOUND {
            kill(child);
            return Err(Flaw::new(FlawKind::Hang, format!("{what} did not end within {BOUND:?}")));
        }
        sleep(Duration::from_micros(500));
    }
}

/// Looks at something again and again until it is so.
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) -> Result<(), Flaw> {
    let start = Instant::now();
    while !so() {
        if start.elapsed() > BOUND {
            return Err(Flaw::new(FlawKind::Hang, format!("never: {what}")));
        }
        sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// Waits for so long without giving up the precision that a sleep would cost.
pub fn spin_for(time: Duration) {
    let start = Instant::now();
    if let Some(most) = time.checked_sub(Duration::from_millis(1)) {
        sleep(most);
    }
    while start.elapsed() < time {
        std::thread::yield_now();
    }
}

/// Sleeps; there is no runtime whose worker this could block.
#[expect(clippy::disallowed_methods, reason = "a harness of threads, without a run that could be cancelled")]
pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}
