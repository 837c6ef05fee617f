//! The trigger that fires when several have fired one after the other.

use std::time::{Duration, SystemTime};

use chaos_core::{Ceiling, Fired, PluginError, Reach, RunContext, Trigger, register_trigger};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::triggers::Triggers;

/// Waits for several triggers one after the other: each begins to wait when the one before it has fired.
///
/// # Example
/// ```yaml
/// type: after
/// triggers:
///   - {type: event, active: load}
///   - {type: time, delay_seconds: 10}
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// The triggers, in their order.
    pub triggers: Triggers,
}

impl Trigger for After {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        let mut fired = Vec::new();
        for (trigger, cx) in self.triggers.in_places(cx) {
            fired.push(trigger.wait(&cx).await?.0);
        }
        Ok(Fired(fired.join(", then ")))
    }

    fn at_least(&self) -> Duration {
        self.triggers.least_times().fold(Duration::ZERO, Duration::saturating_add)
    }

    fn at_least_from(&self, wall: SystemTime) -> Duration {
        self.triggers.each().fold(Duration::ZERO, |sum, trigger| {
            let least = wall.checked_add(sum).map_or(Duration::ZERO, |begun| trigger.at_least_from(begun));
            sum.saturating_add(least)
        })
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        self.triggers.reach()
    }

    fn asks(&self) -> Result<Vec<Ceiling>, PluginError> {
        self.triggers.asks()
    }
}

register_trigger!(After, "after");
