//! The trigger that fires at the times of a cron expression.

mod cron;
mod zone;

use std::time::{Duration, SystemTime};

use chaos_core::{Fired, PluginError, Reach, RunContext, Seconds, Trigger, register_trigger};
use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cron::{CronError, CronExpression};
pub use zone::{TimeZoneError, TimeZoneName};

/// The least time between two looks at the wall clock, which somebody may set meanwhile.
const LOOK: Duration = Duration::from_mins(1);

/// Fires at the next time of a cron expression.
///
/// The time is the next one after the entry begins to wait, on the wall clock of the run. The run's limit for triggers counts from
/// there on, so a run that waits for the night does not give up before; `timeout_seconds` bounds it. A wall clock that is set
/// meanwhile is noticed halfway, and within a minute of the time.
///
/// Where the clocks go forward, a time of day that is left out fires right after the gap; where they go back, one that comes
/// twice fires at the first. An expression for every hour or minute fires at each that there is.
///
/// # Example
/// ```yaml
/// type: schedule
/// cron: "0 3 * * MON-FRI"
/// time_zone: Europe/Berlin
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ScheduleTrigger")]
pub struct Schedule {
    /// Minute, hour, day of the month, month and day of the week; with a sixth field in front, seconds come first.
    pub cron: CronExpression,
    /// The time zone of the expression, by its IANA name, as this machine knows it; default `UTC`.
    #[serde(default)]
    pub time_zone: TimeZoneName,
    /// Seconds after which it gives up; default: none but the run's own limit for triggers, which begins at the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<Seconds>,
}

impl Schedule {
    /// The next time after `wall`; `None` where there is none that the calendar reaches.
    fn next(&self, wall: SystemTime) -> Option<Zoned> {
        let now = Timestamp::try_from(wall).ok()?.to_zoned(self.time_zone.get().ok()?.clone());
        self.cron.next(&now)
    }

    async fn until(&self, due: &Zoned, cx: &RunContext) -> Result<Fired, PluginError> {
        let at = SystemTime::from(due.timestamp());
        while let Ok(left) = at.duration_since(cx.clock().wall()) {
            if left.is_zero() {
                break;
            }
            if !cx.sleep(left.min(LOOK.max(left / 2))).await {
                return Err(PluginError::Cancelled);
            }
        }
        Ok(Fired(format!("it is {due}, a time of `{}`", self.cron)))
    }
}

impl Trigger for Schedule {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        let never = || PluginError::failed(format!("`{}` has no time any more that a calendar reaches", self.cron));
        let due = self.next(cx.clock().wall()).ok_or_else(never)?;
        let Some(limit) = self.timeout_seconds else { return self.until(&due, cx).await };
        let seconds = limit.get().as_secs_f64();
        let late = || {
            PluginError::failed(format!("no time of `{}` came within {seconds} s; the next one is {due}", self.cron))
        };
        cx.clock().timeout(limit.get(), self.until(&due, cx)).await.unwrap_or_else(|| Err(late()))
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        self.time_zone.get().map_err(|error| PluginError::refused(error.to_string()))?;
        Ok(Reach::default())
    }

    fn at_least_from(&self, wall: SystemTime) -> Duration {
        let due = self.next(wall).map(|due| SystemTime::from(due.timestamp()));
        let left = due.and_then(|due| due.duration_since(wall).ok()).unwrap_or_default();
        self.timeout_seconds.map_or(left, |limit| left.min(limit.get()))
    }
}

register_trigger!(Schedule, "schedule");

#[cfg(test)]
mod tests {
    use chaos_core::{TRIGGERS, TriggerNode, parse};
    use chaos_test::run_context;
    use serde_json::{Value, json};
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn schedule(value: &Value) -> TriggerNode {
        parse(value).unwrap()
    }

    fn plain(cron: &str) -> TriggerNode {
        schedule(&json!({"type": "schedule", "cron": cron}))
    }

    async fn fires(trigger: &TriggerNode) -> (Result<Fired, PluginError>, Duration) {
        // The virtual clock begins at 1970-01-01T00:00:00Z, a Thursday.
        let cx = run_context().virtual_time().build();
        let fired = trigger.wait(&cx).await;
        (fired, cx.clock().now())
    }

    const HOUR: u64 = 3600;
    const DAY: u64 = 24 * HOUR;

