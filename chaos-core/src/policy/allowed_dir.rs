//! A directory beneath an allowed root, held by its handle.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, fstat, openat2, statat, unlinkat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// How far up the parents of a directory are followed; `PATH_MAX` allows more, real trees don't have them.
const MAX_PARENTS: usize = 128;

/// No component of the path may be a symbolic link, nor a link of `/proc`.
const NO_LINKS: ResolveFlags = ResolveFlags::NO_SYMLINKS.union(ResolveFlags::NO_MAGICLINKS);

/// A directory as the kernel tells it from every other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DirIdentity {
    /// Device of its file system.
    pub device: u64,
    /// Inode.
    pub inode: u64,
}

/// A directory that was opened beneath an allowed root, without following a symbolic link.
///
/// Effects, witness and undo use the handle: whatever happens to the path meanwhile, they reach the same directory.
#[derive(Debug)]
pub struct AllowedDir {
    fd: OwnedFd,
    path: PathBuf,
    identity: DirIdentity,
}

impl AllowedDir {
    /// Opens `beneath` (relative; empty for the root itself) beneath `root`, a path without symbolic links.
    pub(super) fn open(root: &Path, beneath: &Path) -> io::Result<Self> {
        let dir = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = openat2(CWD, root, dir | OFlags::RDONLY, Mode::empty(), NO_LINKS)?;
        let fd = if beneath.as_os_str().is_empty() {
            top
        } else {
            openat2(&top, beneath, dir | OFlags::RDONLY, Mode::empty(), NO_LINKS | ResolveFlags::BENEATH)?
        };
        let identity = identity(&fstat(&fd)?);
        Ok(Self { fd, path: root.join(beneath), identity })
    }

    /// Opens a directory again by the path and the identity that an undo step kept: `None` when there is none any more,
    /// or another one.
    pub fn reopen(path: &Path, identity: DirIdentity) -> io::Result<Option<Self>> {
        match Self::open(path, Path::new("")) {
            Ok(dir) => Ok((dir.identity == identity).then_some(dir)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its path, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What tells it from every other directory.
    pub fn identity(&self) -> DirIdentity {
        self.identity
    }

    /// The directories above it, nearest first, up to the root of the file tree.
    pub fn parents(&self) -> io::Result<Vec<DirIdentity>> {
        let mut parents = Vec::new();
        let (mut up, mut last) = (PathBuf::from(".."), self.identity);
        while parents.len() < MAX_PARENTS {
            let above = identity(&statat(&self.fd, &up, AtFlags::empty())?);
            if above == last {
                break;
            }
            parents.push(above);
            last = above;
            up.push("..");
        }
        Ok(parents)
    }

    /// Makes a file that did not exist, for writing, mode 0600. `name` is one component.
    pub fn create_new(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        self.file(name, flags, Mode::RUSR | Mode::WUSR)
    }

    /// Opens a file for reading. `name` is one component; a symbolic link is an error.
    pub fn open_file(&self, name: &str) -> io::Result<File> {
        self.file(name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
    }

    /// Removes a file; whether it was there. `name` is one component.
    pub fn remove_file(&self, name: &str) -> io::Result<bool> {
        match unlinkat(&self.fd, component(name)?, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a regular file and gives back its space at once, also where something has it open; whether it was there.
    /// `name` is one component.
    pub fn remove_contents(&self, name: &str) -> io::Result<bool> {
        match self.file(name, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) => file.set_len(0)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        }
        self.remove_file(name)
    }

    fn file(&self, name: &str, flags: OFlags, mode: Mode) -> io::Result<File> {
        let how = NO_LINKS | ResolveFlags::BENEATH;
        Ok(File::from(openat2(&self.fd, component(name)?, flags, mode, how)?))
    }
}

impl AsFd for AllowedDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A name with a slash, `.` and `..` would leave the directory.
fn component(name: &str) -> io::Result<&OsStr> {
    let bad = name.is_empty() || name == "." || name == ".." || name.as_bytes().contains(&b'/');
    if bad { Err(io::Error::from(io::ErrorKind::InvalidInput)) } else { Ok(OsStr::from_bytes(name.as_bytes())) }
}

#[expect(
    clippy::unnecessary_cast,
    clippy::useless_conversion,
    reason = "the width of `st_dev` differs between targets"
)]
fn identity(stat: &rustix::fs::Stat) -> DirIdentity {
    DirIdentity { device: stat.st_dev as u64, inode: u64::from(stat.st_ino) }
}

/// Whether an error of opening says that the directory is not there, or that something else stands in its place.
pub(super) fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory) || is_link(error)
}

/// Whether an error of opening says that a component is a symbolic link, or leads out of the root.
pub(super) fn is_link(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::LOOP | Errno::XDEV))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree() -> (tempfile::TempDir, PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        (temp, root)
    }

    #[test]
    fn links_and_ways_out_are_not_followed() {
        let (_temp, root) = tree();
        symlink("a", root.join("inside")).unwrap();
        symlink("/etc", root.join("outside")).unwrap();
        symlink("/proc/self/cwd", root.join("magic")).unwrap();
        assert!(AllowedDir::open(&root, Path::new("a/b")).is_ok());
        for way in ["inside", "outside", "magic", "inside/b", "../..", "/etc", "a/../../.."] {
            let error = AllowedDir::open(&root, Path::new(way)).unwrap_err();
            assert!(is_link(&error), "{way}: {error}");
        }
    }

    #[test]
    fn files_stay_in_the_directory() {
        let (_temp, root) = tree();
        let dir = AllowedDir::open(&root, Path::new("a")).unwrap();
        symlink(root.join("target"), root.join("a/link")).unwrap();
        for name in ["", ".", "..", "../x", "b/x", "/x"] {
            assert_eq!(dir.create_new(name).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name}");
            assert_eq!(dir.remove_file(name).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name}");
        }
        assert!(dir.create_new("link").is_err() && dir.open_file("link").is_err());
        drop(dir.create_new("file").unwrap());
        assert!(root.join("a/file").exists());
        assert_eq!((dir.remove_file("file").unwrap(), dir.remove_file("file").unwrap()), (true, false));
        assert!(!root.join("target").exists());
    }

    #[test]
    fn the_handle_outlives_the_name_and_the_identity_tells_a_replacement() {
        let (_temp, root) = tree();
        let (path, moved) = (root.join("a"), root.join("moved"));
        let dir = AllowedDir::open(&path, Path::new("")).unwrap();
        let parents = dir.parents().unwrap();
        assert_eq!(parents[0], AllowedDir::open(&root, Path::new("")).unwrap().identity());
        assert_eq!(AllowedDir::reopen(&path, dir.identity()).unwrap().unwrap().identity(), dir.identity());
        fs::rename(&path, &moved).unwrap();
        drop(dir.create_new("file").unwrap());
        assert!(moved.join("file").exists());
        assert!(AllowedDir::reopen(&path, dir.identity()).unwrap().is_none());
        fs::create_dir(&path).unwrap();
        assert!(AllowedDir::reopen(&path, dir.identity()).unwrap().is_none());
        fs::remove_dir(&path).unwrap();
        symlink(&moved, &path).unwrap();
        assert!(AllowedDir::reopen(&path, dir.identity()).unwrap().is_none());
    }
}
