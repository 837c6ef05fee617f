//! The trigger that fires with the first of several.

use std::pin::pin;
use std::time::{Duration, SystemTime};

use chaos_core::{Ceiling, Fired, PluginError, Reach, RunContext, Trigger, register_trigger};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::triggers::Triggers;

/// Waits for several triggers at the same time, and fires with the first that does.
///
/// One that can't fire leaves it to the others; when none can, the wait ends with all their reasons.
///
/// # Example
/// ```yaml
/// type: any
/// triggers:
///   - {type: time, delay_seconds: 60}
///   - {type: signal, signal: usr2}
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AnyTrigger")]
pub struct AnyOf {
    /// The triggers.
    pub triggers: Triggers,
}

impl Trigger for AnyOf {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        let places = self.triggers.in_places(cx);
        let mut waits: FuturesUnordered<_> = places.iter().map(|(trigger, cx)| trigger.wait(cx)).collect();
        let mut reasons = Vec::new();
        while let Some(ended) = pin!(waits.next()).await {
            match ended {
                Ok(fired) => return Ok(fired),
                Err(PluginError::Cancelled) if cx.cancel_token().is_cancelled() => return Err(PluginError::Cancelled),
                Err(error) => reasons.push(error.to_string()),
            }
        }
        Err(PluginError::failed(format!("none of its triggers can fire: {}", reasons.join("; "))))
    }

    fn at_least(&self) -> Duration {
        self.triggers.least_times().min().unwrap_or_default()
    }

    fn at_least_from(&self, wall: SystemTime) -> Duration {
        self.triggers.each().map(|trigger| trigger.at_least_from(wall)).min().unwrap_or_default()
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        self.triggers.reach()
    }

    fn asks(&self) -> Result<Vec<Ceiling>, PluginError> {
        self.triggers.asks()
    }
}

register_trigger!(AnyOf, "any");
