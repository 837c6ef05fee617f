//! How a document is loaded.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::PathBuf;

/// What a document is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KindHint {
    /// A mapping with `chaos_spec` is a task, one with `trigger` or `action` an entry, one with `goal` and `target` an
    /// experiment.
    #[default]
    Auto,
    /// A task.
    Task,
    /// An entry.
    Entry,
    /// An experiment.
    Experiment,
    /// An operator's policy.
    Policy,
}

/// What becomes of a placeholder that no variable fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placeholders {
    /// It is an error.
    #[default]
    Filled,
    /// It may stand wherever the published schema lets one stand; the document is checked, and not read.
    Allowed,
}

/// Where the nodes of a document get their folders and ports from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodePool {
    /// The folder in which each node has one of its own.
    pub folder: PathBuf,
    /// Free ports, given out in the order of the document.
    pub ports: Vec<NonZeroU16>,
}

/// How a document is loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// What it is taken for.
    pub kind: KindHint,
    /// Values of placeholders, by name; [reserved](crate::is_reserved) names are refused.
    pub vars: BTreeMap<String, String>,
    /// What becomes of a placeholder that no variable fills.
    pub placeholders: Placeholders,
    /// Folders and ports of nodes; without it they are pretended, which is enough to check a document.
    pub nodes: Option<NodePool>,
}

impl LoadOptions {
    /// Options for a document of that kind.
    pub fn of(kind: KindHint) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Adds the value of a placeholder.
    #[must_use]
    pub fn var(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.vars.insert(name.into(), value.into());
        self
    }
}
