//! A tmpfs over a folder: whether we may mount one, how it is mounted, and which mounts there are.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// The number of `CAP_SYS_ADMIN`, which mounting needs.
const CAP_SYS_ADMIN: u32 = 21;

/// A process that was killed a moment ago may still hold its folder.
const BUSY_TRIES: u32 = 50;
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Whether this process may mount: what counts is the capability, which root need not have.
pub(super) fn may_mount() -> io::Result<bool> {
    let status = fs::read_to_string("/proc/self/status")?;
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or_default();
    Ok(bits >> CAP_SYS_ADMIN & 1 == 1)
}

/// The inode of our mount namespace.
pub(super) fn mount_namespace() -> io::Result<u64> {
    fs::metadata("/proc/self/ns/mnt").map(|meta| meta.ino())
}

/// Whether a process is in that mount namespace: one without processes is gone, with its mounts.
pub(super) fn is_inhabited(namespace: u64) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut namespaces = processes.filter_map(|process| fs::metadata(process.path().join("ns/mnt")).ok());
    namespaces.any(|meta| meta.ino() == namespace)
}

/// Mounts a tmpfs of that size, called `source`, over a folder, for this user alone.
pub(super) fn mount_tmpfs(folder: &Path, source: &str, bytes: u64) -> io::Result<()> {
    // By its handle: a link that takes the folder's place meanwhile leads nowhere.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = File::from(open(folder, flags, Mode::empty())?);
    let at = format!("/proc/self/fd/{}", held.as_raw_fd());
    let options = CString::new(format!("size={bytes},mode=0700"))?;
    mount(source, at, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())?;
    Ok(())
}

/// Whether a tmpfs of that name is mounted there.
pub(super) fn is_mounted(folder: &Path, source: &str) -> io::Result<bool> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    Ok(mounts.lines().filter_map(tmpfs_mount).any(|(at, name)| at == folder && name == source))
}

/// Takes it away; where something still uses it, from every path at least, so that it is gone with its last user. Blocks.
pub(super) fn unmount_tmpfs(folder: &Path) -> io::Result<Unmounted> {
    for _ in 0..BUSY_TRIES {
        match unmount(folder, UnmountFlags::NOFOLLOW) {
            Ok(()) => return Ok(Unmounted::Gone),
            Err(rustix::io::Errno::BUSY) => std::thread::park_timeout(BUSY_PAUSE),
            Err(errno) => return Err(errno.into()),
        }
    }
    unmount(folder, UnmountFlags::NOFOLLOW | UnmountFlags::DETACH)?;
    Ok(Unmounted::Detached)
}

/// How a mount was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unmounted {
    /// It is gone.
    Gone,
    /// It is on no path any more; something still has a file of it open.
    Detached,
}

/// Where a line of `mountinfo` says that a tmpfs is, and its name.
fn tmpfs_mount(line: &str) -> Option<(PathBuf, String)> {
    let (left, right) = line.split_once(" - ")?;
    let mut kind = right.split(' ');
    let (Some("tmpfs"), Some(source)) = (kind.next(), kind.next()) else { return None };
    Some((unescaped(left.split(' ').nth(4)?).into(), unescaped(source)))
}

/// The kernel writes space, tab, newline and backslash as `\` and three octal digits.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, character)| text.replace(code, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_found_by_its_path_and_name() {
        let line = "71 22 0:51 / /run/my\\040nodes/n1 rw,nosuid shared:9 - tmpfs squall:r1/n1 rw,size=8192k";
        let found = tmpfs_mount(line).unwrap();
        assert_eq!(found, (PathBuf::from("/run/my nodes/n1"), "squall:r1/n1".to_owned()));
        assert_eq!(tmpfs_mount("22 1 8:1 / / rw - ext4 /dev/sda1 rw"), None);
        assert_eq!(tmpfs_mount("nonsense"), None);
        assert!(!is_mounted(Path::new("/"), "squall:r1/n1").unwrap());
    }

    #[test]
    fn our_own_namespace_is_inhabited_and_an_unknown_one_is_not() {
        assert!(is_inhabited(mount_namespace().unwrap()) && !is_inhabited(1));
    }
}
