//! The fault that delays what passes links.

use chaos_core::{
    DurationText, LinkAct, LinkFacet, LinkProtocol, LinkReading, LinkToxicKind, LinkWays, PluginError, RunContext,
    Sounding, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::milliseconds;
use super::on_links::{self, Links, OnLinks, passed};
use super::target::LinkTarget;
use crate::shows::Shows;

/// Delays what passes links: a slow network.
///
/// # What it does
/// Each piece of a stream, and each datagram, comes out `latency` later on each of the `ways`, by up to `jitter` more or less.
/// Nothing is lost, nothing is overtaken. Connections that are open stay open.
///
/// # What it surfaces
/// Timeouts that are too tight, calls in a row that should be one, pools that run dry, retries that make it worse.
///
/// # How it is undone
/// The delay is taken off, and what waits goes out at once.
///
/// # Limits
/// Links only: nodes of type `link`. Handshakes are not delayed, since the link answers them itself. The check sends bytes of
/// its own through a twin of the link, which has the same toxics.
///
/// # Example
/// ```yaml
/// type: slow_link
/// target: { link: to-db }
/// latency: 50ms
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowLink {
    /// Which links.
    #[schemars(extend("x-author-only" = true))]
    pub target: LinkTarget,
    /// The delay on each way, 1ms to 1h.
    pub latency: DurationText,
    /// By how much it may be more or less, drawn by the seed for each piece; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<DurationText>,
    /// The ways that are slow; default both, so that an answer comes twice the latency later.
    #[serde(default)]
    pub ways: LinkWays,
}

impl SlowLink {
    fn times(&self) -> Result<(u32, u32), PluginError> {
        let latency = milliseconds("latency", self.latency)?;
        let jitter = self.jitter.map_or(Ok(0), |jitter| milliseconds("jitter", jitter))?;
        if jitter > latency {
            return Err(PluginError::refused("`jitter` is more than `latency`: nothing can come before it was sent"));
        }
        Ok((latency, jitter))
    }
}

impl OnLinks for SlowLink {
    fn links(&self, cx: &RunContext) -> Result<Links, PluginError> {
        self.target.resolve(cx)
    }

    fn words(&self) -> String {
        format!("delay by {} what passes", self.latency)
    }

    fn act(&self, _protocol: LinkProtocol) -> Result<LinkAct, PluginError> {
        let (latency_ms, jitter_ms) = self.times()?;
        Ok(on_links::toxic(LinkToxicKind::Latency { latency_ms, jitter_ms }, self.ways))
    }

    async fn shows(&self, link: &dyn LinkFacet, reading: &LinkReading) -> Result<Shows, PluginError> {
        let (latency, jitter) = self.times()?;
        let ways = on_links::count(self.ways);
        let (least, most) = ((latency - jitter).saturating_mul(ways), (latency + jitter).saturating_mul(ways));
        let sounded = link.sound(Sounding { messages: 1, bytes: 8, wait_ms: most.saturating_add(5000) }).await?;
        let Some(time) = sounded.round_trips_us.first() else {
            return Ok(Shows::Unknown("a message through its twin did not come back".to_owned()));
        };
        #[expect(clippy::cast_precision_loss, reason = "a time in words")]
        let words = format!("there and back took {:.1} ms ({})", *time as f64 / 1e3, passed(reading));
        Ok(if *time >= u64::from(least) * 1000 { Shows::Yes(words) } else { Shows::Unknown(words) })
    }
}

on_links::in_force_on_links!(SlowLink);

register_fault!(SlowLink, "slow_link");

#[cfg(test)]
mod tests;
