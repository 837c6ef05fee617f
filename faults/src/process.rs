//! One process, told apart from every later one with its pid, and signalled through a pidfd.

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// The kernel's mark of a thread of its own (`PF_KTHREAD` in `include/linux/sched.h`).
const KERNEL_THREAD: u64 = 0x0020_0000;
/// Milliseconds between two looks at a state that is about to change.
const LOOK_EVERY_MS: u8 = 2;

/// What `/proc` says of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    /// Its pid.
    pub(crate) pid: u32,
    /// Its parent's pid; 0 for none in this namespace.
    pub(crate) parent: u32,
    /// Its name, as the kernel cuts it (15 bytes).
    pub(crate) name: String,
    /// The state letter of its first thread.
    pub(crate) state: char,
    /// When it started, in clock ticks since boot: with the boot id, what no later process of that pid shares.
    pub(crate) start_time: u64,
    /// Whether it is a thread of the kernel's.
    pub(crate) is_kernel: bool,
}

impl Look {
    /// Looks at a process; `None` when there is none of that pid.
    pub(crate) fn at(pid: u32) -> io::Result<Option<Self>> {
        match fs::read(format!("/proc/{pid}/stat")) {
            Ok(bytes) => Self::read(&String::from_utf8_lossy(&bytes)).map(Some),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads `/proc/PID/stat` (see proc(5)): the name may hold spaces and parentheses, so its end is the last one.
    fn read(stat: &str) -> io::Result<Self> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "`/proc/PID/stat` is not what proc(5) says");
        let (pid, rest) = stat.split_once(" (").ok_or_else(wrong)?;
        let (name, rest) = rest.rsplit_once(')').ok_or_else(wrong)?;
        // Field 3, the state, comes first here.
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<u64>().ok()).ok_or_else(wrong);
        Ok(Self {
            pid: pid.parse().map_err(|_| wrong())?,
            parent: u32::try_from(number(4)?).map_err(|_| wrong())?,
            name: name.to_owned(),
            state: fields.first().and_then(|state| state.chars().next()).ok_or_else(wrong)?,
            start_time: number(22)?,
            is_kernel: number(9)? & KERNEL_THREAD != 0,
        })
    }

    /// Stopped by a signal.
    pub(crate) fn is_stopped(&self) -> bool {
        self.state == 'T'
    }

    /// Stopped by a tracer.
    pub(crate) fn is_traced(&self) -> bool {
        self.state == 't'
    }

    /// Dead, whether or not somebody has collected it.
    pub(crate) fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// The name for people: pid and program.
    pub(crate) fn label(&self) -> String {
        format!("process {} (`{}`)", self.pid, self.name)
    }
}

/// What `/proc/PID/status` says beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Real, effective and saved user id.
    pub(crate) uids: [u32; 3],
    /// The process that it belongs to; itself, unless it is only a thread.
    pub(crate) process: u32,
}

impl Owner {
    /// Looks at the owner of a process; `None` when there is none of that pid.
    pub(crate) fn of(pid: u32) -> io::Result<Option<Self>> {
        match fs::read_to_string(format!("/proc/{pid}/status")) {
            Ok(status) => Self::read(&status).map(Some),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(status: &str) -> io::Result<Self> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "`/proc/PID/status` is not what proc(5) says");
        let numbers = |key: &str| -> io::Result<Vec<u32>> {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).ok_or_else(wrong)?;
            line.split_ascii_whitespace().map(|word| word.parse().map_err(|_| wrong())).collect()
        };
        let uids = numbers("Uid:")?.first_chunk().copied().ok_or_else(wrong)?;
        let process = numbers("Tgid:")?.first().copied().ok_or_else(wrong)?;
        Ok(Self { uids, process })
    }
}

/// The pids from `pid` up to the first process of the namespace, `pid` itself included.
pub(crate) fn line_of(pid: u32) -> io::Result<Vec<u32>> {
    let mut line = vec![pid];
    let mut at = pid;
    while let Some(look) = Look::at(at)? {
        // A parent that is seen twice means that pids were given anew while we looked.
        if look.parent == 0 || line.contains(&look.parent) {
            break;
        }
        line.push(look.parent);
        at = look.parent;
    }
    Ok(line)
}

/// The inode of our pid namespace: pids of another one mean other processes.
pub(crate) fn pid_namespace() -> io::Result<u64> {
    fs::metadata("/proc/self/ns/pid").map(|it| it.ino())
}

