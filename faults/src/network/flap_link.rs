//! The fault that takes links down and up again.

use chaos_core::{
    DurationText, LinkAct, LinkFacet, LinkProtocol, LinkReading, PluginError, RunContext, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::milliseconds;
use super::on_links::{self, Links, OnLinks};
use super::target::LinkTarget;
use crate::shows::Shows;

/// Takes links down and up again, as often as there is time.
///
/// # What it does
/// While a link is down, connections are refused, and those that were open are closed. After `down` it is up for `up`, and so
/// on, beginning with down.
///
/// # What it surfaces
/// Reconnects without back-off, members that are added twice, sessions that are never given up.
///
/// # How it is undone
/// The link is up and stays up.
///
/// # Limits
/// Links only: nodes of type `link`. The times are kept by the process of the link. The check counts how often that process has
/// taken it down.
///
/// # Example
/// ```yaml
/// type: flap_link
/// target: { link: to-db }
/// down: 300ms
/// up: 300ms
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlapLink {
    /// Which links.
    #[schemars(extend("x-author-only" = true))]
    pub target: LinkTarget,
    /// How long it is down each time, 1ms to 1h.
    pub down: DurationText,
    /// How long it is up each time, 1ms to 1h.
    pub up: DurationText,
}

impl OnLinks for FlapLink {
    fn links(&self, cx: &RunContext) -> Result<Links, PluginError> {
        self.target.resolve(cx)
    }

    fn words(&self) -> String {
        "take down and up again".to_owned()
    }

    fn act(&self, _protocol: LinkProtocol) -> Result<LinkAct, PluginError> {
        let (down_ms, up_ms) = (milliseconds("down", self.down)?, milliseconds("up", self.up)?);
        Ok(LinkAct::Flap { down_ms: down_ms.into(), up_ms: up_ms.into() })
    }

    async fn shows(&self, _link: &dyn LinkFacet, reading: &LinkReading) -> Result<Shows, PluginError> {
        Ok(match (reading.flapping, reading.downs) {
            (true, 1..) => Shows::Yes(format!("taken down {} times so far", reading.downs)),
            (true, 0) => Shows::Unknown("it has not been taken down yet".to_owned()),
            (false, _) if reading.up => Shows::No("it is up and stays up".to_owned()),
            (false, _) => Shows::Unknown("it is down and does not come up".to_owned()),
        })
    }
}

on_links::in_force_on_links!(FlapLink);

register_fault!(FlapLink, "flap_link");

#[cfg(test)]
mod tests;
