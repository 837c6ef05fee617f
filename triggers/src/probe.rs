//! The trigger that fires when a probe says yes, and keeps saying so.

use std::time::Duration;

use chaos_core::{
    Answer, Ceiling, Fired, Observation, PROBE_TIMEOUT, PluginError, ProbeNode, Reach, RunContext, Sampling, Seconds,
    Trigger, register_trigger,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Fires when a probe says yes, and has said nothing else for a time.
///
/// Any probe is a condition: a metric, a log line, a span, a process, a load that has settled. A no, and an answer that can't be
/// had, begin the time anew. The time counts from the first yes in a row to a question that was asked after it and answered
/// with yes; between two questions nobody looks.
///
/// It never fires on what it can't see: after `timeout_seconds` the entry is inconclusive, with the last answer as its reason.
///
/// # Example
/// ```yaml
/// type: probe
/// probe: {type: http, url: "http://127.0.0.1:8080/healthz"}
/// for_seconds: 5
/// timeout_seconds: 60
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ProbeTrigger")]
pub struct WhenProbe {
    /// The probe.
    pub probe: ProbeNode,
    /// Seconds for which it must have said yes; without it the first yes fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_seconds: Option<Seconds>,
    /// Seconds between two questions, 0.01 or more; default 0.25.
    #[serde(default = "quarter", deserialize_with = "Sampling::spaced")]
    #[schemars(with = "Seconds", range(min = 0.01))]
    pub interval_seconds: Seconds,
    /// Seconds after which it gives up; default: the run's own limit for triggers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<Seconds>,
}

fn quarter() -> Seconds {
    // A constant within the bounds of the type.
    Seconds::try_from(0.25).unwrap_or_else(|_| Seconds::from(1))
}

impl WhenProbe {
    async fn ask(&self, cx: &RunContext) -> Observation {
        let limit = self.probe.at_most().unwrap_or(PROBE_TIMEOUT);
        let seen = cx.clock().timeout(limit.saturating_add(Duration::from_secs(1)), self.probe.observe(cx)).await;
        seen.unwrap_or_else(|| Observation::unknown(format!("no answer within {} s", limit.as_secs_f64())))
    }

    fn needed(&self) -> Duration {
        self.for_seconds.map_or(Duration::ZERO, Seconds::get)
    }

    /// Asks until it has said yes for long enough; `last` is what it said last.
    async fn settled(&self, cx: &RunContext, last: &mut Option<Observation>) -> Result<Fired, PluginError> {
        let (clock, probe_cx) = (cx.clock(), cx.child("probe", None));
        let mut since: Option<Duration> = None;
        loop {
            let asked = clock.now();
            let seen = self.ask(&probe_cx).await;
            if cx.cancel_token().is_cancelled() {
                return Err(PluginError::Cancelled);
            }
            if seen.answer == Answer::Yes {
                let since = *since.get_or_insert_with(|| clock.now());
                if self.needed().is_zero() || asked.saturating_sub(since) >= self.needed() {
                    return Ok(Fired(self.said(&seen)));
                }
            } else {
                since = None;
            }
            *last = Some(seen);
            if !cx.sleep(self.interval_seconds.get()).await {
                return Err(PluginError::Cancelled);
            }
        }
    }

    fn said(&self, seen: &Observation) -> String {
        let held = self.for_seconds.map(|time| format!(" for {} s", time.get().as_secs_f64())).unwrap_or_default();
        format!("`{}` said yes{held}: {}", self.probe.label(), seen.detail)
    }

    fn never(&self, limit: Seconds, last: Option<&Observation>) -> PluginError {
        let held = self.for_seconds.map(|time| format!(" for {} s", time.get().as_secs_f64())).unwrap_or_default();
        let last = match last {
            Some(seen) => {
                let word = match seen.answer {
                    Answer::Yes => "yes",
                    Answer::No => "no",
                    Answer::Unknown => "unknown",
                };
                format!("the last answer was {word}: {}", seen.detail)
            }
            None => "it has not answered once".to_owned(),
        };
        let (label, limit) = (self.probe.label(), limit.get().as_secs_f64());
        PluginError::failed(format!("`{label}` did not say yes{held} within {limit} s; {last}"))
    }
}

impl Trigger for WhenProbe {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        let mut last = None;
        let Some(limit) = self.timeout_seconds else { return self.settled(cx, &mut last).await };
        let settled = cx.clock().timeout(limit.get(), self.settled(cx, &mut last)).await;
        settled.unwrap_or_else(|| Err(self.never(limit, last.as_ref())))
    }

    fn at_least(&self) -> Duration {
        self.needed()
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        self.probe.reach()
    }

    fn asks(&self) -> Result<Vec<Ceiling>, PluginError> {
        Ok(self.probe.reach()?.asked_every(self.interval_seconds.get()).into())
    }
}

