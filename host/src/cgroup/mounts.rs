//! Which hierarchies there are, and the folder of a process in each.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{CgroupDir, CgroupVersion, Controller};
use crate::proc_file;
use crate::process::is_gone;
use crate::remembered::Remembered;

/// One mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    pub(crate) version: CgroupVersion,
    /// What the mount says that it holds; empty for version 2.
    controllers: Vec<String>,
    /// Where it is mounted.
    pub(crate) mount: PathBuf,
    /// Which group of the hierarchy is seen at the mount.
    root: PathBuf,
}

/// The hierarchies that are mounted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchies(Vec<Hierarchy>);

/// The groups of one process, as `/proc/PID/cgroup` names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership(Vec<(Vec<String>, PathBuf)>);

impl Hierarchies {
    /// Reads `/proc/self/mountinfo`, once a second at the most.
    pub(crate) fn here() -> io::Result<Arc<Self>> {
        static HERE: Remembered<Hierarchies> = Remembered::new();
        let read = || Ok(Arc::new(Self::read(&proc_file::read_text("/proc/self/mountinfo")?)));
        HERE.get(read, |_| true)
    }

    /// Reads mounts as proc(5) describes them; what is mounted twice counts where it was mounted last.
    fn read(mounts: &str) -> Self {
        let mut found: Vec<Hierarchy> = Vec::new();
        for line in mounts.lines() {
            let Some((fields, rest)) = line.split_once(" - ") else { continue };
            let fields: Vec<&str> = fields.split(' ').collect();
            let (Some(root), Some(mount)) = (fields.get(3), fields.get(4)) else { continue };
            let mut rest = rest.split(' ');
            let (version, options) = match (rest.next(), rest.nth(1)) {
                (Some("cgroup"), Some(options)) => (CgroupVersion::V1, options),
                (Some("cgroup2"), _) => (CgroupVersion::V2, ""),
                _ => continue,
            };
            let controllers: Vec<String> =
                options.split(',').filter(|word| !word.is_empty() && *word != "rw").map(str::to_owned).collect();
            found.retain(|one| (one.version, &one.controllers) != (version, &controllers));
            found.push(Hierarchy { version, controllers, mount: unescaped(mount), root: unescaped(root) });
        }
        Self(found)
    }

    /// The hierarchy of version 2, if there is one.
    pub(crate) fn unified(&self) -> Option<&Hierarchy> {
        self.0.iter().find(|one| one.version == CgroupVersion::V2)
    }

    /// The hierarchy of version 1 that holds the controller.
    pub(crate) fn split(&self, controller: Controller) -> Option<&Hierarchy> {
        self.0.iter().find(|one| one.version == CgroupVersion::V1 && one.holds(controller.name()))
    }
}

impl Hierarchy {
    fn holds(&self, controller: &str) -> bool {
        self.controllers.iter().any(|one| one == controller)
    }

    /// The folder of a member; `None` where it lies outside of what the mount shows.
    pub(crate) fn dir_of(&self, member: &Membership) -> Option<CgroupDir> {
        let path = member.0.iter().find_map(|(controllers, path)| {
            let same = match self.version {
                CgroupVersion::V2 => controllers.is_empty(),
                CgroupVersion::V1 => !controllers.is_empty() && controllers.iter().any(|one| self.holds(one)),
            };
            same.then_some(path)
        })?;
        let below = path.strip_prefix(&self.root).ok()?;
        if below.components().any(|part| part.as_os_str() == "..") {
            return None;
        }
        let joined = if below == Path::new("") { self.mount.clone() } else { self.mount.join(below) };
        Some(CgroupDir { path: joined, version: self.version, inode: None })
    }
}

impl Membership {
    /// Reads `/proc/PID/cgroup`; `None` when there is no process of that pid.
    pub(crate) fn of(pid: u32) -> io::Result<Option<Self>> {
        match proc_file::read_text(format!("/proc/{pid}/cgroup")) {
            Ok(text) => Ok(Some(Self::read(&text))),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads it as cgroups(7) describes it: `ID:CONTROLLERS:PATH`.
    fn read(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let controllers = controllers.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
            Some((controllers, PathBuf::from(path)))
        });
        Self(lines.collect())
    }
}

/// A path as mountinfo writes it: space, tab, line feed and backslash stand as octal numbers.
fn unescaped(path: &str) -> PathBuf {
    let pairs = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    PathBuf::from(pairs.iter().fold(path.to_owned(), |path, (from, to)| path.replace(from, to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 /docker/a /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        41 31 0:38 / /sys/fs/cgroup/uni\\040fied rw shared:9 - cgroup2 cgroup2 rw\n";
    const MEMBER: &str = "4:memory:/docker/a/x\n2:cpu,cpuacct:/\n1:name=systemd:/y\n0::/u.slice\n";

    #[test]
    fn hierarchies_of_both_versions_are_told_apart_and_members_found_in_them() {
        let (all, member) = (Hierarchies::read(HYBRID), Membership::read(MEMBER));
        let at = |one: &Hierarchy| one.dir_of(&member).unwrap().path.display().to_string();
        assert_eq!(at(all.split(Controller::Cpu).unwrap()), "/sys/fs/cgroup/cpu,cpuacct");
        assert_eq!(at(all.split(Controller::Memory).unwrap()), "/sys/fs/cgroup/memory/x");
        assert_eq!(at(all.unified().unwrap()), "/sys/fs/cgroup/uni fied/u.slice");
        assert_eq!(all.split(Controller::Pids), None);
        let outside = Membership::read("4:memory:/docker/b\n0::/../up\n");
        assert_eq!(all.split(Controller::Memory).unwrap().dir_of(&outside), None, "another container's");
        assert_eq!(all.unified().unwrap().dir_of(&outside), None, "above the namespace");
    }

    #[test]
    fn a_machine_with_version_two_alone_has_no_split_hierarchies() {
        let all = Hierarchies::read("30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
        assert!(all.split(Controller::Cpu).is_none() && all.unified().is_some());
    }
}
