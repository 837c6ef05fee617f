//! The fault that resets the connections of links.

use chaos_core::{
    Evidence, Fault, InjectContext, Injection, LinkAct, LinkFacet, LinkProtocol, LinkReading, Outcome, Plan,
    PluginError, RunContext, Sighting, Span, Undo, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::on_links::{self, Links, OnLinks, readings};
use super::target::LinkTarget;
use crate::shows::Shows;

/// Resets the connections that links have, once: a firewall that forgets, a balancer that is replaced.
///
/// # What it does
/// Both sides of each open connection get a TCP reset. Connections that are made afterwards are left alone.
///
/// # What it surfaces
/// Requests that are not repeated, or repeated though they were done; pools that hand out what is closed.
///
/// # How it is undone
/// It needs no undo: what is reset stays reset, and clients connect anew.
///
/// # Limits
/// Links of TCP only. It is missed, and says so, where no connection is open.
///
/// # Example
/// ```yaml
/// type: reset_connections
/// target: { link: to-db }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetConnections {
    /// Which links.
    #[schemars(extend("x-author-only" = true))]
    pub target: LinkTarget,
}

impl OnLinks for ResetConnections {
    fn links(&self, cx: &RunContext) -> Result<Links, PluginError> {
        self.target.resolve(cx)
    }

    fn words(&self) -> String {
        "reset the connections of".to_owned()
    }

    fn act(&self, protocol: LinkProtocol) -> Result<LinkAct, PluginError> {
        match protocol {
            LinkProtocol::Tcp | LinkProtocol::Http => Ok(LinkAct::ResetConnections),
            LinkProtocol::Udp => Err(PluginError::refused("a link of UDP has no connections to be reset")),
        }
    }

    async fn shows(&self, _link: &dyn LinkFacet, _reading: &LinkReading) -> Result<Shows, PluginError> {
        Ok(Shows::No("nothing of it stays in force".to_owned()))
    }
}

fn resets(readings: &[LinkReading]) -> u64 {
    readings.iter().map(|reading| reading.resets).sum()
}

impl Fault for ResetConnections {
    const SPAN: Span = Span::Finite;

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        on_links::plan(self, cx).await
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let links = self.target.resolve(cx)?;
        let before = readings(&links).await?;
        on_links::perform(self, cx, undo).await?;
        let after = readings(&links).await?;
        let (open, reset) =
            (before.iter().map(|reading| reading.open).sum::<u64>(), resets(&after).saturating_sub(resets(&before)));
        let evidence = Evidence::new(format!("{open} connections were open, and {reset} were reset"));
        Ok(Injection::Finished(if reset > 0 {
            Outcome::landed(evidence)
        } else {
            Outcome::missed("no connection was open to be reset", evidence)
        }))
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        on_links::sighting(self, cx).await
    }
}

register_fault!(ResetConnections, "reset_connections");

#[cfg(test)]
mod tests;