register_trigger!(WhenProbe, "probe");

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use chaos_core::{CeilingKind, HostPort, Probe, TRIGGERS, TriggerNode, parse, register_probe};
    use chaos_test::run_context;
    use serde_json::{Value, json};
    use tokio_util::sync::CancellationToken;

    use super::*;

    /// Says what stands at its place in a script, a letter for each question; the last one for ever.
    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Script {
        /// `y`, `n`, `u`, or `h` for an answer that takes ten minutes.
        answers: String,
        /// How many hosts it would ask.
        #[serde(default)]
        hosts: u16,
    }

    #[derive(Debug, Default)]
    struct Asked(AtomicUsize);

    impl Probe for Script {
        async fn observe(&self, cx: &RunContext) -> Observation {
            let place = cx.services().get::<Asked>().0.fetch_add(1, Ordering::SeqCst);
            let letter = self.answers.chars().nth(place).or(self.answers.chars().last());
            match letter {
                Some('y') => Observation::yes("as told"),
                Some('n') => Observation::no("as told"),
                Some('h') => {
                    cx.sleep(Duration::from_mins(10)).await;
                    Observation::yes("late")
                }
                _ => Observation::unknown("as told"),
            }
        }

        fn reach(&self) -> Result<Reach, PluginError> {
            let hosts = (0..self.hosts).map(|_| HostPort::new("127.0.0.1", 80)).collect();
            Ok(Reach { hosts, ..Reach::default() })
        }
    }

    register_probe!(Script, "test_script");

    fn when(answers: &str, more: &Value) -> TriggerNode {
        let mut node = json!({"type": "probe", "probe": {"type": "test_script", "name": "it", "answers": answers}});
        node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parse(&node).unwrap()
    }

    async fn fired(trigger: &TriggerNode, cancel: CancellationToken) -> (Result<Fired, PluginError>, Duration) {
        let cx = run_context().virtual_time().cancel(cancel).build();
        let fired = trigger.wait(&cx).await;
        (fired, cx.clock().now())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_yes_fires_unless_it_must_last() {
        let (first, at) = fired(&when("nuy", &json!({})), CancellationToken::new()).await;
        assert_eq!((first.unwrap().0.as_str(), at), ("`it` said yes: as told", Duration::from_millis(500)));
        // Two in a row are 1 s, and the no in between begins anew: yes from 3 s on.
        let lasting = json!({"for_seconds": 2, "interval_seconds": 1});
        for broken in ["yynyyy", "yyuyyy"] {
            let (lasted, at) = fired(&when(broken, &lasting), CancellationToken::new()).await;
            assert_eq!(lasted.unwrap().0, "`it` said yes for 2 s: as told");
            assert_eq!(at, Duration::from_secs(5), "{broken}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_says_yes_gives_up_with_its_last_answer() {
        for (answers, last) in [
            ("n", "the last answer was no: as told"),
            ("u", "the last answer was unknown: as told"),
            ("h", "it has not answered once"),
            ("yn", "the last answer was no: as told"),
        ] {
            let trigger = when(answers, &json!({"for_seconds": 1, "timeout_seconds": 3}));
            let (never, at) = fired(&trigger, CancellationToken::new()).await;
            let why = never.unwrap_err().to_string();
            assert_eq!(why, format!("`it` did not say yes for 1 s within 3 s; {last}"));
            assert_eq!(at, Duration::from_secs(3));
        }
    }

    /// A yes that came only after the time was over does not count for the time before it.
    #[tokio::test(start_paused = true)]
    async fn the_time_counts_between_answers_and_not_while_one_is_waited_for() {
        let trigger = when("yhhy", &json!({"for_seconds": 30, "interval_seconds": 1}));
        let (fired, at) = fired(&trigger, CancellationToken::new()).await;
        // A probe without a timeout of its own is given 31 s; its silence is unknown and begins anew.
        assert!(fired.is_ok(), "{fired:?}");
        assert!(at >= Duration::from_secs(1 + 31 + 1 + 31 + 1 + 30), "{at:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_when_cancelled_and_its_least_time_is_known() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        let trigger = when("n", &json!({"for_seconds": 7}));
        assert_eq!(trigger.at_least(), Duration::from_secs(7));
        assert!(matches!(fired(&trigger, cancel).await.0, Err(PluginError::Cancelled)));
        assert!(TRIGGERS.get("probe").unwrap().example().is_some());
    }

    #[test]
    fn a_probe_is_a_question_and_not_a_load() {
        let node =
            json!({"type": "probe", "probe": {"type": "test_script", "answers": "y"}, "interval_seconds": 0.009});
        let error = parse::<TriggerNode>(&node).unwrap_err();
        assert_eq!(error.pointer, "/interval_seconds", "{error}");
    }

    #[test]
    fn what_it_asks_is_told_alone_and_within_others() {
        let of = |hosts: u16, interval: f64| {
            json!({
                "type": "probe",
                "probe": {"type": "test_script", "answers": "y", "hosts": hosts},
                "interval_seconds": interval,
            })
        };
        let within = |kind: &str| json!({"type": kind, "triggers": [of(1, 0.5), of(3, 0.25)]});
        let quiet = json!({"type": "debounce", "trigger": of(2, 0.5), "quiet_seconds": 1});
        let rows = [
            (of(2, 0.1), 20.0, 2.0),
            (of(0, 0.01), 0.0, 0.0),
            (json!({"type": "probe", "probe": {"type": "test_script", "answers": "y", "hosts": 1}}), 4.0, 1.0),
            (within("all"), 14.0, 4.0),
            (within("any"), 14.0, 4.0),
            (within("after"), 14.0, 4.0),
            (quiet, 4.0, 2.0),
            (json!({"type": "immediate"}), 0.0, 0.0),
        ];
        for (trigger, a_second, at_once) in rows {
            let asks = parse::<TriggerNode>(&trigger).unwrap().asks().unwrap();
            let sum = |kind| asks.iter().filter(|each| each.kind == kind).map(|each| each.value).sum::<f64>();
            let seen = (sum(CeilingKind::Qps), sum(CeilingKind::Concurrency));
            assert!((seen.0 - a_second).abs() < 1e-9 && (seen.1 - at_once).abs() < 1e-9, "{trigger}: {seen:?}");
        }
    }
}
