//! What `/proc` says of processes.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::sleeper::state_of;

/// The processes that have this word in their command line; one that has ended has none.
pub(crate) fn with_argument(word: &[u8]) -> Vec<u32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|own| own == word)
    };
    pids.filter(has).collect()
}

/// Whether a variable of a process's environment begins so.
pub(crate) fn with_environment(pid: u32, beginning: &[u8]) -> bool {
    environment_of(pid, beginning).is_some()
}

/// The variable of a process's environment that begins so.
pub(crate) fn environment_of(pid: u32, beginning: &[u8]) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let variable = environment.split(|byte| *byte == 0).find(|variable| variable.starts_with(beginning))?;
    Some(String::from_utf8_lossy(variable).into_owned())
}

/// Whether a process is gone, or waits for its parent to hear of its end.
pub(crate) fn has_ended(pid: u32) -> bool {
    matches!(state_of(pid), None | Some('Z' | 'X'))
}

/// The soft limit of open files.
pub(crate) fn soft_descriptors(pid: u32) -> Option<String> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next().map(str::to_owned)
}

/// The guardians that a run has started.
pub(crate) fn guardians_of(run: u32) -> Vec<u32> {
    let parent = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    with_argument(GUARDIAN).into_iter().filter(|pid| parent(*pid) == Some(run)).collect()
}

/// What a guardian is called.
const GUARDIAN: &[u8] = b"squall-helper:guardian";

/// Whether a process is a guardian.
pub(crate) fn is_guardian(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(GUARDIAN))
}

/// Kills a process of this round.
pub(crate) fn kill_pid(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended.
        let _ = kill_process(pid, Signal::KILL);
    }
}
