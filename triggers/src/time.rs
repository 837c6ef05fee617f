//! The trigger that fires after a delay.

use std::time::Duration;

use chaos_core::{Fired, PluginError, RunContext, Trigger, register_trigger};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Fires after a delay.
///
/// The delay starts when the entry begins to wait, after the steady state was confirmed. The time limit for triggers
/// is added to it, so a long delay does not count as a trigger that never fired.
///
/// # Example
/// ```yaml
/// type: time
/// delay_seconds: 5
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// Seconds to wait; 0 fires at once.
    #[serde(default)]
    #[schemars(range(min = 0, max = 4_294_967_295_u32))]
    pub delay_seconds: u32,
}

impl Time {
    fn delay(&self) -> Duration {
        Duration::from_secs(self.delay_seconds.into())
    }
}

impl Trigger for Time {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        if cx.sleep(self.delay()).await {
            Ok(Fired(format!("{} s have passed", self.delay_seconds)))
        } else {
            Err(PluginError::Cancelled)
        }
    }

    fn at_least(&self) -> Duration {
        self.delay()
    }
}

register_trigger!(Time, "time");

#[cfg(test)]
mod tests {
    use chaos_core::{TRIGGERS, TriggerNode, parse};
    use chaos_test::run_context;
    use serde_json::json;
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn context(cancel: CancellationToken) -> RunContext {
        run_context().virtual_time().cancel(cancel).build()
    }

    #[tokio::test(start_paused = true)]
    async fn it_fires_after_exactly_its_delay() {
        for delay_seconds in [0, 1, 86_400] {
            let cx = context(CancellationToken::new());
            let fired = Trigger::wait(&Time { delay_seconds }, &cx).await.unwrap();
            assert_eq!(cx.clock().now(), Duration::from_secs(delay_seconds.into()));
            assert_eq!(fired.0, format!("{delay_seconds} s have passed"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_waiting_when_cancelled() {
        let cancel = CancellationToken::new();
        let cx = context(cancel.clone());
        cancel.cancel();
        let error = Trigger::wait(&Time { delay_seconds: u32::MAX }, &cx).await.unwrap_err();
        assert!(matches!(error, PluginError::Cancelled));
    }

    #[test]
    fn the_delay_defaults_to_zero_and_is_a_whole_number() {
        let node: TriggerNode = parse(&json!({"type": "time"})).unwrap();
        assert_eq!(node.at_least(), Duration::ZERO);
        for wrong in [json!(-1), json!(1.5), json!("5"), json!(4_294_967_296_u64), json!(null)] {
            let error = parse::<TriggerNode>(&json!({"type": "time", "delay_seconds": wrong})).unwrap_err();
            assert_eq!(error.pointer, "/delay_seconds", "{wrong}: {error}");
        }
    }

    #[test]
    fn the_schema_shows_default_and_bounds() {
        let schema = TRIGGERS.get("time").unwrap().schema_value();
        let delay = &schema["properties"]["delay_seconds"];
        assert_eq!((&delay["default"], &delay["minimum"]), (&json!(0), &json!(0)));
        assert_eq!(delay["maximum"].as_f64(), Some(4_294_967_295.0));
    }
}
