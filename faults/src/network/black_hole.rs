//! The fault that swallows what goes into links.

use chaos_core::{
    LinkAct, LinkFacet, LinkProtocol, LinkReading, LinkToxicKind, LinkWays, PluginError, RunContext, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::on_links::{self, Links, OnLinks, shows_cut, shows_nothing_back};
use super::target::LinkTarget;
use crate::shows::Shows;

/// Where a connection is swallowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum HoleKind {
    /// Handshakes of new connections are not answered; connections that are open go on.
    NoHandshake,
    /// Connections are accepted, and no byte passes; none is lost.
    #[default]
    Silence,
    /// The server's side is gone and the client is not told: what it sends is dropped.
    HalfOpen,
}

/// Swallows what goes into links, without an error that a client could see.
///
/// # What it does
/// With `silence`, connections are accepted and nothing passes; with `no_handshake` new ones get no answer; with `half_open` the
/// server's side is closed and the client's stays open. Nobody is told.
///
/// # What it surfaces
/// Clients without a timeout, pools that hand out dead connections, health checks that only connect.
///
/// # How it is undone
/// What waited goes through; a client whose server's side was closed is reset.
///
/// # Limits
/// Links only: nodes of type `link`. Datagrams have no connections: of the kinds, only `silence` works on a link of UDP. The check connects
/// as a client, or sends messages through a twin of the link, which has the same toxics.
///
/// # Example
/// ```yaml
/// type: black_hole
/// target: { link: to-db }
/// kind: silence
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlackHole {
    /// Which links.
    #[schemars(extend("x-author-only" = true))]
    pub target: LinkTarget,
    /// Where a connection is swallowed; default `silence`.
    #[serde(default)]
    pub kind: HoleKind,
}

impl BlackHole {
    fn toxic(&self) -> LinkToxicKind {
        match self.kind {
            HoleKind::NoHandshake => LinkToxicKind::NoHandshake,
            HoleKind::Silence => LinkToxicKind::Silence,
            HoleKind::HalfOpen => LinkToxicKind::HalfOpen,
        }
    }
}

impl OnLinks for BlackHole {
    fn links(&self, cx: &RunContext) -> Result<Links, PluginError> {
        self.target.resolve(cx)
    }

    fn words(&self) -> String {
        "swallow what goes into".to_owned()
    }

    fn act(&self, _protocol: LinkProtocol) -> Result<LinkAct, PluginError> {
        Ok(on_links::toxic(self.toxic(), LinkWays::Both))
    }

    async fn shows(&self, link: &dyn LinkFacet, reading: &LinkReading) -> Result<Shows, PluginError> {
        match self.kind {
            HoleKind::NoHandshake => shows_cut(link, reading).await,
            HoleKind::Silence | HoleKind::HalfOpen => shows_nothing_back(link, reading).await,
        }
    }
}

on_links::in_force_on_links!(BlackHole);

register_fault!(BlackHole, "black_hole");

#[cfg(test)]
mod tests;
