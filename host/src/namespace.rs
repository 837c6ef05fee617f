//! The namespaces in which the numbers of processes count.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

/// The inode of our pid namespace: pids of another one mean other processes.
pub fn pid_namespace() -> io::Result<u64> {
    inode("pid")
}

/// The inode of our time namespace: start times that another one reads are shifted. `None` on kernels without any
/// (before 5.6).
pub fn time_namespace() -> io::Result<Option<u64>> {
    match inode("time") {
        Ok(inode) => Ok(Some(inode)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn inode(name: &str) -> io::Result<u64> {
    fs::metadata(format!("/proc/self/ns/{name}")).map(|namespace| namespace.ino())
}
