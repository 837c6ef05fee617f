//! What only one fault at a time may hold, told apart by identity and not by name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::DirIdentity;

/// The identity of a resource: what another run would find to be the same thing, whatever it is called there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResourceId {
    /// A process.
    Process {
        /// Its pid.
        pid: u32,
        /// When it started, in clock ticks since boot: a later process of that pid has another one.
        start_time: u64,
        /// Inode of the pid namespace in which the pid counts.
        pid_namespace: u64,
    },
    /// A directory.
    Dir(DirIdentity),
    /// A link of a run.
    Link {
        /// Id of the run.
        run: String,
        /// Its name.
        name: String,
    },
    /// A node of a run.
    Node {
        /// Id of the run.
        run: String,
        /// Its name.
        name: String,
    },
    /// Anything else.
    Other {
        /// What it is, such as `tcp_listen`.
        of: String,
        /// Which one, in words that another run would choose too.
        identity: String,
    },
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, start_time, .. } => write!(f, "process:{pid}@{start_time}"),
            Self::Dir(DirIdentity { device, inode }) => write!(f, "dir:{device}:{inode}"),
            Self::Link { name, .. } => write!(f, "link:{name}"),
            Self::Node { name, .. } => write!(f, "node:{name}"),
            Self::Other { of, identity } => write!(f, "{of}:{identity}"),
        }
    }
}

/// Something that a fault holds alone, and what it is a part of.
///
/// Holding it excludes every other that overlaps: the same one, its parts, and what it is a part of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Resource {
    /// What is held.
    pub id: ResourceId,
    /// What it is a part of: the directories above a directory, the node of a process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub part_of: Vec<ResourceId>,
}

impl Resource {
    /// A resource that is a part of nothing.
    pub fn new(id: ResourceId) -> Self {
        Self { id, part_of: Vec::new() }
    }

    /// What it is, and all that it is a part of.
    pub fn ids(&self) -> impl Iterator<Item = &ResourceId> {
        std::iter::once(&self.id).chain(&self.part_of)
    }

    /// A process.
    pub fn process(pid: u32, start_time: u64, pid_namespace: u64) -> Self {
        Self::new(ResourceId::Process { pid, start_time, pid_namespace })
    }

    /// A directory, and the directories above it.
    pub fn dir(identity: DirIdentity, parents: impl IntoIterator<Item = DirIdentity>) -> Self {
        Self { id: ResourceId::Dir(identity), part_of: parents.into_iter().map(ResourceId::Dir).collect() }
    }

    /// A link of a run.
    pub fn link(run: impl Into<String>, name: impl Into<String>) -> Self {
        Self::new(ResourceId::Link { run: run.into(), name: name.into() })
    }

    /// A node of a run.
    pub fn node(run: impl Into<String>, name: impl Into<String>) -> Self {
        Self::new(ResourceId::Node { run: run.into(), name: name.into() })
    }

    /// Anything else: a kind, and which one, in words that another run would choose too.
    pub fn other(of: impl Into<String>, identity: impl fmt::Display) -> Self {
        Self::new(ResourceId::Other { of: of.into(), identity: identity.to_string() })
    }

    /// Adds what it is a part of.
    #[must_use]
    pub fn within(mut self, whole: ResourceId) -> Self {
        self.part_of.push(whole);
        self
    }

    /// Whether no two faults may hold both at the same time.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.id == other.id || self.part_of.contains(&other.id) || other.part_of.contains(&self.id)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(inode: u64, above: &[u64]) -> Resource {
        let identity = |inode| DirIdentity { device: 1, inode };
        Resource::dir(identity(inode), above.iter().map(|inode| identity(*inode)))
    }

    #[test]
    fn equal_ones_wholes_and_parts_overlap() {
        let in_db = || Resource::process(71, 9, 4).within(Resource::node("r", "db").id);
        let rows = [
            (Resource::process(71, 9, 4), Resource::process(71, 9, 4), true),
            (Resource::process(71, 9, 4), Resource::process(71, 10, 4), false),
            (Resource::process(71, 9, 4), Resource::process(71, 9, 5), false),
            (Resource::process(71, 9, 4), in_db(), true),
            (Resource::node("r", "db"), in_db(), true),
            (Resource::node("other", "db"), in_db(), false),
            (Resource::node("r", "db"), Resource::link("r", "db"), false),
            (dir(3, &[2, 1]), dir(3, &[2, 1]), true),
            (dir(3, &[2, 1]), dir(2, &[1]), true),
            (dir(3, &[2, 1]), dir(4, &[2, 1]), false),
            (Resource::other("tcp_listen", "a:1"), Resource::other("tcp_listen", "a:1"), true),
            (Resource::other("tcp_listen", "a:1"), Resource::other("udp_listen", "a:1"), false),
        ];
        for (a, b, want) in rows {
            assert_eq!((a.overlaps(&b), b.overlaps(&a)), (want, want), "{a:?} and {b:?}");
            let again: Resource = serde_json::from_value(serde_json::to_value(&a).unwrap()).unwrap();
            assert_eq!(again, a);
        }
    }
}
