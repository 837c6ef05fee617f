//! The trigger that waits until another one has been quiet.

use std::time::{Duration, SystemTime};

use chaos_core::{Ceiling, Fired, PluginError, Reach, RunContext, Seconds, Trigger, TriggerNode, register_trigger};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Waits for a trigger, and then until it has not fired again for a time.
///
/// The trigger waits anew each time that it fires; one that fires at once, again and again, never becomes quiet. It is for what
/// comes in bursts: signals, and events that a harness tells.
///
/// # Example
/// ```yaml
/// type: debounce
/// trigger: {type: signal, signal: usr2}
/// quiet_seconds: 2
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Debounce {
    /// The trigger.
    pub trigger: TriggerNode,
    /// Seconds for which it must not fire again.
    pub quiet_seconds: Seconds,
}

impl Trigger for Debounce {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        let (cx, quiet) = (cx.child("trigger", None), self.quiet_seconds.get());
        let mut last = self.trigger.wait(&cx).await?;
        let mut times = 1_u64;
        while let Some(again) = cx.clock().timeout(quiet, self.trigger.wait(&cx)).await {
            last = again?;
            times += 1;
            // One that fires at once must not keep the thread.
            tokio::task::yield_now().await;
        }
        if cx.cancel_token().is_cancelled() {
            return Err(PluginError::Cancelled);
        }
        let quiet = quiet.as_secs_f64();
        Ok(Fired(format!("{}; fired {times} times, then quiet for {quiet} s", last.0)))
    }

    fn at_least(&self) -> Duration {
        self.trigger.at_least().saturating_add(self.quiet_seconds.get())
    }

    fn at_least_from(&self, wall: SystemTime) -> Duration {
        self.trigger.at_least_from(wall).saturating_add(self.quiet_seconds.get())
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        self.trigger.reach()
    }

    fn asks(&self) -> Result<Vec<Ceiling>, PluginError> {
        self.trigger.asks()
    }
}

register_trigger!(Debounce, "debounce");
