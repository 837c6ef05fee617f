//! The probe that asks for lines of logs.

use chaos_core::{
    Answer, EvidenceKind, EvidenceNeed, Observation, PluginError, Probe, Reach, RunContext, Seconds, register_probe,
    shortened, visible_line,
};
use chaos_evidence::{LogAnswer, LogQuery, LogStore, Since, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::BodyPattern;
use crate::left_out::left_out;

/// Characters of a line that a report shows.
const SHOWN: usize = 200;

/// Asks how many log lines match a pattern.
///
/// # What it reads
/// The lines that sources of evidence took in, from `since` on: by default since the fault of the probe's own entry came into
/// force, and outside an entry since the start of the run. While that fault acts on a node, lines of that node don't count,
/// unless `from_injected` is set: that a fault was noticed must come from others.
///
/// # Answers
/// Yes when as many lines match as `count` says (`at_least: 1` where absent). No when they don't. Unknown when that rests on
/// lines that may have been written before the window, that a source lost, or of a file that is not there yet; when the window
/// has not begun; or when no source takes in logs. The observation's value has the count and the first line.
///
/// # Limits
/// A line is seen up to 25 ms after it was written, and `at_most` is about the lines seen so far. What is behind the first
/// 64 KiB of a line is not searched.
///
/// # Example
/// ```yaml
/// type: log
/// pattern: "lost connection to (n2|n3)"
/// count: {at_least: 2}
/// since: fault
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A regular expression that a line must have somewhere.
    pub pattern: BodyPattern,
    /// How many lines must match; at least one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<LineCount>,
    /// The source that is asked; all that take in logs where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The node whose lines count; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The file whose lines count, as its source writes it; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// From when on lines count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
    /// Only lines of the last so many seconds count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<Seconds>,
    /// Whether lines count of nodes that the entry's own fault acts on.
    #[serde(default)]
    pub from_injected: bool,
}

/// How many lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineCount {
    /// So many or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
    /// So many or fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
}

impl LineCount {
    /// Whether that many were seen.
    fn judge(self, seen: &LogAnswer) -> Answer {
        let (certain, may_be_more) = (seen.certain, seen.possible > 0 || !seen.holes.is_empty());
        let most = if seen.holes.is_empty() { certain + seen.possible } else { u64::MAX };
        let decided = |yes: bool, no: bool| match (yes, no) {
            (true, _) => Answer::Yes,
            (_, true) => Answer::No,
            _ if may_be_more => Answer::Unknown,
            _ => Answer::No,
        };
        let least = self.at_least.map_or(Answer::Yes, |least| decided(certain >= least, most < least));
        let at_most = self.at_most.map_or(Answer::Yes, |limit| decided(most <= limit, certain > limit));
        least.and(at_most)
    }
}

impl Probe for Log {
    async fn observe(&self, cx: &RunContext) -> Observation {
        if let Err(error) = self.reach() {
            return Observation::unknown(error.to_string());
        }
        let window = match Window::now(self.since, self.window_seconds, cx) {
            Ok(window) => window,
            Err(not_yet) => return Observation::unknown(not_yet.to_string()),
        };
        let without = left_out(self.since, self.from_injected, cx);
        let origin = self.node.as_deref().or(self.file.as_deref());
        let query = LogQuery { source: self.source.as_deref(), origin, without: &without, window };
        let seen = cx.services().get::<LogStore>().ask(&query, |line| self.pattern.is_in(&line.text));
        self.judge(cx, &seen)
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        if self.count.is_some_and(|count| count.at_least.or(count.at_most).is_none()) {
            return Err(PluginError::refused("`count` has no bound; write one, such as `at_least: 1`"));
        }
        if self.node.is_some() && self.file.is_some() {
            return Err(PluginError::refused("`node` and `file` don't go together: a line comes from one of them"));
        }
        Ok(Reach::evidence(EvidenceNeed { kind: EvidenceKind::Logs, source: self.source.clone() }))
    }
}

register_probe!(Log, "log");

