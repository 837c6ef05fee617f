//! Which process holds a run, told from every other one.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde::{Deserialize, Serialize};

/// Which process holds a run, in a form that is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// When it started, in clock ticks since boot.
    pub start_time: u64,
    /// The inode of the pid namespace in which its pid counts.
    pub pid_ns: u64,
    /// The inode of the time namespace in which `start_time` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ns: Option<u64>,
}

impl Holder {
    /// This process; `None` where `/proc` does not tell it.
    pub(super) fn this() -> Option<Self> {
        let (pid_ns, time_ns) = (namespace("pid")?, namespace("time"));
        let Life::Alive { start_time } = Life::of(std::process::id()) else { return None };
        Some(Self { start_time, pid_ns, time_ns })
    }

    /// Whether it is proved that the process with this pid has ended, of the boot that goes on.
    pub(super) fn is_gone(&self, pid: u32) -> bool {
        // From elsewhere its pid or its start time says nothing.
        let same = Self::this().is_some_and(|us| (us.pid_ns, us.time_ns) == (self.pid_ns, self.time_ns));
        same && match Life::of(pid) {
            Life::Alive { start_time } => start_time != self.start_time,
            Life::Gone => true,
            Life::Unknown => false,
        }
    }
}

/// What `/proc` says of a process.
enum Life {
    Alive { start_time: u64 },
    Gone,
    Unknown,
}

impl Life {
    fn of(pid: u32) -> Self {
        // A `/proc` of another pid namespace tells of others.
        if fs::read_link("/proc/self").is_ok_and(|us| us.as_os_str() != std::process::id().to_string().as_str()) {
            return Self::Unknown;
        }
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => Self::parse(&stat).unwrap_or(Self::Unknown),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && fs::exists("/proc/self").unwrap_or(false) => {
                Self::Gone
            }
            Err(_) => Self::Unknown,
        }
    }

    fn parse(stat: &str) -> Option<Self> {
        // The name may hold anything, so what follows is found from the end; see proc(5).
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
        let (state, threads, start_time) = (*fields.first()?, *fields.get(17)?, fields.get(19)?.parse().ok()?);
        // Nobody has waited for it yet, or it is just being collected and has no thread any more.
        Some(if matches!(state, "Z" | "X") && matches!(threads, "0" | "1") {
            Self::Gone
        } else {
            Self::Alive { start_time }
        })
    }
}

fn namespace(kind: &str) -> Option<u64> {
    fs::metadata(format!("/proc/self/ns/{kind}")).ok().map(|namespace| namespace.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_gone_once_it_ended_also_while_nobody_has_waited_for_it() {
        let us = Holder::this().unwrap();
        assert!(!us.is_gone(std::process::id()));
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let Life::Alive { start_time } = Life::of(child.id()) else { panic!("it runs") };
        let holder = Holder { start_time, ..us };
        assert!(!holder.is_gone(child.id()));
        child.kill().unwrap();
        let started = std::time::Instant::now();
        while !holder.is_gone(child.id()) {
            assert!(started.elapsed().as_secs() < 120, "a zombie counts as alive");
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(holder.is_gone(child.id()));
    }

    #[test]
    fn another_start_time_is_proof_and_another_namespace_is_none() {
        let us = Holder::this().unwrap();
        let later = us.start_time + 1;
        let pid = std::process::id();
        assert!(Holder { start_time: later, ..us.clone() }.is_gone(pid));
        assert!(!Holder { start_time: later, pid_ns: 1, ..us.clone() }.is_gone(pid));
        assert!(!Holder { start_time: later, time_ns: Some(1), ..us }.is_gone(pid));
    }
}
