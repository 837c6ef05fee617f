//! The trigger that fires once several have fired.

use std::time::{Duration, SystemTime};

use chaos_core::{Ceiling, Fired, PluginError, Reach, RunContext, Trigger, register_trigger};
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::triggers::Triggers;

/// Waits for several triggers at the same time, and fires once each of them has fired.
///
/// What fired first need not be true any more when the last one fires; a condition that must hold at the same time as another
/// one is a `probe` of type `all`. The first trigger that can't fire ends the wait.
///
/// # Example
/// ```yaml
/// type: all
/// triggers:
///   - {type: time, delay_seconds: 30}
///   - {type: event, active: load}
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AllTriggers")]
pub struct AllOf {
    /// The triggers.
    pub triggers: Triggers,
}

impl Trigger for AllOf {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        let places = self.triggers.in_places(cx);
        let fired = try_join_all(places.iter().map(|(trigger, cx)| trigger.wait(cx))).await?;
        let fired: Vec<String> = fired.into_iter().map(|fired| fired.0).collect();
        Ok(Fired(fired.join("; ")))
    }

    fn at_least(&self) -> Duration {
        self.triggers.least_times().max().unwrap_or_default()
    }

    fn at_least_from(&self, wall: SystemTime) -> Duration {
        self.triggers.each().map(|trigger| trigger.at_least_from(wall)).max().unwrap_or_default()
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        self.triggers.reach()
    }

    fn asks(&self) -> Result<Vec<Ceiling>, PluginError> {
        self.triggers.asks()
    }
}

register_trigger!(AllOf, "all");
