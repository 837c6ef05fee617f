//! The fault that cuts the links between two nodes.

use chaos_core::{LinkAct, LinkFacet, LinkProtocol, LinkReading, Nodes, PluginError, RunContext, register_fault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::on_links::{self, Links, OnLinks, cut, shows_cut};
use super::target::Sides;
use crate::shows::Shows;

/// Cuts every link between two nodes, both ways.
///
/// # What it does
/// As in a network that is cut: new connections get no answer to their handshake, open ones hear nothing more and are not
/// told, datagrams are lost. Links to third nodes go on.
///
/// # What it surfaces
/// Views that differ, a leader that only some can see, routes around that nobody tries, members that come back as ghosts.
///
/// # How it is undone
/// The cut is taken off, and open connections go on where they were: TCP has lost nothing.
///
/// # Limits
/// Only what goes through nodes of type `link` that say these nodes in `from` and `to`. The check connects as a client, and sends
/// datagrams through a twin of the link, which has the same toxics.
///
/// # Example
/// ```yaml
/// type: partition_pair
/// a: n1
/// b: n2
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitionPair {
    /// The one node.
    #[schemars(extend("x-author-only" = true))]
    pub a: String,
    /// The other.
    #[schemars(extend("x-author-only" = true))]
    pub b: String,
}

impl OnLinks for PartitionPair {
    fn links(&self, cx: &RunContext) -> Result<Links, PluginError> {
        let sides = Sides { a: vec![self.a.clone()], b: vec![self.b.clone()] };
        sides.links(&cx.services().get::<Nodes>())
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

on_links::in_force_on_links!(PartitionPair);

register_fault!(PartitionPair, "partition_pair");

#[cfg(test)]
mod tests;
