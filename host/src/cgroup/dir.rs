//! One folder of a group.

use std::fs;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::{CgroupError, CgroupVersion};
use crate::moment::moment;
use crate::pidfd::PidFd;

/// How long members may take to freeze, or to be gone once they are killed.
const SETTLE: Duration = Duration::from_secs(5);

/// The folder of one group in one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupDir {
    /// Where it is.
    pub path: PathBuf,
    /// The interface of its files.
    pub version: CgroupVersion,
    /// Its inode, which tells it from a later group of that name; absent before that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
}

impl CgroupDir {
    /// The same, with the inode that it has now.
    pub fn identified(mut self) -> Result<Self, CgroupError> {
        let meta = fs::metadata(&self.path).map_err(|error| CgroupError::io("read", &self.path, error))?;
        self.inode = Some(meta.ino());
        Ok(self)
    }

    /// Whether it is there, and no later group of its name.
    ///
    /// # Errors
    /// When the hierarchy can't be seen: then it may be there.
    pub fn is_there(&self) -> Result<bool, CgroupError> {
        match fs::metadata(&self.path) {
            Ok(meta) => Ok(self.inode.is_none_or(|inode| inode == meta.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // In a folder that shows no groups nothing is proved.
                let shown = self.path.ancestors().skip(1).find(|above| above.is_dir());
                if shown.is_some_and(|above| above.join("cgroup.procs").is_file()) {
                    return Ok(false);
                }
                Err(CgroupError::io("find", &self.path, io::Error::other("its hierarchy is not mounted here")))
            }
            Err(error) => Err(CgroupError::io("read", &self.path, error)),
        }
    }

    /// Whether it is the root of its hierarchy, which has no limits and can't be frozen.
    pub fn is_root(&self) -> bool {
        match self.version {
            CgroupVersion::V2 => !self.path.join("cgroup.type").is_file(),
            CgroupVersion::V1 => self.path.join("cgroup.sane_behavior").is_file(),
        }
    }

    /// What a file of it holds, without the line feed.
    pub fn get(&self, file: &str) -> Result<String, CgroupError> {
        let path = self.path.join(file);
        let text = fs::read_to_string(&path).map_err(|error| CgroupError::io("read", &path, error))?;
        Ok(text.trim_end().to_owned())
    }

    /// Writes a file of it, in one call.
    pub fn set(&self, file: &str, value: &str) -> Result<(), CgroupError> {
        let path = self.path.join(file);
        write(&path, value).map_err(|error| CgroupError::io("write", &path, error))
    }

    /// Whether it has the file: a kernel, a controller or a version may lack it.
    pub fn has(&self, file: &str) -> bool {
        self.path.join(file).is_file()
    }

    /// The number after `key` in a file of lines such as `oom_kill 3`; `None` where there is no such line.
    pub fn keyed(&self, file: &str, key: &str) -> Result<Option<u64>, CgroupError> {
        let text = self.get(file)?;
        Ok(text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok()))
    }

