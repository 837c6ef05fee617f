//! Cgroups, as their files show them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The files in which a fault sets a limit.
const LIMITS: [&str; 8] = [
    "cpu.max",
    "cpu.cfs_quota_us",
    "memory.max",
    "memory.high",
    "memory.limit_in_bytes",
    "pids.max",
    "freezer.state",
    "cgroup.freeze",
];

/// Whether such a file says that there is no limit.
fn is_free(text: &str) -> bool {
    // A limit of version 1 without an end is as many bytes as there are addresses, rounded to pages.
    let is_all_memory = text.parse::<u64>().is_ok_and(|bytes| bytes >> 60 != 0);
    text.starts_with("max") || matches!(text, "-1" | "THAWED" | "0" | "") || is_all_memory
}

/// The folders of the groups that this process is in, one in each hierarchy.
fn own() -> &'static [PathBuf] {
    static OWN: OnceLock<Vec<PathBuf>> = OnceLock::new();
    OWN.get_or_init(|| {
        let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let folders = text.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
            let mount = match controllers {
                "" if Path::new("/sys/fs/cgroup/unified").is_dir() => "/sys/fs/cgroup/unified".to_owned(),
                "" => "/sys/fs/cgroup".to_owned(),
                name => format!("/sys/fs/cgroup/{}", name.trim_start_matches("name=")),
            };
            Some(Path::new(&mount).join(path))
        });
        folders.filter(|folder| folder.join("cgroup.procs").exists()).collect()
    })
}

/// The folders of a run's groups: they are beside or below the group of who started it, and have its pid in their name.
pub(crate) fn of_run(pid: u32) -> Vec<PathBuf> {
    let part = format!("-{pid}-");
    let near = own().iter().flat_map(|folder| [Some(folder.as_path()), folder.parent()]).flatten();
    let children = near.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let is_of = |name: &str| name.starts_with("squall-") && name.contains(&part);
    let of = children.filter(|entry| entry.file_name().to_str().is_some_and(is_of));
    of.map(|entry| entry.path()).collect()
}

/// Whether a group directly below has a limit.
pub(crate) fn has_limited_child(folder: &Path) -> bool {
    fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| is_limited(&entry.path()))
}

fn is_limited(folder: &Path) -> bool {
    LIMITS.iter().any(|file| fs::read_to_string(folder.join(file)).is_ok_and(|text| !is_free(text.trim())))
}

/// A group of a victim alone, in each hierarchy where there can be one; gone when dropped.
#[derive(Debug)]
pub(crate) struct VictimGroup {
    pid: u32,
    folders: Vec<PathBuf>,
}

impl VictimGroup {
    /// Puts a victim into one; where nothing can be written it has no folder, and the program refuses the fault.
    pub(crate) fn of(pid: u32) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("campaign-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut group = Self { pid, folders: Vec::new() };
        for folder in own().iter().map(|folder| folder.join(&name)) {
            if fs::create_dir(&folder).is_err() {
                continue;
            }
            if fs::write(folder.join("cgroup.procs"), pid.to_string()).is_ok() {
                group.folders.push(folder);
            } else {
                let _ = fs::remove_dir(&folder);
            }
        }
        group
    }

    /// Those of these files that it has and we may write.
    #[cfg(test)]
    pub(crate) fn files(&self, names: &[&str]) -> Vec<PathBuf> {
        let files = self.folders.iter().flat_map(|folder| names.iter().map(move |name| folder.join(name)));
        files.filter(|file| fs::OpenOptions::new().write(true).open(file).is_ok()).collect()
    }

    /// Whether a limit is set on it.
    pub(crate) fn is_limited(&self) -> bool {
        self.folders.iter().any(|folder| is_limited(folder))
    }
}

impl Drop for VictimGroup {
    fn drop(&mut self) {
        for folder in &self.folders {
            // A victim that a finding has left frozen could not be killed.
            for (file, thawed) in [("freezer.state", "THAWED"), ("cgroup.freeze", "0")] {
                if folder.join(file).exists() {
                    let _ = fs::write(folder.join(file), thawed);
                }
            }
            if let Some(parent) = folder.parent() {
                let _ = fs::write(parent.join("cgroup.procs"), self.pid.to_string());
            }
            let _ = fs::remove_dir(folder);
        }
    }
}