    #[tokio::test(start_paused = true)]
    async fn it_fires_at_the_next_time_of_the_wall_clock() {
        let rows = [
            ("* * * * *", 60),
            ("*/5 * * * * *", 5),
            ("30 3 * * *", 3 * HOUR + 1800),
            ("0 3 * * MON-FRI", 3 * HOUR),
            ("0 0 * * MON", 4 * DAY),
            // The time at which it begins to wait is none that it waits for.
            ("0 0 * * *", DAY),
            ("@hourly", HOUR),
            ("0 0 29 2 *", 789 * DAY),
        ];
        for (cron, seconds) in rows {
            let trigger = plain(cron);
            assert_eq!(trigger.at_least_from(SystemTime::UNIX_EPOCH), Duration::from_secs(seconds), "{cron}");
            let (fired, at) = fires(&trigger).await;
            let said = fired.unwrap().0;
            assert_eq!(at, Duration::from_secs(seconds), "{cron}: {said}");
            assert!(said.ends_with(&format!("a time of `{cron}`")), "{said}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_of_day_is_that_of_its_zone() {
        if std::fs::metadata("/usr/share/zoneinfo/Europe/Berlin").is_err() {
            println!("skipped: needs /usr/share/zoneinfo");
            return;
        }
        // In winter Berlin is an hour ahead of UTC.
        let (fired, at) =
            fires(&schedule(&json!({"type": "schedule", "cron": "0 3 * * *", "time_zone": "Europe/Berlin"}))).await;
        assert_eq!(at, Duration::from_secs(2 * HOUR));
        assert_eq!(fired.unwrap().0, "it is 1970-01-01T03:00:00+01:00[Europe/Berlin], a time of `0 3 * * *`");
        // 2024-03-31: the hour from 2:00 on is left out, so half past two is three o'clock summer time.
        let before: Timestamp = "2024-03-30T12:00:00Z".parse().unwrap();
        let at = |cron: &str| {
            let node = schedule(&json!({"type": "schedule", "cron": cron, "time_zone": "Europe/Berlin"}));
            SystemTime::from(before) + node.at_least_from(before.into())
        };
        let due: Timestamp = "2024-03-31T01:00:00Z".parse().unwrap();
        assert_eq!(at("30 2 * * *"), due.into());
    }

    #[test]
    fn several_as_one_know_how_long_it_takes() {
        let all = |kind: &str| {
            let parts = json!([{"type": "time", "delay_seconds": 3600}, {"type": "schedule", "cron": "30 0 * * *"}]);
            let node = schedule(&json!({"type": kind, "triggers": parts}));
            node.at_least_from(SystemTime::UNIX_EPOCH).as_secs()
        };
        // After an hour, the next half past midnight is that of the next day.
        assert_eq!((all("any"), all("all"), all("after")), (1800, HOUR, DAY + 1800));
        let debounced = schedule(&json!({
            "type": "debounce", "quiet_seconds": 5, "trigger": {"type": "schedule", "cron": "* * * * *"},
        }));
        assert_eq!(debounced.at_least_from(SystemTime::UNIX_EPOCH).as_secs(), 65);
    }

    #[tokio::test(start_paused = true)]
    async fn it_gives_up_with_the_time_that_did_not_come() {
        let trigger = schedule(&json!({"type": "schedule", "cron": "0 3 * * *", "timeout_seconds": 60}));
        let (never, at) = fires(&trigger).await;
        assert_eq!(at, Duration::from_mins(1));
        assert_eq!(trigger.at_least_from(SystemTime::UNIX_EPOCH), Duration::from_mins(1));
        let why = never.unwrap_err().to_string();
        let next = "1970-01-01T03:00:00+00:00[UTC]";
        assert_eq!(why, format!("no time of `0 3 * * *` came within 60 s; the next one is {next}"));
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_waiting_when_cancelled() {
        let cancel = CancellationToken::new();
        let cx = run_context().virtual_time().cancel(cancel.clone()).build();
        cancel.cancel();
        assert!(matches!(plain("* * * * *").wait(&cx).await, Err(PluginError::Cancelled)));
    }

    #[test]
    fn what_can_never_fire_is_refused_at_its_place() {
        let rows = [
            ("0 0 31 2 *", "invalid cron expression `0 0 31 2 *`: no day of any year fits it"),
            ("0 0 30 FEB *", "invalid cron expression `0 0 30 FEB *`: no day of any year fits it"),
            ("0 3 * *", "expected five fields (minute, hour, day, month, weekday), or six with seconds in front"),
            ("61 * * * *", "out of bounds"),
            ("", "expected five fields"),
            ("0 0 1 1 * 2030 *", "expected five fields"),
        ];
        for (cron, want) in rows {
            let error = parse::<TriggerNode>(&json!({"type": "schedule", "cron": cron})).unwrap_err();
            assert_eq!(error.pointer, "/cron", "{cron}: {error}");
            assert!(error.message.contains(want), "{cron}: {}", error.message);
        }
        let zone = json!({"type": "schedule", "cron": "* * * * *", "time_zone": "Mars/Olympus"});
        let unknown = schedule(&zone).reach().unwrap_err().to_string();
        assert!(unknown.starts_with("unknown time zone `Mars/Olympus`"), "{unknown}");
        let zone = json!({"type": "schedule", "cron": "* * * * *", "time_zone": "localhost:8080"});
        let error = parse::<TriggerNode>(&zone).unwrap_err();
        assert_eq!(error.pointer, "/time_zone");
        assert!(error.message.starts_with("invalid time zone"), "{}", error.message);
    }

    #[test]
    fn it_is_written_as_it_was_read() {
        let node = json!({"type": "schedule", "cron": "0 3 * * MON-FRI", "time_zone": "UTC"});
        assert_eq!(serde_json::to_value(schedule(&node)).unwrap(), node);
        let schema = TRIGGERS.get("schedule").unwrap().schema_value();
        assert_eq!(schema["properties"]["time_zone"]["default"], "UTC");
    }
}
