//! The namespaces in which the numbers of processes count.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use crate::proc_file;
use crate::remembered::Remembered;

/// The inode of our pid namespace: pids of another one mean other processes.
pub fn pid_namespace() -> io::Result<u64> {
    static INODE: Remembered<u64> = Remembered::new();
    INODE.get(|| inode("pid").map(Arc::new), |_| true).map(|inode| *inode)
}

/// The inode of our time namespace: start times that another one reads are shifted. `None` on kernels without any
/// (before 5.6).
pub(crate) fn time_namespace() -> io::Result<Option<u64>> {
    match inode("time") {
        Ok(inode) => Ok(Some(inode)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether `/proc` shows our own pid namespace. After `nsenter --pid` without `--mount` it shows another one, in which
/// the same pids are other processes.
pub fn proc_is_ours() -> io::Result<bool> {
    static OURS: Remembered<bool> = Remembered::new();
    OURS.get(|| read_proc_is_ours().map(Arc::new), |_| true).map(|ours| *ours)
}

fn read_proc_is_ours() -> io::Result<bool> {
    match proc_file::read_text("/proc/self/status") {
        Ok(status) => Ok(shows(&status, std::process::id())),
        // `/proc` does not show us at all.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a status has one pid only, and that one: it has one for each namespace from that of `/proc` on down.
fn shows(status: &str, pid: u32) -> bool {
    let line = |key| status.lines().find_map(|line| line.strip_prefix(key));
    let mut pids = line("NSpid:").or_else(|| line("Pid:")).unwrap_or_default().split_ascii_whitespace();
    pids.next().is_some_and(|first| first.parse() == Ok(pid)) && pids.next().is_none()
}

fn inode(name: &str) -> io::Result<u64> {
    fs::metadata(format!("/proc/self/ns/{name}")).map(|namespace| namespace.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_with_several_pids_is_of_another_namespace() {
        assert!(shows("Pid:\t71\nNSpid:\t71\n", 71) && shows("Pid:\t71\n", 71));
        for status in ["Pid:\t71\nNSpid:\t71\t3\n", "Pid:\t3\nNSpid:\t3\t3\n", "NSpid:\t71\n", ""] {
            assert!(!shows(status, 3), "{status}");
        }
    }
}
