//! What this machine can do, and which setting forbids what it can't. Everything is read, or tried in a way that leaves nothing.
//!
//! | Module | Holds |
//! |---|---|
//! | `fact` | [`Fact`]: whether it can do something |
//! | `groups` | control groups, by version and controller |
//! | `kernel` | pidfds, FUSE, nftables, netem |
//! | `rights` | root, capabilities, user namespaces |
//! | `userland` | the C library that takes a preload, container engines |

use std::fmt;

use serde::Serialize;

mod fact;
mod groups;
mod kernel;
mod rights;
mod userland;

pub use fact::Fact;

/// Something that a machine can do or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Pidfds, and a `/proc` of our own pid namespace.
    LinuxPidfd,
    /// Every right that the first user has.
    Root,
    /// Namespaces of a user's own.
    UserNamespaces,
    /// Limits of processor time.
    CgroupCpu,
    /// Limits of memory.
    CgroupMemory,
    /// Limits of the number of processes.
    CgroupPids,
    /// Stopping a group at once.
    CgroupFreezer,
    /// File systems in user space.
    Fuse,
    /// Packet filters.
    Nftables,
    /// Delay and loss of packets.
    Netem,
    /// Libraries that are loaded before a program's own.
    Preload,
    /// Docker or Podman.
    Containers,
}

impl Ability {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::LinuxPidfd,
        Self::Root,
        Self::UserNamespaces,
        Self::CgroupCpu,
        Self::CgroupMemory,
        Self::CgroupPids,
        Self::CgroupFreezer,
        Self::Fuse,
        Self::Nftables,
        Self::Netem,
        Self::Preload,
        Self::Containers,
    ];

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::LinuxPidfd => "pidfd and /proc",
            Self::Root => "root",
            Self::UserNamespaces => "user namespaces",
            Self::CgroupCpu => "cgroup cpu",
            Self::CgroupMemory => "cgroup memory",
            Self::CgroupPids => "cgroup pids",
            Self::CgroupFreezer => "cgroup freezer",
            Self::Fuse => "fuse",
            Self::Nftables => "nftables",
            Self::Netem => "netem",
            Self::Preload => "preload",
            Self::Containers => "containers",
        }
    }

    /// What this machine says of it.
    pub fn look(self) -> Fact {
        match self {
            Self::LinuxPidfd => kernel::pidfd(),
            Self::Root => rights::root(),
            Self::UserNamespaces => rights::user_namespaces(),
            Self::CgroupCpu => groups::controller("cpu"),
            Self::CgroupMemory => groups::controller("memory"),
            Self::CgroupPids => groups::controller("pids"),
            Self::CgroupFreezer => groups::controller("freezer"),
            Self::Fuse => kernel::fuse(),
            Self::Nftables => kernel::module("nf_tables", "nf_tables_newtable", "CONFIG_NF_TABLES"),
            Self::Netem => kernel::module("sch_netem", "netem_enqueue", "CONFIG_NET_SCH_NETEM"),
            Self::Preload => userland::preload(),
            Self::Containers => userland::containers(),
        }
    }
}

impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_missing_names_what_forbids_it() {
        for ability in Ability::ALL {
            let fact = ability.look();
            assert!(!fact.detail.is_empty(), "{ability}");
            assert_eq!(fact.has == Some(false), fact.setting.is_some(), "{ability}: {fact:?}");
        }
        assert_eq!(Ability::LinuxPidfd.look().has, Some(true));
    }
}
