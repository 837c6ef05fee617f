//! What a program started, found by a mark in its environment, wherever it went since.
//!
//! A process group is left by `setsid`, and the parent of a process whose own parent died is nobody that we know; the
//! environment is inherited by all of them. What starts a process with another environment (`env -i`) is not found, and
//! neither is a process of another user.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, process, thread};

use chaos_host::{PidFd, Signal};

/// The variable that holds the marks, the newest last: a program that runs probes itself keeps ours.
const VARIABLE: &str = "SQUALL_PROBE";

/// Rounds over all processes: one that forks while it is killed is found in the next round.
const ROUNDS: u32 = 50;
/// Between two rounds, for those to go that were killed.
const PAUSE: Duration = Duration::from_millis(2);

/// A mark that no other program has.
#[derive(Debug)]
pub(super) struct Mark {
    word: String,
    value: String,
}

impl Mark {
    /// A new one, beside those of the environment that the program gets.
    pub(super) fn new(inherited: Option<&str>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        let word = format!("{}-{since}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let value = inherited.map_or_else(|| word.clone(), |outer| format!("{outer} {word}"));
        Self { word, value }
    }

    /// The variable and its value.
    pub(super) fn variable(&self) -> (&'static str, &str) {
        (VARIABLE, &self.value)
    }

    /// The variable's name.
    pub(super) fn name() -> &'static str {
        VARIABLE
    }

    /// Kills every process that has the mark. Blocks for some milliseconds.
    #[expect(
        clippy::disallowed_methods,
        reason = "blocks by design: on a thread for that, or where something is dropped"
    )]
    pub(super) fn kill_all(&self) {
        for _ in 0..ROUNDS {
            if self.kill_once() == 0 {
                return;
            }
            thread::sleep(PAUSE);
        }
    }

    /// How many were there.
    fn kill_once(&self) -> usize {
        let Ok(entries) = fs::read_dir("/proc") else { return 0 };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<NonZeroU32>().ok());
        pids.filter(|pid| self.kill(*pid)).count()
    }

    fn kill(&self, pid: NonZeroU32) -> bool {
        // Read first, since most processes are not ours; once more when the pidfd holds it, so that it is the same one.
        if !self.is_on(pid) {
            return false;
        }
        let Ok(Some(held)) = PidFd::open(pid) else { return false };
        self.is_on(pid) && held.is_there() && held.signal(Signal::KILL).unwrap_or(false)
    }

    fn is_on(&self, pid: NonZeroU32) -> bool {
        // Empty for one that is dead, refused for one of another user.
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0).filter_map(|text| std::str::from_utf8(text).ok());
        variables.any(|text| {
            let value = text.strip_prefix(VARIABLE).and_then(|rest| rest.strip_prefix('='));
            value.is_some_and(|value| value.split(' ').any(|word| word == self.word))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command};

    use super::*;

    fn sleeper(mark: &Mark) -> Child {
        Command::new("sleep").arg("600").env(mark.variable().0, mark.variable().1).spawn().unwrap()
    }

    #[test]
    fn what_has_the_mark_is_killed_also_by_an_outer_one_and_nothing_else_is() {
        let (outer, other) = (Mark::new(None), Mark::new(None));
        let inner = Mark::new(Some(outer.variable().1));
        let (mut one, mut nested, mut spared) = (sleeper(&outer), sleeper(&inner), sleeper(&other));
        let reaped = thread::spawn(move || (one.wait().unwrap().signal(), nested.wait().unwrap().signal()));
        outer.kill_all();
        assert_eq!(reaped.join().unwrap(), (Some(9), Some(9)));
        assert!(spared.try_wait().unwrap().is_none());
        spared.kill().unwrap();
        spared.wait().unwrap();
    }
}
