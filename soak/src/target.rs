//! The nodes that events may act on.

use std::collections::{BTreeMap, BTreeSet};

use chaos_core::{DeclaredNode, HealthyNodes, NodeLabels, Nodes, has_labels};
use serde::{Deserialize, Serialize};

/// A node of the system under test, as far as a plan needs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SoakTarget {
    /// Its name.
    pub name: String,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: NodeLabels,
    /// Whether no fault may act on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
}

/// The nodes that a task declares.
pub fn soak_targets(nodes: &BTreeMap<String, DeclaredNode>) -> Vec<SoakTarget> {
    let target = |(name, node): (&String, &DeclaredNode)| {
        let keys = node.extra();
        SoakTarget { name: name.clone(), labels: keys.labels.clone(), protected: keys.protected }
    };
    nodes.iter().map(target).collect()
}

/// The nodes that a run has.
pub(crate) fn run_targets(nodes: &Nodes) -> Vec<SoakTarget> {
    let target = |(name, labels, protected)| SoakTarget { name, labels, protected };
    nodes.labels().into_iter().map(target).collect()
}

/// Whether enough nodes are left alone when events act on `busy`.
pub(crate) fn enough_left(all: &[SoakTarget], busy: &BTreeSet<&str>, rules: &[HealthyNodes]) -> bool {
    rules.iter().all(|rule| {
        let left =
            all.iter().filter(|one| has_labels(&one.labels, &rule.labels) && !busy.contains(one.name.as_str())).count();
        u32::try_from(left).unwrap_or(u32::MAX) >= rule.count
    })
}
