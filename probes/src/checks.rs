//! What the probes that ask several others have in common.

use std::fmt::Write;
use std::time::Duration;

use chaos_core::{Answer, Observation, PROBE_TIMEOUT, PluginError, ProbeNode, Reach, RunContext};
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

/// One probe or more. An empty list is refused: it would say yes without having asked.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Checks(Vec<ProbeNode>);

/// A list without a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no check: expected at least one probe, such as `- {{type: tcp, address: \"127.0.0.1:80\"}}`")]
pub struct NoChecks;

impl TryFrom<Vec<ProbeNode>> for Checks {
    type Error = NoChecks;

    fn try_from(checks: Vec<ProbeNode>) -> Result<Self, NoChecks> {
        if checks.is_empty() { Err(NoChecks) } else { Ok(Self(checks)) }
    }
}

impl<'de> Deserialize<'de> for Checks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Checks {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Checks".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let probe = ProbeNode::json_schema(generator);
        schemars::json_schema!({ "type": "array", "items": probe, "minItems": 1 })
    }
}

impl Checks {
    /// Asks all of them at the same time; answers in the order of the list.
    pub(crate) async fn ask_all(&self, cx: &RunContext) -> Vec<Observation> {
        let nodes: Vec<RunContext> = (0..self.0.len()).map(|i| cx.child(&format!("checks/{i}"), None)).collect();
        join_all(self.0.iter().zip(&nodes).map(|(probe, cx)| probe.observe(cx))).await
    }

    /// Asks one after the other, until one does not say yes.
    pub(crate) async fn ask_in_turn(&self, cx: &RunContext) -> Vec<Observation> {
        let mut seen = Vec::new();
        for (i, probe) in self.0.iter().enumerate() {
            let observation = probe.observe(&cx.child(&format!("checks/{i}"), None)).await;
            let more = observation.answer == Answer::Yes;
            seen.push(observation);
            if !more {
                break;
            }
        }
        seen
    }

    /// One observation of several: the answer, how many said yes, and what each saw that did not say what was wanted.
    pub(crate) fn sum(&self, answer: Answer, wanted: Answer, seen: &[Observation]) -> Observation {
        let pairs = || self.0.iter().zip(seen);
        let yes = seen.iter().filter(|seen| seen.answer == Answer::Yes).count();
        let mut detail = format!("{yes} of {} checks said yes", self.0.len());
        // Writing to a string can't fail.
        for (probe, seen) in pairs().filter(|(_, seen)| seen.answer != wanted) {
            let _ = write!(detail, "; `{}` {}: {}", probe.label(), word(seen.answer), seen.detail);
        }
        if seen.len() < self.0.len() {
            let _ = write!(detail, "; {} not asked", self.0.len() - seen.len());
        }
        let value: Vec<Value> = pairs()
            .map(|(probe, seen)| {
                json!({"check": probe.label(), "answer": seen.answer, "detail": seen.detail, "value": seen.value})
            })
            .collect();
        Observation { answer, value: Value::Array(value), detail }
    }

    /// How long all of them take at the most, asked at the same time.
    pub(crate) fn longest(&self) -> Option<Duration> {
        self.own_timeouts()?.into_iter().max()
    }

    /// How long all of them take at the most, asked one after the other.
    pub(crate) fn all_in_turn(&self) -> Option<Duration> {
        Some(self.own_timeouts()?.into_iter().fold(Duration::ZERO, Duration::saturating_add))
    }

    /// The timeout of each; `None` when none of them has one.
    fn own_timeouts(&self) -> Option<Vec<Duration>> {
        let own: Vec<Option<Duration>> = self.0.iter().map(|probe| probe.at_most()).collect();
        let any = own.iter().any(Option::is_some);
        any.then(|| own.into_iter().map(|time| time.unwrap_or(PROBE_TIMEOUT)).collect())
    }

    /// What all of them would reach.
    pub(crate) fn reach(&self) -> Result<Reach, PluginError> {
        self.0.iter().try_fold(Reach::default(), |reach, probe| Ok(reach.and(probe.reach()?)))
    }
}

/// Kleene "and" over all answers.
pub(crate) fn every(seen: &[Observation]) -> Answer {
    seen.iter().fold(Answer::Yes, |answer, seen| answer.and(seen.answer))
}

/// Kleene "or" over all answers.
pub(crate) fn some(seen: &[Observation]) -> Answer {
    seen.iter().fold(Answer::No, |answer, seen| answer.or(seen.answer))
}

fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::LazyLock;

    use chaos_core::{PROBES, Probe, parse, register_probe};
    use tokio::sync::Barrier;

    use super::*;
    use crate::test_context::plain;

    /// Says what it is told to.
    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Say {
        /// The word.
        answer: String,
    }

    impl Probe for Say {
        async fn observe(&self, cx: &RunContext) -> Observation {
            let detail = format!("at {}", cx.path());
            match self.answer.as_str() {
                "yes" => Observation::yes(detail),
                "no" => Observation::no(detail),
                _ => Observation::unknown(detail),
            }
        }
    }

    register_probe!(Say, "test_say");

    /// Says yes when two of its kind are asked at the same time.
    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Meet {}

    impl Probe for Meet {
        async fn observe(&self, _cx: &RunContext) -> Observation {
            static BOTH: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(2));
            BOTH.wait().await;
            Observation::yes("both are here")
        }
    }

    register_probe!(Meet, "test_meet");

    fn combine(kind: &str, answers: &[&str]) -> ProbeNode {
        let checks: Vec<Value> = answers.iter().map(|a| json!({"type": "test_say", "answer": a, "name": a})).collect();
        parse(&json!({"type": kind, "checks": checks})).unwrap()
    }

    #[tokio::test]
    async fn each_combinator_follows_kleene() {
        use Answer::{No, Unknown, Yes};
        let rows: [(&[&str], Answer, Answer, Answer, Answer); 8] = [
            (&["yes"], Yes, Yes, Yes, No),
            (&["no"], No, No, No, Yes),
            (&["unknown"], Unknown, Unknown, Unknown, Unknown),
            (&["yes", "no"], No, No, Yes, No),
            (&["yes", "unknown"], Unknown, Unknown, Yes, No),
            (&["no", "unknown"], No, No, Unknown, Unknown),
            (&["unknown", "no"], No, Unknown, Unknown, Unknown),
            (&["yes", "yes", "yes"], Yes, Yes, Yes, No),
        ];
        for (answers, all, sequence, any, none) in rows {
            for (kind, want) in [("all", all), ("parallel", all), ("sequence", sequence), ("any", any), ("none", none)]
            {
                let seen = combine(kind, answers).observe(&plain()).await;
                assert_eq!(seen.answer, want, "{kind} of {answers:?}: {}", seen.detail);
            }
        }
    }

    #[tokio::test]
    async fn a_sequence_stops_at_the_first_that_does_not_say_yes() {
        let seen = combine("sequence", &["yes", "no", "yes"]).observe(&plain()).await;
        assert_eq!(seen.detail, "1 of 3 checks said yes; `no` no: at /checks/1; 1 not asked");
        assert_eq!(seen.value.as_array().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn the_detail_names_what_stood_in_the_way() {
        let rows = [
            ("all", "1 of 2 checks said yes; `no` no: at /checks/1"),
            ("none", "1 of 2 checks said yes; `yes` yes: at /checks/0"),
        ];
        for (kind, detail) in rows {
            assert_eq!(combine(kind, &["yes", "no"]).observe(&plain()).await.detail, detail);
        }
    }

    #[tokio::test]
    async fn checks_really_run_at_the_same_time() {
        // Each waits for the other: one after the other they would never end.
        let two = parse::<ProbeNode>(&json!({"type": "all", "checks": [{"type": "test_meet"}, {"type": "test_meet"}]}));
        let (two, cx) = (two.unwrap(), plain());
        let seen = tokio::time::timeout(Duration::from_mins(2), two.observe(&cx)).await;
        assert_eq!(seen.unwrap().answer, Answer::Yes);
    }

    #[tokio::test]
    async fn combinators_nest_and_hold_real_probes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = json!({"type": "tcp", "address": listener.local_addr().unwrap().to_string()});
        let node: ProbeNode = parse(&json!({"type": "all", "checks": [
            open, {"type": "none", "checks": [{"type": "test_say", "answer": "no"}]}
        ]}))
        .unwrap();
        assert_eq!(node.observe(&plain()).await.answer, Answer::Yes);
        assert_eq!(node.reach().unwrap().hosts.len(), 1);
    }

    #[test]
    fn a_combinator_takes_as_long_as_its_checks_may() {
        let tcp = |seconds: u32| json!({"type": "tcp", "address": "127.0.0.1:1", "timeout_seconds": seconds});
        let say = json!({"type": "test_say", "answer": "yes"});
        let longest = |kind: &str, checks: &Value| {
            let node: ProbeNode = parse(&json!({"type": kind, "checks": checks})).unwrap();
            node.at_most().map(|time| time.as_secs())
        };
        for kind in ["all", "any", "none"] {
            assert_eq!(longest(kind, &json!([tcp(40), tcp(70)])), Some(70), "{kind}");
            assert_eq!(longest(kind, &json!([tcp(4), say])), Some(30), "{kind}");
            assert_eq!(longest(kind, &json!([say])), None, "{kind}");
        }
        assert_eq!(longest("sequence", &json!([tcp(40), {"type": "all", "checks": [tcp(70), say]}])), Some(110));
    }

    #[test]
    fn an_empty_list_is_refused_and_a_mistake_inside_has_its_path() {
        for kind in ["all", "parallel", "any", "none", "sequence"] {
            let error = parse::<ProbeNode>(&json!({"type": kind, "checks": []})).unwrap_err();
            assert_eq!(error.pointer, "/checks");
            assert!(error.message.starts_with("no check: expected at least one probe"), "{error}");
            let inside = json!({"type": kind, "checks": [{"type": "tcp", "address": 3}]});
            assert_eq!(parse::<ProbeNode>(&inside).unwrap_err().pointer, "/checks/0/address");
        }
    }

    #[test]
    fn every_probe_has_an_example_of_its_own_type_that_loads_again() {
        for descriptor in PROBES.all().iter().filter(|d| !d.name.starts_with("test_")) {
            let example = descriptor.example().unwrap();
            assert!(example.starts_with(&format!("type: {}\n", descriptor.name)), "{example}");
            assert!(!descriptor.summary().is_empty());
        }
        assert_eq!(PROBES.get("parallel").unwrap().name, "all");
    }
}
