//! The fault that loses some of what passes links.

use std::borrow::Cow;
use std::num::NonZeroU32;

use chaos_core::schemars::{Schema, SchemaGenerator};
use chaos_core::{
    LinkAct, LinkFacet, LinkProtocol, LinkReading, LinkToxicKind, LinkWays, PluginError, Portion, RunContext, Sounding,
    exactly_one_of, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::on_links::{self, Links, OnLinks, passed};
use super::target::LinkTarget;
use crate::shows::Shows;

/// The stall of a lost piece of a stream, in microseconds, less what a clock may be off.
const STALL_US: u64 = 190_000;

/// How many losses the check waits for.
const LOSSES: f64 = 8.0;

/// A loss on links.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "LossKeys", into = "LossKeys")]
pub struct LossyLink {
    /// Which links.
    pub target: LinkTarget,
    /// Which pieces are lost.
    pub lost: LostPieces,
    /// On which ways.
    pub ways: LinkWays,
}

/// Which pieces are lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LostPieces {
    /// A share, drawn by the seed.
    Share(Portion),
    /// Every so manieth.
    Every(NonZeroU32),
}

/// Loses some of what passes links: a bad cable, a full queue.
///
/// # What it does
/// Datagrams are lost, by a `share` that the seed draws, or `every` so manieth. A TCP stream loses nothing in a real network
/// either, and stalls instead: a piece that is lost comes 200 ms later, twice that when it is lost again, and all behind it waits.
///
/// # What it surfaces
/// Protocols without retransmission, retransmission without back-off, members that are called dead for one lost heartbeat.
///
/// # How it is undone
/// The loss is taken off; pieces that stall go out at once.
///
/// # Limits
/// Links only: nodes of type `link`. Handshakes of TCP are not lost. The check sends messages of its own through a twin of the link, which
/// has the same toxics; a share so small that 1,000 messages need not show it is believed by what the link says that it does.
///
/// # Example
/// ```yaml
/// type: lossy_link
/// target: { between: { a: [n1], b: [n2] } }
/// share: 0.3
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LossKeys {
    /// Which links.
    #[schemars(extend("x-author-only" = true))]
    target: LinkTarget,
    /// The share that is lost on each way, above 0 and up to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Portion")]
    share: Option<Portion>,
    /// In place of a share: every so manieth piece is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NonZeroU32", range(max = 4_294_967_295_u32))]
    every: Option<NonZeroU32>,
    /// The ways on which they are lost; default both.
    #[serde(default)]
    ways: LinkWays,
}

/// A loss that is told in no way, or in two.
#[derive(Debug, thiserror::Error)]
#[error("expected exactly one of `share`, `every`")]
struct LossKeysError;

impl TryFrom<LossKeys> for LossyLink {
    type Error = LossKeysError;

    fn try_from(keys: LossKeys) -> Result<Self, LossKeysError> {
        let lost = match (keys.share, keys.every) {
            (Some(share), None) => LostPieces::Share(share),
            (None, Some(every)) => LostPieces::Every(every),
            _ => return Err(LossKeysError),
        };
        Ok(Self { target: keys.target, lost, ways: keys.ways })
    }
}

impl From<LossyLink> for LossKeys {
    fn from(LossyLink { target, lost, ways }: LossyLink) -> Self {
        match lost {
            LostPieces::Share(share) => Self { target, share: Some(share), every: None, ways },
            LostPieces::Every(every) => Self { target, share: None, every: Some(every), ways },
        }
    }
}

impl JsonSchema for LossyLink {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "LossyLink".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = LossKeys::json_schema(generator);
        exactly_one_of(&mut schema, &["share", "every"]);
        schema
    }
}

impl LossyLink {
    /// The share of messages that do not get there and back unharmed.
    fn expected(&self) -> f64 {
        let share = match self.lost {
            LostPieces::Share(share) => share.get(),
            LostPieces::Every(every) => 1.0 / f64::from(every.get()),
        };
        1.0 - (1.0 - share).powi(on_links::count(self.ways).cast_signed())
    }
}

impl OnLinks for LossyLink {
    fn links(&self, cx: &RunContext) -> Result<Links, PluginError> {
        self.target.resolve(cx)
    }

    fn words(&self) -> String {
        match self.lost {
            LostPieces::Share(share) => format!("lose {} % of what passes", share.get() * 100.0),
            LostPieces::Every(every) => format!("lose every piece of {every} of what passes"),
        }
    }

    fn act(&self, _protocol: LinkProtocol) -> Result<LinkAct, PluginError> {
        let (share, every) = match self.lost {
            LostPieces::Share(share) => (share.get(), 0),
            LostPieces::Every(every) => (0.0, every.get()),
        };
        Ok(on_links::toxic(LinkToxicKind::Loss { share, every }, self.ways))
    }

    async fn shows(&self, link: &dyn LinkFacet, reading: &LinkReading) -> Result<Shows, PluginError> {
        let (expected, tcp) = (self.expected(), link.ends().protocol != LinkProtocol::Udp);
        let most = if tcp { 100.0 } else { 1000.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds before it")]
        let messages = (LOSSES / expected).ceil().clamp(3.0, most) as u32;
        let wait_ms = if tcp { 3000 } else { 300 };
        let sounded = link.sound(Sounding { messages, bytes: 8, wait_ms }).await?;
        let harmed = if tcp {
            let stalled = sounded.round_trips_us.iter().filter(|time| **time >= STALL_US).count();
            sounded.sent - sounded.answered + u32::try_from(stalled).unwrap_or(u32::MAX)
        } else {
            sounded.sent - sounded.answered
        };
        let what = if tcp { "stalled" } else { "were lost" };
        let words = format!("{harmed} of {} messages {what} ({})", sounded.sent, passed(reading));
        let rare = f64::from(messages) * expected < LOSSES;
        Ok(if harmed > 0 || rare { Shows::Yes(words) } else { Shows::Unknown(words) })
    }
}

on_links::in_force_on_links!(LossyLink);

register_fault!(LossyLink, "lossy_link");

#[cfg(test)]
mod tests;