impl Log {
    fn judge(&self, cx: &RunContext, seen: &LogAnswer) -> Observation {
        let count = self.count.unwrap_or(LineCount { at_least: Some(1), at_most: None });
        let answer = count.judge(seen);
        // Masked before it is cut, since what a cut leaves of a secret can't be found any more.
        let first = seen.first.as_ref().map(|line| {
            let masked = cx.redactor().text(&line.text);
            (line.origin.to_string(), shortened(&visible_line(&masked), SHOWN))
        });
        let mut detail = format!("{} lines match `{}`", seen.certain, self.pattern.as_str());
        if seen.possible > 0 {
            detail = format!("{detail}, and {} that may have been written before the window", seen.possible);
        }
        if let Some((origin, text)) = &first {
            detail = format!("{detail}; the first, of `{origin}`: {text}");
        }
        if answer == Answer::Unknown && !seen.holes.is_empty() {
            detail = format!("{detail}; there may be more: {}", seen.holes.join("; "));
        }
        let value = json!({"count": seen.certain, "possible": seen.possible, "first": first.map(|(_, text)| text)});
        Observation { answer, value, detail }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chaos_core::{Secret, Stage};
    use chaos_evidence::{LogLine, Moment};
    use chaos_test::run_context;

    use super::*;

    fn probe(keys: &serde_json::Value) -> Log {
        let mut all = json!({"pattern": "lost n1"});
        all.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    fn write(cx: &RunContext, origin: &str, earliest: u64, at: u64, text: &str) {
        let at_second = |second| Moment::at(Duration::from_secs(second));
        cx.services().get::<LogStore>().record(LogLine {
            source: "nodes".into(),
            origin: origin.into(),
            earliest: at_second(earliest),
            at: at_second(at),
            text: text.into(),
            ..LogLine::default()
        });
    }

    #[tokio::test(start_paused = true)]
    async fn lines_count_from_the_fault_on_and_what_may_be_older_decides_nothing() {
        let scope = run_context().virtual_time().scope();
        let entry = scope.entry("chaos_spec/0", "kill");
        let answer = async |keys| probe(&keys).observe(entry.cx()).await.answer;
        assert_eq!(answer(json!({})).await, Answer::No);
        assert_eq!(answer(json!({"since": "fault"})).await, Answer::Unknown);
        entry.cx().clock().sleep(Duration::from_secs(10)).await;
        write(entry.cx(), "n2", 1, 2, "lost n1");
        assert_eq!(answer(json!({})).await, Answer::Yes);
        entry.edge(Stage::InForce);
        entry.cx().clock().sleep(Duration::from_secs(10)).await;
        assert_eq!(answer(json!({})).await, Answer::No, "it is older than the fault");
        write(entry.cx(), "n2", 9, 11, "lost n1");
        assert_eq!(answer(json!({})).await, Answer::Unknown);
        assert_eq!(answer(json!({"count": {"at_most": 0}})).await, Answer::Unknown);
        write(entry.cx(), "n2", 11, 12, "lost n1");
        let seen = probe(&json!({})).observe(entry.cx()).await;
        assert_eq!((seen.answer, &seen.value["count"], &seen.value["possible"]), (Answer::Yes, &json!(1), &json!(1)));
        let rows = [
            (json!({"count": {"at_most": 0}}), Answer::No),
            (json!({"count": {"at_most": 2}}), Answer::Yes),
            (json!({"count": {"at_least": 2}}), Answer::Unknown),
            (json!({"count": {"at_least": 3}}), Answer::No),
            (json!({"since": "run", "count": {"at_least": 3, "at_most": 3}}), Answer::Yes),
            (json!({"window_seconds": 5}), Answer::No),
            (json!({"node": "n3"}), Answer::No),
            (json!({"source": "other"}), Answer::No),
        ];
        for (keys, want) in rows {
            assert_eq!(answer(keys.clone()).await, want, "{keys}");
        }
        // What was lost may have been one of them.
        let store = entry.cx().services().get::<LogStore>();
        let at = Moment::at(Duration::from_secs(15));
        store.lost("nodes", 1, at, at, "a file was truncated");
        for (keys, want) in [
            (json!({}), Answer::Yes),
            (json!({"count": {"at_most": 2}}), Answer::Unknown),
            (json!({"count": {"at_least": 3}}), Answer::Unknown),
        ] {
            assert_eq!(answer(keys.clone()).await, want, "{keys}");
        }
    }

    #[tokio::test]
    async fn what_a_report_shows_is_masked_and_short() {
        let cx = run_context().build();
        cx.redactor().learn(&Secret::new("hunter2-hunter2"));
        write(&cx, "n2", 0, 0, &format!("lost n1 \u{1b}[31m hunter2-hunter2 {}", "x".repeat(500)));
        let seen = probe(&json!({})).observe(&cx).await;
        let first = seen.value["first"].as_str().unwrap();
        assert!(!seen.detail.contains("hunter2") && !first.contains('\u{1b}'), "{}", seen.detail);
        assert_eq!(first.chars().count(), SHOWN);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (keys, want) in
            [(json!({"count": {}}), "has no bound"), (json!({"node": "a", "file": "b"}), "don't go together")]
        {
            let error = probe(&keys).reach().unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
        let need = probe(&json!({"source": "app"})).reach().unwrap().evidence;
        assert_eq!(need, [EvidenceNeed { kind: EvidenceKind::Logs, source: Some("app".to_owned()) }]);
    }
}
