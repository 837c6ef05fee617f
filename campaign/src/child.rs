//! Processes that must end.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::flaw::{Flaw, FlawKind};

/// How long a program of a round may take where nobody says otherwise: a bound against a hang, no more.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Kills a process and waits for its end.
pub fn kill(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Sends a signal to a process that has not been waited for.
pub(crate) fn send(child: &Child, signal: Signal) {
    if let Some(pid) = pid_of(child) {
        // It may have ended.
        let _ = kill_process(pid, signal);
    }
}

/// Those of some signals that what we start does not ignore: it inherits that from us, and we from whoever started us, as
/// from a shell without job control.
pub(crate) fn heeded(signals: &[Signal]) -> Vec<Signal> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    // Bit 0 is signal 1, see proc(5).
    signals.iter().copied().filter(|signal| ignored >> (signal.as_raw() - 1) & 1 == 0).collect()
}

pub(crate) fn pid_of(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()).ok()?)
}

/// Looks at something again and again until it is so.
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) -> Result<(), Flaw> {
    let start = Instant::now();
    while !so() {
        if start.elapsed() > PATIENCE {
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
