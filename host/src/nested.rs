//! Processes of other pid namespaces, as they are seen from ours.

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt;

use rustix::process::geteuid;

use crate::namespace::{pid_namespace, proc_is_ours};
use crate::pidfd::PidFd;
use crate::proc_file;

/// The inode of the machine's first pid namespace (`PROC_PID_INIT_INO` in `include/linux/proc_ns.h`), from which every
/// process can be seen.
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// What became of a process that was known in another pid namespace.
#[derive(Debug)]
pub(crate) enum Elsewhere {
    /// It is there, and held.
    Found(PidFd),
    /// No process of the machine can be it.
    Gone,
    /// It may be there, where we can't see it.
    Hidden,
}

/// A process as it was known in its own pid namespace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nested {
    /// Its pid there.
    pub(crate) pid: NonZeroU32,
    /// The inode of that namespace.
    pub(crate) namespace: u64,
    /// The inode of its pidfd, which is the same wherever it is seen from; `None` before Linux 6.9.
    pub(crate) pidfd_inode: Option<u64>,
}

impl Nested {
    /// Finds it from our namespace; without the inode of its pidfd, `started_then` tells it from others that were given
    /// its pid.
    ///
    /// # Errors
    /// When `/proc` can't be read, and what `started_then` gives.
    pub(crate) fn find(&self, started_then: impl Fn(&PidFd) -> io::Result<bool>) -> io::Result<Elsewhere> {
        let mut hidden = !sees_every_process();
        for entry in fs::read_dir("/proc")? {
            let Some(here) = entry?.file_name().to_str().and_then(|name| name.parse::<NonZeroU32>().ok()) else {
                continue;
            };
            // Held first, read then: what is read is what a signal reaches.
            let Some(held) = PidFd::open(here)? else { continue };
            if let (Some(then), Some(now)) = (self.pidfd_inode, held.inode()?) {
                if then == now {
                    return Ok(Elsewhere::Found(held));
                }
                continue;
            }
            match self.may_be(here) {
                Ok(true) if held.is_there() && started_then(&held)? => return Ok(Elsewhere::Found(held)),
                Ok(_) => {}
                // Not ours to read, so it may be the one.
                Err(error) => hidden |= error.kind() == io::ErrorKind::PermissionDenied,
            }
        }
        Ok(if hidden { Elsewhere::Hidden } else { Elsewhere::Gone })
    }

    /// Whether the process that is `here` for us has the pid in the namespace.
    fn may_be(&self, here: NonZeroU32) -> io::Result<bool> {
        Ok(is_known_inside_as(here, self.pid) && fs::metadata(format!("/proc/{here}/ns/pid"))?.ino() == self.namespace)
    }
}

/// Whether the process that is `here` in our namespace is `pid` in a namespace below ours.
fn is_known_inside_as(here: NonZeroU32, pid: NonZeroU32) -> bool {
    let status = fs::read_to_string(format!("/proc/{here}/status")).unwrap_or_default();
    let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    let pids: Vec<u32> = pids.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    pids.len() > 1 && pids.last() == Some(&pid.get())
}

/// Whether `/proc` shows us every process of the machine: we are in the first namespace, `/proc` is that namespace's, and
/// nothing in it is hidden from us.
pub fn sees_every_process() -> bool {
    let first = pid_namespace().is_ok_and(|ours| ours == FIRST_PID_NAMESPACE);
    let own = proc_is_ours().unwrap_or(false);
    first
        && own
        && (geteuid().is_root() || !hides_processes(proc_file::read_text("/proc/self/mountinfo").ok().as_deref()))
}

/// Whether `/proc` is mounted so that users do not see each other's processes (`hidepid` in proc(5)); so it is assumed of
/// mounts that can't be read.
fn hides_processes(mounts: Option<&str>) -> bool {
    let Some(mounts) = mounts else { return true };
    let proc = mounts.lines().rfind(|line| line.split(' ').nth(4) == Some("/proc"));
    proc.is_none_or(|line| {
        let option = line.split([' ', ',']).find_map(|word| word.strip_prefix("hidepid="));
        !matches!(option, None | Some("0" | "off"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_that_hide_processes_are_told_from_others() {
        let mounts = |options: &str| {
            format!("1 0 8:1 / / rw - ext4 /dev/a rw\n25 30 0:23 / /proc rw,nosuid - proc proc {options}\n")
        };
        for (options, hides) in [
            ("rw", false),
            ("rw,hidepid=0", false),
            ("rw,hidepid=off", false),
            ("rw,hidepid=2", true),
            ("rw,gid=4,hidepid=invisible", true),
        ] {
            assert_eq!(hides_processes(Some(&mounts(options))), hides, "{options}");
        }
        assert!(hides_processes(None) && hides_processes(Some("")));
    }

    #[test]
    fn a_process_of_our_own_namespace_is_not_one_of_another() {
        let us: NonZeroU32 = std::process::id().try_into().unwrap();
        let us = Nested { pid: us, namespace: pid_namespace().unwrap(), pidfd_inode: None };
        let found = us.find(|_| Ok(true)).unwrap();
        assert!(!matches!(found, Elsewhere::Found(_)), "{found:?}");
    }
}
