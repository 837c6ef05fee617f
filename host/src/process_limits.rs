//! What a process may use: its resource limits, its descriptors, and what it uses.

use std::fs;
use std::io;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde::{Deserialize, Serialize};

use crate::pidfd::PidFd;
use crate::proc_file;
use crate::process::is_gone;

/// The bit of `CAP_SYS_RESOURCE` (`include/uapi/linux/capability.h`).
const CAP_SYS_RESOURCE: u32 = 24;

/// Clock ticks in `/proc` are hundredths of a second on every architecture (`USER_HZ`).
const MS_PER_TICK: u64 = 10;

/// A limit of a process that is lowered and raised again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessLimit {
    /// Descriptors; the number of a new one must be below it.
    Fds,
    /// Processes and threads of its user.
    Pids,
}

/// The two numbers of a limit; `None` is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitPair {
    /// What counts.
    pub soft: Option<u64>,
    /// How far it can be raised.
    pub hard: Option<u64>,
}

/// What a process uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessUsage {
    /// Milliseconds of processor time since its start.
    pub cpu_ms: u64,
    /// Bytes of memory, swapped ones included.
    pub memory_bytes: u64,
    /// Its threads.
    pub threads: u64,
}

impl ProcessLimit {
    /// Its line in `/proc/PID/limits`.
    fn line(self) -> &'static str {
        match self {
            Self::Fds => "Max open files",
            Self::Pids => "Max processes",
        }
    }

    fn resource(self) -> Resource {
        match self {
            Self::Fds => Resource::Nofile,
            Self::Pids => Resource::Nproc,
        }
    }

    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Fds => "descriptors",
            Self::Pids => "processes",
        }
    }
}

impl PidFd {
    /// Its limit, as `/proc/PID/limits` tells it; `None` when it is gone.
    pub fn limit(&self, limit: ProcessLimit) -> io::Result<Option<LimitPair>> {
        self.read(|pid| limit_of(pid, limit))
    }

    /// Sets the soft limit, and leaves the hard one: it could not be raised again. Says whether the process was there.
    pub fn set_soft_limit(&self, limit: ProcessLimit, soft: Option<u64>) -> io::Result<bool> {
        let Some(pair) = self.limit(limit)? else { return Ok(false) };
        let new = Rlimit { current: soft, maximum: pair.hard };
        let pid = i32::try_from(self.pid().get()).ok().and_then(Pid::from_raw);
        // Still its own number: it is held, and a process that was collected is told here.
        if !self.is_there() {
            return Ok(false);
        }
        prlimit(pid, limit.resource(), new)?;
        Ok(true)
    }

    /// The numbers of its descriptors, in order; `None` when it is gone.
    pub fn descriptors(&self) -> io::Result<Option<Vec<u64>>> {
        self.read(|pid| {
            let entries = match fs::read_dir(format!("/proc/{pid}/fd")) {
                Ok(entries) => entries,
                Err(error) if is_gone(&error) => return Ok(None),
                Err(error) => return Err(error),
            };
            let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
            let mut numbers: Vec<u64> = names.collect();
            numbers.sort_unstable();
            Ok(Some(numbers))
        })
    }

    /// What it uses; `None` when it is gone.
    pub fn usage(&self) -> io::Result<Option<ProcessUsage>> {
        self.read(usage_of)
    }

    /// How likely the kernel is to kill it for want of memory, from -1000 to 1000; `None` when it is gone.
    pub fn oom_score_adj(&self) -> io::Result<Option<i32>> {
        self.read(|pid| match fs::read_to_string(format!("/proc/{pid}/oom_score_adj")) {
            Ok(text) => Ok(text.trim().parse().ok()),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// Sets it; says whether the process was there.
    pub fn set_oom_score_adj(&self, score: i32) -> io::Result<bool> {
        // Opened first, and its own then: a file of another process is never written.
        let file = fs::OpenOptions::new().write(true).open(format!("/proc/{}/oom_score_adj", self.pid()));
        if !self.is_there() {
            return Ok(false);
        }
        io::Write::write_all(&mut file?, score.to_string().as_bytes())?;
        Ok(true)
    }
}

fn limit_of(pid: u32, limit: ProcessLimit) -> io::Result<Option<LimitPair>> {
    let text = match proc_file::read_text(format!("/proc/{pid}/limits")) {
        Ok(text) => text,
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "`/proc/PID/limits` is not what proc(5) says");
    let line = text.lines().find_map(|line| line.strip_prefix(limit.line())).ok_or_else(wrong)?;
    let mut words = line.split_ascii_whitespace();
    let mut next = || match words.next() {
        Some("unlimited") => Ok(None),
        Some(word) => word.parse().map(Some).map_err(|_| wrong()),
        None => Err(wrong()),
    };
    Ok(Some(LimitPair { soft: next()?, hard: next()? }))
}

fn usage_of(pid: u32) -> io::Result<Option<ProcessUsage>> {
    let read = |file: &str| match proc_file::read(format!("/proc/{pid}/{file}")) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    };
    let (Some(stat), Some(status)) = (read("stat")?, read("status")?) else { return Ok(None) };
    // Fields 14 and 15 of proc(5); the third stands first behind the name.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |parts| parts.1).split_ascii_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.split_ascii_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or_default()
    };
    let kilobytes = number("VmRSS:") + number("VmSwap:");
    Ok(Some(ProcessUsage {
        cpu_ms: (ticks(14) + ticks(15)) * MS_PER_TICK,
        memory_bytes: kilobytes * 1024,
        threads: number("Threads:"),
    }))
}

/// Whether we have `CAP_SYS_RESOURCE`, which root need not have.
pub fn has_sys_resource() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap_or_default();
    u64::from_str_radix(line.trim(), 16).is_ok_and(|set| set >> CAP_SYS_RESOURCE & 1 == 1)
}

/// Bytes that programs can still take without swapping (`MemAvailable` in proc(5)); `None` where it can't be told.
pub fn memory_available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_ascii_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn only_the_soft_limit_is_lowered_and_it_is_raised_again() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // Once it answers it opens no more files, so a limit does not end it.
        child.stdin.as_mut().unwrap().write_all(b"on\n").unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "on\n");
        let held = PidFd::open(child.id().try_into().unwrap()).unwrap().unwrap();
        let before = held.limit(ProcessLimit::Fds).unwrap().unwrap();
        assert!(held.set_soft_limit(ProcessLimit::Fds, Some(3)).unwrap());
        assert_eq!(held.limit(ProcessLimit::Fds).unwrap().unwrap(), LimitPair { soft: Some(3), hard: before.hard });
        assert!(held.set_soft_limit(ProcessLimit::Fds, before.soft).unwrap());
        assert_eq!(held.limit(ProcessLimit::Fds).unwrap().unwrap(), before);
        assert!(held.descriptors().unwrap().unwrap().contains(&0));
        assert!(held.usage().unwrap().unwrap().threads == 1);
        let score = held.oom_score_adj().unwrap().unwrap();
        assert!(held.set_oom_score_adj(1000).unwrap() && held.oom_score_adj().unwrap() == Some(1000));
        assert!(held.set_oom_score_adj(score).unwrap() && held.oom_score_adj().unwrap() == Some(score));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!held.set_soft_limit(ProcessLimit::Fds, Some(3)).unwrap() && !held.set_oom_score_adj(0).unwrap());
        assert!(held.limit(ProcessLimit::Fds).unwrap().is_none() && held.usage().unwrap().is_none());
    }

    #[test]
    fn memory_that_is_available_is_told() {
        assert!(memory_available().is_some_and(|bytes| bytes > 1 << 20));
    }
}