/// The state letters of all threads of a process; empty when it is gone.
pub(crate) fn thread_states(pid: u32) -> io::Result<Vec<char>> {
    let tasks = match fs::read_dir(format!("/proc/{pid}/task")) {
        Ok(tasks) => tasks,
        Err(error) if is_gone(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut states = Vec::new();
    for task in tasks {
        let stat = match task.map(|task| fs::read(task.path().join("stat"))) {
            Ok(Ok(stat)) => stat,
            // A thread that ends while we look has no state worth knowing.
            Ok(Err(error)) | Err(error) if is_gone(&error) => continue,
            Ok(Err(error)) | Err(error) => return Err(error),
        };
        states.push(Look::read(&String::from_utf8_lossy(&stat))?.state);
    }
    Ok(states)
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::SRCH.raw_os_error())
}

/// A process held by a pidfd: a signal through it reaches this process or none.
#[derive(Debug)]
pub(crate) struct Held {
    pid: u32,
    fd: OwnedFd,
}

impl Held {
    /// Takes hold of a process; `None` when there is none of that pid.
    ///
    /// Look at it *after* this: if the look shows the right start time, the pidfd can mean no other process.
    pub(crate) fn open(pid: NonZeroU32) -> io::Result<Option<Self>> {
        let Some(raw) = i32::try_from(pid.get()).ok().and_then(Pid::from_raw) else { return Ok(None) };
        match pidfd_open(raw, PidfdFlags::empty()) {
            Ok(fd) => Ok(Some(Self { pid: pid.get(), fd })),
            Err(Errno::SRCH) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Sends a signal; says whether the process was still there.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        match pidfd_send_signal(self.fd.as_fd(), signal) {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Looks until `settled` is true of the states of all threads (empty when the process is gone), at most `looks`
    /// times; gives the last states. Blocks.
    pub(crate) fn settle(&self, looks: u32, settled: impl Fn(&[char]) -> bool) -> io::Result<Vec<char>> {
        let mut states = thread_states(self.pid)?;
        for _ in 0..looks {
            if settled(&states) {
                break;
            }
            // No event tells of a stop, so the wait is a short one; the end of the process does wake it.
            let pause = Timespec { tv_sec: 0, tv_nsec: i64::from(LOOK_EVERY_MS) * 1_000_000 };
            match poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], Some(&pause)) {
                Ok(0) | Err(Errno::INTR) => states = thread_states(self.pid)?,
                Ok(_) => return Ok(Vec::new()),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(states)
    }
}

/// How many looks fill about this many seconds.
pub(crate) fn looks_in_seconds(seconds: u32) -> u32 {
    seconds * 1000 / u32::from(LOOK_EVERY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_move_the_fields() {
        let tail = "S 7 71 71 0 -1 2097152 0 0 0 0 0 0 0 0 20 0 1 0 8812 0 0";
        for name in ["sleep", "a) R 1 (b", "x y", ")", ""] {
            let look = Look::read(&format!("71 ({name}) {tail}")).unwrap();
            assert_eq!((look.pid, look.name.as_str(), look.parent), (71, name, 7));
            assert_eq!((look.state, look.start_time, look.is_kernel), ('S', 8812, true));
        }
    }

    #[test]
    fn a_torn_stat_is_an_error_and_no_panic() {
        for stat in ["", "71", "71 (x", "71 (x)", "71 (x) S", "y (x) S 7 71 71 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 8812"] {
            assert_eq!(Look::read(stat).unwrap_err().kind(), io::ErrorKind::InvalidData, "{stat}");
        }
    }

    #[test]
    fn owners_are_read_from_the_status() {
        let owner = Owner::read("Name:\tx\nTgid:\t70\nPid:\t71\nUid:\t1000\t0\t0\t1000\n").unwrap();
        assert_eq!(owner, Owner { uids: [1000, 0, 0], process: 70 });
        assert_eq!(Owner::read("Uid:\t1000\t0\n").unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn our_line_begins_with_us_and_holds_our_parent() {
        let us = std::process::id();
        let line = line_of(us).unwrap();
        assert_eq!(line[..2], [us, std::os::unix::process::parent_id()]);
    }

    #[test]
    fn nothing_is_found_where_no_process_is() {
        // Above the kernel's largest possible pid (2^22).
        let none = NonZeroU32::new(u32::MAX).unwrap();
        assert!(Look::at(none.get()).unwrap().is_none());
        assert!(Owner::of(none.get()).unwrap().is_none());
        assert!(Held::open(none).unwrap().is_none());
        assert!(thread_states(none.get()).unwrap().is_empty());
    }
}
