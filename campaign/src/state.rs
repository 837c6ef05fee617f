//! What a folder holds, so that a change shows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file below `squall` in a place, with its size.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct State(BTreeMap<PathBuf, u64>);

impl State {
    /// What is there now.
    pub(crate) fn of(place: &Path) -> Self {
        let mut files = BTreeMap::new();
        look(&place.join("squall"), &mut files);
        Self(files)
    }

    /// What differs from another one.
    pub(crate) fn beside(&self, other: &Self) -> String {
        let only = |one: &Self, other: &Self| {
            let paths = one.0.iter().filter(|(path, size)| other.0.get(*path) != Some(size));
            paths.map(|(path, size)| format!("{} ({size})", path.display())).collect::<Vec<_>>().join(", ")
        };
        format!("before: [{}], after: [{}]", only(other, self), only(self, other))
    }
}

fn look(folder: &Path, files: &mut BTreeMap<PathBuf, u64>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.metadata() {
            Ok(meta) if meta.is_dir() => {
                look(&path, files);
                files.insert(path, 0);
            }
            Ok(meta) => {
                files.insert(path, meta.len());
            }
            Err(_) => {}
        }
    }
}
