//! Limits, usage and counters, under the names of either version.

use serde::{Deserialize, Serialize};

use super::{CgroupDir, CgroupError, CgroupVersion};

/// The period in which a quota of processor time counts; the kernel's own default.
const PERIOD_US: u64 = 100_000;

/// Values from here on mean "no limit" in version 1, which has no word for it: the largest page count, in bytes.
const UNLIMITED: u64 = 1 << 62;

/// A limit of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GroupLimit {
    /// Processors, as a share: 0.5 is half of one.
    Cpus(f64),
    /// Bytes of memory; swap counts in addition where it is counted at all, and gets no more than this.
    MemoryBytes(u64),
    /// Processes and threads.
    Pids(u64),
}

/// What a file of a group held before it was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// Its name.
    pub file: String,
    /// What it held.
    pub value: String,
}

impl CgroupDir {
    /// The files that a limit is written to, in the order in which a lower one is written; swap last, since it may not be
    /// below memory in version 1.
    fn files(&self, limit: GroupLimit) -> Vec<&'static str> {
        let names: &[&str] = match (limit, self.version) {
            (GroupLimit::Cpus(_), CgroupVersion::V1) => &["cpu.cfs_quota_us"],
            (GroupLimit::Cpus(_), CgroupVersion::V2) => &["cpu.max"],
            (GroupLimit::MemoryBytes(_), CgroupVersion::V1) => {
                &["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
            }
            (GroupLimit::MemoryBytes(_), CgroupVersion::V2) => &["memory.swap.max", "memory.max"],
            (GroupLimit::Pids(_), _) => &["pids.max"],
        };
        // Swap is not counted everywhere; without the file of the limit itself, writing it says why.
        let is_swap = |name: &str| name.contains("swap") || name.contains("memsw");
        names.iter().copied().filter(|name| !is_swap(name) || self.has(name)).collect()
    }

    /// What these files hold now.
    pub fn saved(&self, limit: GroupLimit) -> Result<Vec<SavedFile>, CgroupError> {
        let saved = |name: &str| Ok(SavedFile { file: name.to_owned(), value: self.get(name)? });
        self.files(limit).into_iter().map(saved).collect()
    }

    /// Sets the limit, and no lower one than there is for what the limit is not about.
    pub fn limit(&self, limit: GroupLimit) -> Result<(), CgroupError> {
        for file in self.files(limit) {
            let value = match (limit, self.version) {
                (GroupLimit::Cpus(cpus), CgroupVersion::V1) => {
                    quota(cpus, self.get("cpu.cfs_period_us")?.parse().unwrap_or(PERIOD_US)).to_string()
                }
                (GroupLimit::Cpus(cpus), CgroupVersion::V2) => format!("{} {PERIOD_US}", quota(cpus, PERIOD_US)),
                (GroupLimit::MemoryBytes(_), CgroupVersion::V2) if file == "memory.swap.max" => "0".to_owned(),
                (GroupLimit::MemoryBytes(number) | GroupLimit::Pids(number), _) => number.to_string(),
            };
            self.set(file, &value)?;
        }
        Ok(())
    }

    /// Puts files back to what they held; says whether one held anything else.
    pub fn restore(&self, saved: &[SavedFile]) -> Result<bool, CgroupError> {
        let mut changed = false;
        // Back in the opposite order: what was lowered last is raised first.
        for SavedFile { file, value } in saved.iter().rev() {
            if self.get(file)? != *value {
                self.set(file, value)?;
                changed = true;
            }
        }
        Ok(changed)
    }

    /// How many processors its members may use; `None` for as many as there are.
    pub fn cpus(&self) -> Result<Option<f64>, CgroupError> {
        let (quota, period) = match self.version {
            CgroupVersion::V1 => (self.get("cpu.cfs_quota_us")?, self.get("cpu.cfs_period_us")?),
            CgroupVersion::V2 => {
                let text = self.get("cpu.max")?;
                let (quota, period) = text.split_once(' ').unwrap_or((&text, ""));
                (quota.to_owned(), period.to_owned())
            }
        };
        let number = |text: &str| text.trim().parse::<u32>().ok().map(f64::from);
        // -1 and `max` are no numbers of this kind.
        Ok(number(&quota).zip(number(&period)).map(|(quota, period)| quota / period.max(1.0)))
    }

    /// How often its members were kept from the processor.
    pub fn throttled(&self) -> Result<u64, CgroupError> {
        Ok(self.keyed("cpu.stat", "nr_throttled")?.unwrap_or_default())
    }

    /// Its limit of memory in bytes; `None` without one.
    pub fn memory_limit(&self) -> Result<Option<u64>, CgroupError> {
        let file = if self.version == CgroupVersion::V1 { "memory.limit_in_bytes" } else { "memory.max" };
        Ok(self.get(file)?.parse().ok().filter(|bytes| *bytes < UNLIMITED))
    }

    /// The bytes of memory that it uses, caches included.
    pub fn memory_used(&self) -> Result<u64, CgroupError> {
        let file = if self.version == CgroupVersion::V1 { "memory.usage_in_bytes" } else { "memory.current" };
        Ok(self.get(file)?.parse().unwrap_or_default())
    }

