//! Groups of processes that runs have made.

use std::fs;
use std::path::{Path, PathBuf};

/// The groups of runs of that program, by its pid in their names: a run's id ends in it and a number.
pub(crate) fn groups_of(pid: u32) -> Vec<PathBuf> {
    fn below(folder: &Path, part: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("squall-") && name.contains(part) {
                found.push(entry.path());
            } else {
                below(&entry.path(), part, found);
            }
        }
    }
    let mut found = Vec::new();
    below(Path::new("/sys/fs/cgroup"), &format!("-{pid}-"), &mut found);
    found
}
