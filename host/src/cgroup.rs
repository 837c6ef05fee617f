//! Control groups by plain files: version 1, version 2, and both beside each other.
//!
//! | Module | Holds |
//! |---|---|
//! | `mounts` | which hierarchies there are, and the folder of a process in each |
//! | `dir` | [`CgroupDir`]: one folder of a group: its files, its members, freezing, killing, removing |
//! | `limits` | limits, usage and counters, under the names of either version |
//! | `membership` | the group that a process is in already |
//! | `own` | [`OwnGroup`]: a group that we make below our own, with everything it can limit |

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

mod dir;
mod limits;
mod membership;
mod mounts;
mod own;

pub use dir::CgroupDir;
pub use limits::{GroupLimit, SavedFile};
pub use membership::own_memory_room;
pub use own::{OwnGroup, RUN_PREFIX};

pub(crate) use mounts::{Hierarchies, Membership};

/// What a group can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Controller {
    /// Processor time.
    Cpu,
    /// Memory.
    Memory,
    /// Processes and threads.
    Pids,
    /// Stopping all members at once.
    Freezer,
}

impl Controller {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Memory, Self::Pids, Self::Freezer];

    /// Its name, in mounts and in `cgroup.controllers`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Freezer => "freezer",
        }
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The version of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CgroupVersion {
    /// One hierarchy for each controller.
    V1,
    /// One for all.
    V2,
}

impl fmt::Display for CgroupVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

/// Why something can't be done with a group. Each names what forbids it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CgroupError {
    /// No hierarchy has the controller.
    #[error("no cgroup hierarchy with the controller `{0}` is mounted")]
    NoController(Controller),
    /// Version 2 has it, and a group above does not hand it down.
    #[error("the controller `{controller}` is missing; `{}` would have to hold it", file.display())]
    NotHandedDown {
        /// The controller.
        controller: Controller,
        /// The file that would have to name it.
        file: PathBuf,
    },
    /// The group is one that has no limits, or that holds us too.
    #[error("the `{controller}` group `{}` {why}", path.display())]
    NotLimited {
        /// The controller.
        controller: Controller,
        /// The group.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// A file or folder.
    #[error("{doing} `{}`: {error}", path.display())]
    Io {
        /// What was done to it.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// Why it failed.
        error: io::Error,
    },
}

impl CgroupError {
    pub(crate) fn io(doing: &'static str, path: &Path, error: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), error }
    }
}