    /// The file whose writer joins the group.
    pub fn procs(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    /// Its members, those of groups below it included.
    pub fn members(&self) -> Result<Vec<NonZeroU32>, CgroupError> {
        let (mut members, mut open) = (Vec::new(), vec![self.path.clone()]);
        while let Some(path) = open.pop() {
            let procs = path.join("cgroup.procs");
            match fs::read_to_string(&procs) {
                // 0 stands for a process that our pid namespace does not show.
                Ok(text) => members.extend(text.lines().filter_map(|line| line.parse::<NonZeroU32>().ok())),
                // Removed before it was opened, or while it was read.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound
                        || error.raw_os_error() == Some(Errno::NODEV.raw_os_error()) =>
                {
                    continue;
                }
                Err(error) => return Err(CgroupError::io("read", &procs, error)),
            }
            open.extend(below(&path)?);
        }
        Ok(members)
    }

    /// Whether all members are frozen.
    pub fn is_frozen(&self) -> Result<bool, CgroupError> {
        match self.version {
            CgroupVersion::V2 if self.has("cgroup.events") => Ok(self.keyed("cgroup.events", "frozen")? == Some(1)),
            CgroupVersion::V1 if self.has("freezer.state") => Ok(self.get("freezer.state")? == "FROZEN"),
            _ => Ok(false),
        }
    }

    /// Freezes all members, and waits until they are. Blocks.
    pub fn freeze(&self) -> Result<(), CgroupError> {
        self.hold(true)
    }

    /// Lets all members run, and waits until they can. Blocks.
    pub fn thaw(&self) -> Result<(), CgroupError> {
        self.hold(false)
    }

    fn hold(&self, frozen: bool) -> Result<(), CgroupError> {
        let (file, value) = match (self.version, frozen) {
            (CgroupVersion::V2, true) => ("cgroup.freeze", "1"),
            (CgroupVersion::V2, false) => ("cgroup.freeze", "0"),
            (CgroupVersion::V1, true) => ("freezer.state", "FROZEN"),
            (CgroupVersion::V1, false) => ("freezer.state", "THAWED"),
        };
        let until = Instant::now() + SETTLE;
        loop {
            // Version 1 may need more than one try while members are being started.
            self.set(file, value)?;
            if self.is_frozen()? == frozen {
                return Ok(());
            }
            if Instant::now() > until {
                let what = if frozen { "its members are not frozen" } else { "its members stay frozen" };
                return Err(self.late(what));
            }
            moment();
        }
    }

    fn late(&self, what: &str) -> CgroupError {
        let why = format!("{what} after {} s", SETTLE.as_secs());
        CgroupError::io("settle", &self.path, io::Error::other(why))
    }

    /// Kills all members, thawed first, and waits until they are gone; gives how many there were. Blocks.
    pub fn kill_all(&self) -> Result<usize, CgroupError> {
        let us = std::process::id();
        let until = Instant::now() + SETTLE;
        let mut killed = std::collections::BTreeSet::new();
        loop {
            let members = self.members()?;
            if members.is_empty() {
                return Ok(killed.len());
            }
            if members.iter().any(|pid| pid.get() == us) {
                return Err(CgroupError::io("kill the members of", &self.path, io::Error::other("we are one of them")));
            }
            if self.is_frozen()? {
                self.thaw()?;
            }
            for pid in members {
                killed.insert(pid);
                let held = PidFd::open(pid).map_err(|error| CgroupError::io("kill a member of", &self.path, error))?;
                // What is gone meanwhile counts as killed; a pid that is another process's by now is not a member's.
                if let Some(held) = held.filter(|_| self.has_member(pid)) {
                    let signalled = held.signal(Signal::KILL);
                    signalled.map_err(|error| CgroupError::io("kill a member of", &self.path, error))?;
                }
            }
            if Instant::now() > until {
                return Err(self.late("members are still there"));
            }
            moment();
        }
    }

    fn has_member(&self, pid: NonZeroU32) -> bool {
        self.members().is_ok_and(|members| members.contains(&pid))
    }

    /// Makes it, with those above it.
    pub(super) fn make(&self) -> Result<(), CgroupError> {
        let mut last = Ok(());
        // Another node of the run may remove an empty parent meanwhile.
        for _ in 0..8 {
            last = fs::create_dir_all(&self.path);
            match &last {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                _ => break,
            }
        }
        last.map_err(|error| CgroupError::io("make the group", &self.path, error))
    }

    /// Removes it and the groups below it, once they have no members; says whether it was there. Blocks.
    pub fn remove(&self) -> Result<bool, CgroupError> {
        let until = Instant::now() + SETTLE;
        loop {
            for path in below(&self.path)? {
                Self { path, version: self.version, inode: None }.remove()?;
            }
            match fs::remove_dir(&self.path) {
                Ok(()) => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                // The last member may not have been collected.
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < until => {
                    moment();
                }
                Err(error) => return Err(CgroupError::io("remove the group", &self.path, error)),
            }
        }
    }
}

/// The groups directly below.
fn below(path: &Path) -> Result<Vec<PathBuf>, CgroupError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(CgroupError::io("list", path, error)),
    };
    let folders = entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    Ok(folders.map(|entry| entry.path()).collect())
}

/// Writes in one call, to a file that is there.
fn write(path: &Path, value: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    file.write_all(value.as_bytes())
}
