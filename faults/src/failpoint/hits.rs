//! The trigger that counts the hits of a fail point of another process.
//!
//! It stands beside the fault `failpoint`, since it speaks to the same endpoints with the same client.

use std::num::NonZeroU32;

use chaos_core::{Ceiling, Fired, PluginError, Reach, RunContext, Sampling, Seconds, Trigger, register_trigger};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::{LeaseSeconds, SiteName, VariableName};
use super::control::{Control, Rule, Site};
use super::endpoint;
use super::place::ControlPlace;

/// Fires when a fail point of another process has been hit so many times.
///
/// Hits count from when the entry begins to wait. The process must have been built with fail points and have started its
/// control server (`chaos_failpoints::ControlServer`); one that is not up yet is waited for, and one that is started
/// again goes on counting from the hits so far.
///
/// A site counts only while it is armed. Where nobody has armed it, the trigger does, with a rule that does nothing: under a lease
/// that it renews, and until it fires or gives up. Where somebody has, such as a fault `failpoint`, their arming is left
/// alone and its hits are read. Hits between two armings are not counted, so it may fire late, and never early.
///
/// Its endpoints are asked every `interval_seconds`, so what happens right after the n-th hit may be over when it fires.
///
/// # Example
/// ```yaml
/// type: failpoint
/// url: http://127.0.0.1:22381
/// site: worker.heartbeat
/// hits: 3
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FailpointTrigger")]
pub struct FailpointHits {
    /// Where the control endpoints are: `http://host:port`, or `unix:/path` of a socket.
    pub url: ControlPlace,
    /// The site's name.
    pub site: SiteName,
    /// How many hits it waits for; default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub hits: NonZeroU32,
    /// Seconds between two questions, 0.01 or more; default 0.25.
    #[serde(default = "quarter", deserialize_with = "Sampling::spaced")]
    #[schemars(with = "Seconds", range(min = 0.01))]
    pub interval_seconds: Seconds,
    /// Seconds after which it gives up; default: the run's own limit for triggers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<Seconds>,
    /// The environment variable that holds the server's token, never the token; default `FAILPOINTS_TOKEN` where set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<VariableName>,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

fn quarter() -> Seconds {
    // A constant within the bounds of the type.
    Seconds::try_from(0.25).unwrap_or_else(|_| Seconds::from(1))
}

/// Who arms a site for a run, so that its hits are counted. Not an owner of faults: no fault is in force by it.
pub(super) fn counter(run: &str) -> String {
    format!("squall-hits/{run}")
}

/// What has been counted so far.
#[derive(Debug, Default)]
struct Count {
    hits: u64,
    /// The counter of the arming that was seen last, 0 where there was none; `None` before the first look.
    shown: Option<u64>,
    /// Whether a status has been read.
    is_known: bool,
    /// Why the last question had no answer.
    trouble: Option<String>,
}

impl Count {
    /// Takes a counter of an arming that may be another one than last time: then it begins at nothing again.
    fn take(&mut self, shown: u64) {
        let from = match self.shown {
            // What was hit before it began to wait does not count.
            None => shown,
            Some(last) if shown < last => 0,
            Some(last) => last,
        };
        self.hits = self.hits.saturating_add(shown - from);
        self.shown = Some(shown);
    }
}

impl FailpointHits {
    /// Asks until there were enough hits.
    async fn counted(&self, control: &Control, cx: &RunContext, count: &mut Count) -> Result<Fired, PluginError> {
        let owner = counter(cx.run_id());
        loop {
            match self.look(control, cx, &owner, count).await {
                Ok(()) => {}
                // A process that is being killed breaks off; one that has never said how the site stands says why for good.
                Err(why) if count.is_known => count.trouble = Some(why.to_string()),
                Err(why) => return Err(why),
            }
            if count.hits >= self.hits.get().into() {
                return Ok(Fired(format!("fail point `{}` at {} was hit {} times", self.site, self.url, count.hits)));
            }
            if !cx.sleep(self.interval_seconds.get()).await {
                return Err(PluginError::Cancelled);
            }
        }
    }

    async fn look(
        &self,
        control: &Control,
        cx: &RunContext,
        owner: &str,
        count: &mut Count,
    ) -> Result<(), PluginError> {
        let (clock, site, lease) = (cx.clock(), self.site.as_str(), LeaseSeconds::default().get());
        let Some(seen) = control.look(clock, site).await? else {
            count.shown = Some(0);
            count.trouble = Some(format!("nothing listens at {}", self.url));
            return Ok(());
        };
        (count.is_known, count.trouble) = (true, None);
        let Some(hits) = seen.hits() else {
            control.arm(clock, site, owner, &Rule::Count, lease).await?;
            count.shown = Some(0);
            return Ok(());
        };
        count.take(hits);
        if seen.owner() == Some(owner) && seen.lease_left().is_some_and(|left| left < lease / 2) {
            control.renew(clock, site, owner, lease).await?;
        }
        Ok(())
    }

    /// Disarms what it has armed; what can't be told then lapses with its lease.
    async fn let_go(&self, control: &Control, cx: &RunContext) {
        let owner = counter(cx.run_id());
        let looked = control.look(cx.clock(), self.site.as_str()).await;
        if looked.ok().flatten().as_ref().and_then(Site::owner) == Some(&owner) {
            let _ = control.disarm(cx.clock(), self.site.as_str(), &owner).await;
        }
    }

    fn never(&self, limit: Seconds, count: &Count) -> PluginError {
        let (site, url, hits, limit) = (&self.site, &self.url, count.hits, limit.get().as_secs_f64());
        let trouble = count.trouble.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
        let wanted = self.hits;
        PluginError::failed(format!(
            "fail point `{site}` at {url} was hit {hits} of {wanted} times within {limit} s{trouble}"
        ))
    }
}

impl Trigger for FailpointHits {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        endpoint::check_confinement(&self.url, cx)?;
        let control = endpoint::open(&self.url, self.token_env.as_ref(), cx).await?;
        let mut count = Count::default();
        let fired = match self.timeout_seconds {
            None => self.counted(&control, cx, &mut count).await,
            Some(limit) => {
                let counted = cx.clock().timeout(limit.get(), self.counted(&control, cx, &mut count)).await;
                counted.unwrap_or_else(|| Err(self.never(limit, &count)))
            }
        };
        self.let_go(&control, cx).await;
        fired
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        endpoint::reach(&self.url)
    }

    fn asks(&self) -> Result<Vec<Ceiling>, PluginError> {
        Ok(endpoint::reach(&self.url)?.asked_every(self.interval_seconds.get()).into())
    }
}

register_trigger!(FailpointHits, "failpoint");

#[cfg(test)]
mod tests;
