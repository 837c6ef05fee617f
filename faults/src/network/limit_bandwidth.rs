//! The fault that limits the rate of links.

use std::num::NonZeroU64;

use chaos_core::{
    LinkAct, LinkFacet, LinkProtocol, LinkReading, LinkToxicKind, LinkWays, PluginError, RunContext, Sounding,
    register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::on_links::{self, Links, OnLinks, passed};
use super::target::LinkTarget;
use crate::shows::Shows;

/// The check sends what should take a quarter of a second, within these bounds.
const SHARE_OF_SECOND: u64 = 4;
const LEAST: u64 = 256;
const MOST: u64 = 8 << 20;
/// A datagram of the check.
const DATAGRAM: u64 = 1200;

/// Limits the rate of links: a thin line.
///
/// # What it does
/// At most so many bytes a second pass on each of the `ways`; the rest waits, and a sender that goes on is held back as by a
/// slow receiver. Each link has the rate for itself, and each of its connections, too.
///
/// # What it surfaces
/// Buffers without a bound, bulk that starves heartbeats on the same connection, timeouts that count for large answers.
///
/// # How it is undone
/// The limit is taken off, and what waits goes out at once.
///
/// # Limits
/// Links only: nodes of type `link`. The rate counts for each connection. The check sends bytes of its own through a twin
/// of the link, which has the same toxics.
///
/// # Example
/// ```yaml
/// type: limit_bandwidth
/// target: { link: to-db }
/// bytes_per_second: 100000
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitBandwidth {
    /// Which links.
    #[schemars(extend("x-author-only" = true))]
    pub target: LinkTarget,
    /// Bytes in a second, in steps of 1,000.
    #[schemars(range(min = 1000))]
    pub bytes_per_second: NonZeroU64,
    /// The ways that are thin; default both.
    #[serde(default)]
    pub ways: LinkWays,
}

impl OnLinks for LimitBandwidth {
    fn links(&self, cx: &RunContext) -> Result<Links, PluginError> {
        self.target.resolve(cx)
    }

    fn words(&self) -> String {
        format!("let no more than {} bytes a second pass", self.bytes_per_second)
    }

    fn act(&self, _protocol: LinkProtocol) -> Result<LinkAct, PluginError> {
        let bytes_per_second = self.bytes_per_second.get();
        if bytes_per_second < 1000 {
            return Err(PluginError::refused(
                "`bytes_per_second` is less than 1000, the least that a link can be told",
            ));
        }
        Ok(on_links::toxic(LinkToxicKind::Bandwidth { bytes_per_second }, self.ways))
    }

    async fn shows(&self, link: &dyn LinkFacet, reading: &LinkReading) -> Result<Shows, PluginError> {
        let rate = self.bytes_per_second.get();
        let all = (rate / SHARE_OF_SECOND).clamp(LEAST, MOST);
        let (messages, bytes) = match link.ends().protocol {
            LinkProtocol::Tcp | LinkProtocol::Http => (1, all),
            LinkProtocol::Udp => (all.div_ceil(DATAGRAM).clamp(1, 1000), all.min(DATAGRAM)),
        };
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let expected_ms = messages.saturating_mul(bytes).saturating_mul(1000) / rate;
        let wait_ms = narrow(expected_ms.saturating_mul(4).saturating_add(3000));
        let sounded = link.sound(Sounding { messages: narrow(messages), bytes: narrow(bytes), wait_ms }).await?;
        if sounded.answered == 0 {
            return Ok(Shows::Unknown("nothing came back through its twin".to_owned()));
        }
        let (moved, time) = (u64::from(sounded.answered) * bytes, sounded.total_us / 1000);
        let words = format!("{moved} bytes there and back took {time} ms ({})", passed(reading));
        // Half of it, since the first piece may go at once.
        Ok(if time >= expected_ms / 2 { Shows::Yes(words) } else { Shows::Unknown(words) })
    }
}

on_links::in_force_on_links!(LimitBandwidth);

register_fault!(LimitBandwidth, "limit_bandwidth");

#[cfg(test)]
mod tests;
