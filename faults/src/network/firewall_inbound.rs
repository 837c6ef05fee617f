//! The fault that lets nothing into a node, and what the node sends out.

use chaos_core::{
    LinkAct, LinkFacet, LinkProtocol, LinkReading, LinkToxic, LinkToxicKind, LinkWays, Nodes, PluginError, RunContext,
    Sounding, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::on_links::{self, Links, OnLinks, cut, shows_cut};
use crate::shows::Shows;

/// Drops what others send to a node, while the node itself reaches everybody: a firewall with one rule too many.
///
/// # What it does
/// Every link whose `to` is the node drops what goes to it: datagrams are lost, handshakes get no answer, and connections that
/// are open hear nothing more. Nobody is told. Links whose `from` is the node go on.
///
/// # What it surfaces
/// Members that speak and cannot be reached: they are called dead and say that they live, are elected and serve nobody, or keep others
/// from an election without end.
///
/// # How it is undone
/// The links let everything in again, and open connections go on where they were.
///
/// # Limits
/// Only what goes through nodes of type `link` that say the node in `to`. A connection that the node has opened is answered, as
/// firewalls that keep state do it. The check connects as a client and sends datagrams through a twin of each link, and sends a message
/// through the twin of a link from the node, if there is one.
///
/// # Example
/// ```yaml
/// type: firewall_inbound
/// node: n4
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirewallInbound {
    /// The node, as links say it in `to`.
    #[schemars(extend("x-author-only" = true))]
    pub node: String,
}

impl FirewallInbound {
    /// The links that leave the node.
    fn outbound(&self, cx: &RunContext) -> Links {
        let all = cx.services().get::<Nodes>().all();
        let leaves = |link: &dyn LinkFacet| link.ends().from == Some(self.node.as_str());
        all.into_iter().map(|(_, _, member)| member).filter(|member| member.link().is_some_and(leaves)).collect()
    }

    /// What the links that leave the node show: one that lets a message through.
    async fn reaches(&self, cx: &RunContext) -> Shows {
        let (outbound, mut why) = (self.outbound(cx), Vec::new());
        for member in &outbound {
            let Some(link) = member.link() else { continue };
            match link.sound(Sounding { messages: 1, bytes: 8, wait_ms: 1000 }).await {
                Ok(sounded) if sounded.answered > 0 => {
                    return Shows::Yes(format!("{} lets a message of `{}` through", member.label(), self.node));
                }
                Ok(_) => why.push(format!("{} lets nothing through", member.label())),
                Err(error) => why.push(format!("{}: {error}", member.label())),
            }
        }
        if outbound.is_empty() {
            return Shows::Yes(format!("no link is from `{}`", self.node));
        }
        Shows::Unknown(format!("`{}` does not reach anybody either: {}", self.node, why.join(", ")))
    }
}

impl OnLinks for FirewallInbound {
    fn links(&self, cx: &RunContext) -> Result<Links, PluginError> {
        let (mut inbound, mut reached) = (Vec::new(), Vec::new());
        for (name, protected, member) in cx.services().get::<Nodes>().all() {
            let Some(to) = member.link().and_then(|link| link.ends().to.map(str::to_owned)) else { continue };
            if to != self.node {
                reached.push(to);
                continue;
            }
            if protected {
                let why = format!("link `{name}` goes to `{to}` and is protected, so no fault may act on it");
                return Err(PluginError::refused(why));
            }
            inbound.push(member);
        }
        if inbound.is_empty() {
            reached.sort_unstable();
            reached.dedup();
            let known = if reached.is_empty() { "no node".to_owned() } else { reached.join(", ") };
            return Err(PluginError::refused(format!("no link says `to: {}`; links go to {known}", self.node)));
        }
        Ok(inbound)
    }

    fn words(&self) -> String {
        format!("drop what goes to `{}` through", self.node)
    }

    fn act(&self, protocol: LinkProtocol) -> Result<LinkAct, PluginError> {
        Ok(match protocol {
            LinkProtocol::Udp => {
                let kind = LinkToxicKind::Loss { share: 1.0, every: 0 };
                LinkAct::Toxics(vec![LinkToxic { kind, ways: LinkWays::Upstream }])
            }
            // Without its acknowledgements the other way stops, too.
            LinkProtocol::Tcp | LinkProtocol::Http => cut(protocol),
        })
    }

    async fn shows(&self, link: &dyn LinkFacet, reading: &LinkReading) -> Result<Shows, PluginError> {
        shows_cut(link, reading).await
    }

    async fn besides(&self, cx: &RunContext) -> Option<Shows> {
        Some(self.reaches(cx).await)
    }
}

on_links::in_force_on_links!(FirewallInbound);

register_fault!(FirewallInbound, "firewall_inbound");

#[cfg(test)]
mod tests;
