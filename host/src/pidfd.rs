//! One process, told apart from every later one with its pid.

use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{fstat, fstatfs};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::proc_file;
use crate::process::{ProcessOwner, ProcessStat, thread_states};

/// Milliseconds between two polls of a state that is about to change.
const POLL_EVERY_MS: u8 = 2;

/// The magic number of pidfs (`include/uapi/linux/magic.h`), which pidfds are files of since Linux 6.9.
const PID_FS_MAGIC: u64 = 0x5049_4446;

/// A process held by a pidfd: a signal through it reaches this process or none.
#[derive(Debug)]
pub struct PidFd {
    pid: NonZeroU32,
    fd: OwnedFd,
}

impl PidFd {
    /// Takes hold of a process; `None` when there is none of that pid.
    pub fn open(pid: NonZeroU32) -> io::Result<Option<Self>> {
        let Some(raw) = i32::try_from(pid.get()).ok().and_then(Pid::from_raw) else { return Ok(None) };
        match pidfd_open(raw, PidfdFlags::empty()) {
            Ok(fd) => Ok(Some(Self { pid, fd })),
            // A number that a thread has by now stands for no process: ENOENT from Linux 6.9 on, EINVAL before (the other
            // causes of EINVAL, flags and a pid below 1, can't occur here).
            Err(Errno::SRCH | Errno::NOENT | Errno::INVAL) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Another hold of the same process.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { pid: self.pid, fd: self.fd.try_clone()? })
    }

    /// Its pid, in our namespace.
    pub fn pid(&self) -> NonZeroU32 {
        self.pid
    }

    /// The inode of the pidfd, which no other process of this boot has; `None` before Linux 6.9.
    pub fn inode(&self) -> io::Result<Option<u64>> {
        #[expect(clippy::cast_sign_loss, reason = "a magic number; its type differs by target")]
        let magic = fstatfs(&self.fd)?.f_type as u64;
        if magic == PID_FS_MAGIC { Ok(Some(fstat(&self.fd)?.st_ino)) } else { Ok(None) }
    }

    /// What `/proc` says of this process; `None` when it is gone, even if its pid is another one's by now.
    pub fn stat(&self) -> io::Result<Option<ProcessStat>> {
        self.read(ProcessStat::of)
    }

    /// Whose it is; `None` when it is gone.
    pub fn owner(&self) -> io::Result<Option<ProcessOwner>> {
        self.read(ProcessOwner::of)
    }

    /// Both of these, read while it is the same process.
    pub fn stat_and_owner(&self) -> io::Result<Option<(ProcessStat, ProcessOwner)>> {
        self.read(|pid| Ok(ProcessStat::of(pid)?.zip(ProcessOwner::of(pid)?)))
    }

    /// The state letters of all its threads; empty when it is gone.
    pub fn thread_states(&self) -> io::Result<Vec<char>> {
        let some = |pid| thread_states(pid).map(|states| Some(states).filter(|states| !states.is_empty()));
        self.read(some).map(Option::unwrap_or_default)
    }

    /// Reads it in `/proc`, under the pid that it has there; `None` when it is gone, even if it went meanwhile.
    ///
    /// # Errors
    /// Also when `/proc` has nothing of a process that is there: it may hide it (`hidepid`).
    pub(crate) fn read<T>(&self, read: impl Fn(u32) -> io::Result<Option<T>>) -> io::Result<Option<T>> {
        let Some(pid) = self.pid_in_proc()? else { return Ok(None) };
        let seen = read(pid.get())?;
        match (self.pid_in_proc()?, seen) {
            (None, _) => Ok(None),
            (Some(_), None) => Err(io::Error::other(format!("`/proc` hides process {}", self.pid))),
            (Some(_), seen) => Ok(seen),
        }
    }

    /// Its pid in the namespace that `/proc` shows, which need not be ours; `None` when it is gone.
    ///
    /// # Errors
    /// When `/proc` does not show it, or can't be read: neither proves that it is gone.
    fn pid_in_proc(&self) -> io::Result<Option<NonZeroU32>> {
        let info = proc_file::read_text(format!("/proc/self/fdinfo/{}", self.fd.as_raw_fd()))?;
        let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")).map(str::trim);
        match pid {
            // Once it was collected (see pidfd_open(2)).
            Some("-1") => Ok(None),
            Some(pid) if pid != "0" => {
                let wrong = |_| io::Error::new(io::ErrorKind::InvalidData, "the pid of a pidfd is not a number");
                pid.parse().map(Some).map_err(wrong)
            }
            _ => {
                Err(io::Error::other("`/proc` is of another pid namespace and does not show it: mount our own `/proc`"))
            }
        }
    }