    /// How many of its members the kernel has killed for want of memory.
    pub fn oom_kills(&self) -> Result<u64, CgroupError> {
        let file = if self.version == CgroupVersion::V1 { "memory.oom_control" } else { "memory.events" };
        Ok(self.keyed(file, "oom_kill")?.unwrap_or_default())
    }

    /// Whether somebody has switched off that the kernel kills members for want of memory; they wait instead.
    pub fn oom_waits(&self) -> Result<bool, CgroupError> {
        let v1 = self.version == CgroupVersion::V1;
        Ok(v1 && self.keyed("memory.oom_control", "oom_kill_disable")? == Some(1))
    }

    /// Its limit of processes and threads; `None` without one.
    pub fn pids_limit(&self) -> Result<Option<u64>, CgroupError> {
        Ok(self.get("pids.max")?.parse().ok())
    }

    /// How many processes and threads it has.
    pub fn pids_used(&self) -> Result<u64, CgroupError> {
        Ok(self.get("pids.current")?.parse().unwrap_or_default())
    }

    /// How many it was refused.
    pub fn pids_refused(&self) -> Result<u64, CgroupError> {
        Ok(self.keyed("pids.events", "max")?.unwrap_or_default())
    }
}

/// Microseconds in a period; the kernel takes no fewer than 1,000.
fn quota(cpus: f64, period: u64) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "a period is at most a second")]
    let quota = (cpus * period as f64).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float beyond the range is cut to it"
    )]
    let quota = quota as u64;
    quota.max(1_000)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder with the files of a group, since no machine has both versions of every controller.
    fn group(version: CgroupVersion, files: &[(&str, &str)]) -> (tempfile::TempDir, CgroupDir) {
        let temp = tempfile::tempdir().unwrap();
        for (file, text) in files {
            fs::write(temp.path().join(file), text).unwrap();
        }
        let dir = CgroupDir { path: temp.path().to_owned(), version, inode: None };
        (temp, dir)
    }

    #[test]
    fn version_two_is_read_and_written_by_its_own_names() {
        let files = [
            ("cpu.max", "max 100000\n"),
            ("cpu.stat", "usage_usec 1\nnr_periods 9\nnr_throttled 4\n"),
            ("memory.max", "max\n"),
            ("memory.swap.max", "max\n"),
            ("memory.current", "8192\n"),
            ("memory.events", "low 0\noom 2\noom_kill 1\noom_group_kill 0\n"),
            ("pids.max", "max\n"),
            ("pids.current", "3\n"),
            ("pids.events", "max 7\n"),
        ];
        let (_temp, dir) = group(CgroupVersion::V2, &files);
        assert_eq!((dir.cpus().unwrap(), dir.throttled().unwrap()), (None, 4));
        assert_eq!(
            (dir.memory_limit().unwrap(), dir.memory_used().unwrap(), dir.oom_kills().unwrap()),
            (None, 8192, 1)
        );
        assert_eq!((dir.pids_limit().unwrap(), dir.pids_used().unwrap(), dir.pids_refused().unwrap()), (None, 3, 7));
        assert!(!dir.oom_waits().unwrap());
        for (limit, file, written) in [
            (GroupLimit::Cpus(0.2), "cpu.max", "20000 100000"),
            (GroupLimit::MemoryBytes(4096), "memory.max", "4096"),
            (GroupLimit::MemoryBytes(4096), "memory.swap.max", "0"),
            (GroupLimit::Pids(5), "pids.max", "5"),
        ] {
            let before = fs::read_to_string(dir.path.join(file)).unwrap();
            let saved = dir.saved(limit).unwrap();
            // A real file is replaced by each write, this one only as far as the text goes.
            fs::write(dir.path.join(file), "").unwrap();
            dir.limit(limit).unwrap();
            assert!(dir.get(file).unwrap().starts_with(written), "{file}");
            for one in &saved {
                fs::write(dir.path.join(&one.file), "").unwrap();
            }
            assert!(dir.restore(&saved).unwrap() && !dir.restore(&saved).unwrap(), "{file}");
            assert_eq!(dir.get(file).unwrap(), before.trim_end(), "{file}");
        }
    }

    #[test]
    fn version_one_is_read_by_its_own_names_and_its_largest_number_is_no_limit() {
        let files = [
            ("cpu.cfs_quota_us", "50000\n"),
            ("cpu.cfs_period_us", "200000\n"),
            ("memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory.usage_in_bytes", "4096\n"),
            ("memory.oom_control", "oom_kill_disable 1\nunder_oom 0\noom_kill 2\n"),
        ];
        let (_temp, dir) = group(CgroupVersion::V1, &files);
        assert_eq!((dir.cpus().unwrap(), dir.memory_limit().unwrap()), (Some(0.25), None));
        assert!(dir.oom_waits().unwrap() && dir.oom_kills().unwrap() == 2);
        let saved = dir.saved(GroupLimit::MemoryBytes(1)).unwrap();
        assert_eq!(saved.len(), 1, "swap is not counted here");
        assert_eq!((quota(0.2, 200_000), quota(0.0001, 100_000), quota(1e300, 100_000)), (40_000, 1_000, u64::MAX));
    }
}
