//! What a node's environment does to a clock, by a program that is started in it and reads its clocks.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use chaos_core::PluginError;
use rustix::time::{ClockId, Timespec, clock_gettime};
use tokio::process::Command;

/// A reading of the wall clock, with the monotonic clock before and after it; in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    before: i64,
    wall: i64,
    after: i64,
}

impl Reading {
    /// When it was read, on the monotonic clock, and by how much that may be wrong.
    fn when(self) -> (i64, u64) {
        let within = self.after.saturating_sub(self.before).max(0);
        (self.before.saturating_add(within / 2), within.unsigned_abs().div_ceil(2))
    }

    /// What the wall clock is ahead of the monotonic one, and by how much that may be wrong.
    fn ahead(self) -> (i64, u64) {
        let (when, error) = self.when();
        (self.wall.saturating_sub(when), error)
    }

    /// The machine's own clocks, now.
    fn of_the_machine() -> Self {
        let nanos = |time: Timespec| time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec);
        let before = nanos(clock_gettime(ClockId::Monotonic));
        let wall = nanos(clock_gettime(ClockId::Realtime));
        Self { before, wall, after: nanos(clock_gettime(ClockId::Monotonic)) }
    }
}

/// How a clock stood against the machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) offset_ns: i64,
    pub(super) offset_error_ns: u64,
    pub(super) rate_ppb: i64,
    pub(super) rate_error_ppb: u64,
}

/// Starts the canary with an environment, and compares its clock with the machine's.
pub(super) async fn ask(
    canary: &Path,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Difference, PluginError> {
    let failed = |error: &std::io::Error| PluginError::io(&format!("start `{}`", canary.display()), error);
    let mut command = Command::new(canary);
    command.env_clear().envs(env).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    // It prints two lines, and ends after 20 ms.
    let done = tokio::time::timeout(Duration::from_secs(10), command.output()).await;
    let output =
        done.map_err(|_| PluginError::failed("the clock canary did not end"))?.map_err(|error| failed(&error))?;
    compare(&output, Reading::of_the_machine())
        .ok_or_else(|| PluginError::failed(format!("the clock canary printed no times ({})", output.status)))
}

fn compare(output: &Output, machine: Reading) -> Option<Difference> {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut readings = text.lines().map_while(reading);
    let (first, last) = (readings.next()?, readings.next()?);
    let ((ours, our_error), (theirs, their_error)) = (machine.ahead(), last.ahead());
    let (span, span_error) = (last.when().0 - first.when().0, first.when().1 + last.when().1);
    if span <= 0 {
        return None;
    }
    let gained = (last.wall - first.wall) - span;
    let ppb = |nanos: i64| i64::try_from(i128::from(nanos) * 1_000_000_000 / i128::from(span)).unwrap_or(i64::MAX);
    let rate_error = ppb(i64::try_from(span_error).unwrap_or(i64::MAX));
    Some(Difference {
        offset_ns: theirs - ours,
        offset_error_ns: our_error + their_error,
        rate_ppb: ppb(gained),
        rate_error_ppb: rate_error.unsigned_abs(),
    })
}

fn reading(line: &str) -> Option<Reading> {
    let mut words = line.split(' ').map(str::parse);
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(Ok(before)), Some(Ok(wall)), Some(Ok(after)), None) => Some(Reading { before, wall, after }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn printed(stdout: &str) -> Output {
        Output { status: ExitStatus::from_raw(0), stdout: stdout.into(), stderr: Vec::new() }
    }

    const MACHINE: Reading = Reading { before: 2_000, wall: 1_000_002_000, after: 2_000 };

    #[test]
    fn a_clock_that_is_ahead_and_fast_is_told_from_the_machines() {
        let seen = compare(&printed("100 1000000205 110\n1100 1000001405 1110\n"), MACHINE).unwrap();
        assert_eq!((seen.offset_ns, seen.offset_error_ns), (300, 5));
        assert_eq!((seen.rate_ppb, seen.rate_error_ppb), (200_000_000, 10_000_000));
    }

    #[test]
    fn what_is_no_reading_is_not_taken_for_one() {
        for text in ["", "1 2 3\n", "1 2 3\n4 5\n", "1 2 3\nx 5 6\n", "1 2 3\n1 2 3\n", "1 2 3\n4 5 6 7\n"] {
            assert_eq!(compare(&printed(text), MACHINE), None, "{text:?}");
        }
    }
}