    /// Whether its pid is still its own, so that what was read from `/proc` before was of this process.
    pub fn is_there(&self) -> bool {
        // A number that can't be read proves nothing.
        self.pid_in_proc().is_ok_and(|pid| pid == Some(self.pid))
    }

    /// Sends a signal; says whether the process was still there.
    pub fn signal(&self, signal: Signal) -> io::Result<bool> {
        match pidfd_send_signal(self.fd.as_fd(), signal) {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Polls until `settled` is true of the states of all threads (empty when the process is gone), at most `polls`
    /// times; gives the last states. Blocks.
    pub fn settle(&self, polls: u32, settled: impl Fn(&[char]) -> bool) -> io::Result<Vec<char>> {
        let mut states = self.thread_states()?;
        for _ in 0..polls {
            if settled(&states) {
                break;
            }
            // No event tells of a stop, so the wait is a short one; the end of the process does wake it.
            let pause = Timespec { tv_sec: 0, tv_nsec: i64::from(POLL_EVERY_MS) * 1_000_000 };
            match poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], Some(&pause)) {
                Ok(0) | Err(Errno::INTR) => states = self.thread_states()?,
                Ok(_) => return Ok(Vec::new()),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(states)
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// How many polls fill about this many seconds.
pub fn polls_in_seconds(seconds: u32) -> u32 {
    seconds * 1000 / u32::from(POLL_EVERY_MS)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    #[test]
    fn nothing_is_held_where_no_process_is() {
        // Above the kernel's largest possible pid (2^22).
        assert!(PidFd::open(NonZeroU32::MAX).unwrap().is_none());
    }

    #[test]
    fn a_number_that_is_a_threads_is_no_processs() {
        let (told, tell) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || tell.recv());
        let us = std::process::id();
        let tasks = fs::read_dir("/proc/self/task").unwrap();
        let threads = tasks.map(|task| task.unwrap().file_name().to_str().unwrap().parse::<NonZeroU32>().unwrap());
        let others: Vec<_> = threads.filter(|thread| thread.get() != us).collect();
        assert!(!others.is_empty());
        for other in others {
            assert!(PidFd::open(other).unwrap().is_none(), "thread {other}");
        }
        drop(told);
        assert!(thread.join().unwrap().is_err());
    }

    #[test]
    fn a_process_that_was_collected_has_no_state_whatever_its_pid_is_by_now() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let held = PidFd::open(child.id().try_into().unwrap()).unwrap().unwrap();
        assert_eq!(held.stat().unwrap().unwrap().pid, child.id());
        assert!(held.is_there() && !held.thread_states().unwrap().is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!held.is_there() && held.stat().unwrap().is_none() && held.thread_states().unwrap().is_empty());
        assert!(!held.signal(Signal::CONT).unwrap());
    }

    #[test]
    fn a_process_that_proc_hides_is_not_gone() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let held = PidFd::open(child.id().try_into().unwrap()).unwrap().unwrap();
        assert!(held.read(|_| Ok(Some(()))).unwrap().is_some());
        let error = held.read::<()>(|_| Ok(None)).unwrap_err();
        assert_eq!(error.to_string(), format!("`/proc` hides process {}", child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(held.read::<()>(|_| Ok(None)).unwrap().is_none());
    }

    #[test]
    fn two_holds_of_one_process_have_one_inode_and_other_processes_have_others() {
        let us: NonZeroU32 = std::process::id().try_into().unwrap();
        let parent: NonZeroU32 = std::os::unix::process::parent_id().try_into().unwrap();
        let inode = |pid| PidFd::open(pid).unwrap().unwrap().inode().unwrap();
        assert_eq!(inode(us), inode(us));
        if inode(us).is_some() {
            assert_ne!(inode(us), inode(parent));
        }
    }
}
