//! The fault that gives the flows of links other source ports.

use chaos_core::{
    Evidence, Fault, FlowSocket, InjectContext, Injection, LinkAct, LinkFacet, LinkProtocol, LinkReading, Outcome,
    Plan, PluginError, RunContext, Sighting, Span, Undo, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::on_links::{self, Links, OnLinks};
use super::target::LinkTarget;
use crate::shows::Shows;

/// Gives the flows of UDP links other source ports, once: a NAT router that has lost its table.
///
/// # What it does
/// Each client's flow goes on from a new port, so the server sees another peer, and what it sends to the old port is lost. The client
/// notices nothing. What toxics hold back goes out from the new port.
///
/// # What it surfaces
/// Sessions that are known by address and port in place of an identifier, members that count as new, QUIC peers that do
/// not follow a path that moves.
///
/// # How it is undone
/// It needs no undo: the flows stay on their new ports.
///
/// # Limits
/// Links of UDP only: a TCP connection can't move. It is missed, and says so, where no client has a flow. The check reads the sockets
/// of the flows from the kernel's table.
///
/// # Example
/// ```yaml
/// type: nat_shift
/// target: { link: to-peer }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NatShift {
    /// Which links.
    #[schemars(extend("x-author-only" = true))]
    pub target: LinkTarget,
}

impl OnLinks for NatShift {
    fn links(&self, cx: &RunContext) -> Result<Links, PluginError> {
        self.target.resolve(cx)
    }

    fn words(&self) -> String {
        "give other source ports to the flows of".to_owned()
    }

    fn act(&self, protocol: LinkProtocol) -> Result<LinkAct, PluginError> {
        match protocol {
            LinkProtocol::Udp => Ok(LinkAct::ShiftPorts),
            LinkProtocol::Tcp | LinkProtocol::Http => {
                Err(PluginError::refused("a connection of TCP can't go on from another port; only links of UDP can"))
            }
        }
    }

    async fn shows(&self, _link: &dyn LinkFacet, _reading: &LinkReading) -> Result<Shows, PluginError> {
        Ok(Shows::No("nothing of it stays in force".to_owned()))
    }
}

/// The flows of a link: how often they have moved, as it says itself, and the kernel's sockets.
struct Flows {
    shifts: u64,
    sockets: Vec<FlowSocket>,
}

async fn flows(links: &Links) -> Result<Vec<Flows>, PluginError> {
    let mut all = Vec::new();
    for member in links {
        let link = member.link_facet()?;
        all.push(Flows { shifts: link.read().await?.shifts, sockets: link.flow_sockets().await? });
    }
    Ok(all)
}

/// What the kernel's sockets and the links' own counts say together. A port that one flow has left may be given to another one, so it is
/// the socket that must be another.
fn outcome(before: &[Flows], after: &[Flows]) -> Outcome {
    let shifted = |all: &[Flows]| all.iter().map(|flows| flows.shifts).sum::<u64>();
    let moved = shifted(after).saturating_sub(shifted(before));
    let sockets = |all: &[Flows]| all.iter().flat_map(|flows| flows.sockets.clone()).collect::<Vec<_>>();
    let ports = |sockets: &[FlowSocket]| sockets.iter().map(|socket| socket.port).collect::<Vec<_>>();
    let (old, now) = (sockets(before), sockets(after));
    let (same, new): (Vec<_>, Vec<_>) = now.into_iter().partition(|socket| old.contains(socket));
    let stayed = same.len();
    let evidence = Evidence::new(format!(
        "{} flows sent from ports {:?}; {moved} have moved, and send from ports {:?} now",
        old.len(),
        ports(&old),
        ports(&new)
    ));
    if old.is_empty() {
        return Outcome::missed("no client had a flow", evidence);
    }
    if stayed > 0 {
        return Outcome::missed(format!("{stayed} flows have kept their ports"), evidence);
    }
    if moved == 0 || new.is_empty() {
        return Outcome::missed("no flow has moved", evidence);
    }
    Outcome::landed(evidence)
}

impl Fault for NatShift {
    const SPAN: Span = Span::Finite;

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        on_links::plan(self, cx).await
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let links = self.target.resolve(cx)?;
        let before = flows(&links).await?;
        on_links::perform(self, cx, undo).await?;
        Ok(Injection::Finished(outcome(&before, &flows(&links).await?)))
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        on_links::sighting(self, cx).await
    }
}

register_fault!(NatShift, "nat_shift");

#[cfg(test)]
mod tests;
