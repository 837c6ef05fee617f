//! The fault that cuts the links between two groups of nodes.

use chaos_core::{LinkAct, LinkFacet, LinkProtocol, LinkReading, Nodes, PluginError, RunContext, register_fault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::on_links::{self, Links, OnLinks, cut, shows_cut};
use super::target::Sides;
use crate::shows::Shows;

/// Cuts every link between two groups of nodes, both ways; within each group everything goes on.
///
/// # What it does
/// As `partition_pair`, for every link that joins a node of the one group with one of the other.
///
/// # What it surfaces
/// Two leaders, writes that both sides take and one side loses, a minority that answers as if it knew, groups that do not
/// find together again.
///
/// # How it is undone
/// The cuts are taken off, and open connections go on where they were.
///
/// # Limits
/// Only what goes through nodes of type `link` that say these nodes in `from` and `to`. No node may be in both groups, and none may be
/// without a link.
///
/// # Example
/// ```yaml
/// type: partition_subset
/// sides: { a: [n1, n2], b: [n3, n4, n5] }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitionSubset {
    /// The two groups.
    #[schemars(extend("x-author-only" = true))]
    pub sides: Sides,
}

impl OnLinks for PartitionSubset {
    fn links(&self, cx: &RunContext) -> Result<Links, PluginError> {
        self.sides.links(&cx.services().get::<Nodes>())
    }

    fn words(&self) -> String {
        "cut".to_owned()
    }

    fn act(&self, protocol: LinkProtocol) -> Result<LinkAct, PluginError> {
        Ok(cut(protocol))
    }

    async fn shows(&self, link: &dyn LinkFacet, reading: &LinkReading) -> Result<Shows, PluginError> {
        shows_cut(link, reading).await
    }
}

on_links::in_force_on_links!(PartitionSubset);

register_fault!(PartitionSubset, "partition_subset");

#[cfg(test)]
mod tests;
