//! The probe that looks for spans.

mod span_attribute;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write;

use chaos_core::{
    Answer, DurationText, EvidenceKind, EvidenceNeed, NamePattern, Nodes, Observation, PluginError, Probe, Reach,
    RunContext, Seconds, register_probe,
};
use chaos_evidence::{FoundSpans, Since, SpanQuery, SpanSeen, SpanStatus, SpanStore, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::left_out::left_out;
pub use span_attribute::{SpanAttribute, SpanAttributeError};

/// Looks for spans that the system under test has sent: how many fit, within a window.
///
/// # What it reads
/// What the sources of the run have taken in (`type: otlp`). A span counts when it began and arrived in the window: since the
/// entry's own fault came into force, or, outside a fault, since the start of the run; `since` and `window_seconds` say
/// otherwise. `span` and `service` may have `*` for any text. An attribute is one of the span or of its resource; numbers are
/// equal whichever their type.
///
/// # Detection
/// Since the fault, spans of a node on which that fault acts do not count: it shows nothing that the victim itself says. A sender
/// is such a node when its `service.instance.id` is the node's name; where that is the name of no node, when its
/// `service.name` is; and when it has a service in common with the node and says nothing else that tells it apart.
/// `from_injected: true` counts them all the same.
///
/// # Answers
/// Yes when at least `count.at_least` spans fit (1 unless there is an upper bound) and at most `count.at_most`. No when they are
/// too few or too many. Unknown when spans of the window were lost, could not be read, or their source is down, and more of them
/// could change the answer: too many are too many, and enough without an upper bound are enough. The observation's value has
/// the count, and of the first and the last span that fit trace, span, service and seconds since the window began.
///
/// # Limits
/// A span is sent once it has ended, and by most SDKs in batches: give a detection window some time for that. It is placed by the
/// clock of its sender.
///
/// # Example
/// ```yaml
/// type: otlp_span
/// span: disconnected
/// service: n*
/// attributes: { peer: n3 }
/// count: { at_least: 4 }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtlpSpan {
    /// The name of the source; without it all sources of spans count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The `service.name` of who sent it; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<NamePattern>,
    /// The name of the span; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<NamePattern>,
    /// Attributes that it or its resource has, with their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, SpanAttribute>,
    /// Its status: `ok`, `error`, or `unset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<SpanStatus>,
    /// It took longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_above: Option<DurationText>,
    /// It took less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_below: Option<DurationText>,
    /// How many must fit.
    #[serde(default, skip_serializing_if = "SpanCount::is_default")]
    pub count: SpanCount,
    /// From when on spans count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
    /// Of that time, only the last seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<Seconds>,
    /// Whether spans of nodes on which the fault acts count, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_injected: bool,
}

/// How many spans must fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpanCount {
    /// The fewest; default 1, or 0 with an upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
    /// The most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
}

impl SpanCount {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    fn least(self) -> u64 {
        self.at_least.unwrap_or(u64::from(self.at_most.is_none()))
    }

    /// The answer to so many spans, of which more may have been missed unless they are `whole`.
    fn judge(self, count: u64, whole: bool) -> Answer {
        let bounded = self.at_most.is_some();
        match (count < self.least(), self.at_most.is_some_and(|most| count > most)) {
            (_, true) => Answer::No,
            (false, false) if whole || !bounded => Answer::Yes,
            (true, false) if whole => Answer::No,
            _ => Answer::Unknown,
        }
    }
}

impl Probe for OtlpSpan {
    async fn observe(&self, cx: &RunContext) -> Observation {
        if let Err(refused) = self.reach() {
            return Observation::unknown(refused.to_string());
        }
        match Window::now(self.since, self.window_seconds, cx) {
            Ok(window) => self.judged(window, &self.find(window, cx)),
            Err(not_yet) => Observation::unknown(not_yet.to_string()),
        }
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        if self.count.at_most.is_some_and(|most| most < self.count.least()) {
            return Err(PluginError::refused("`count.at_most` is less than `count.at_least`"));
        }
        Ok(Reach::evidence(EvidenceNeed { kind: EvidenceKind::Spans, source: self.source.clone() }))
    }
}

register_probe!(OtlpSpan, "otlp_span");

impl OtlpSpan {
    fn find(&self, window: Window, cx: &RunContext) -> FoundSpans {
        let injected = left_out(self.since, self.from_injected, cx);
        let nodes: Vec<String> = cx.services().get::<Nodes>().all().into_iter().map(|(name, ..)| name).collect();
        let (service, name) = (self.service.as_ref(), self.span.as_ref());
        let fits_service = |text: &str| service.is_none_or(|pattern| pattern.fits(text));
        let fits_name = |text: &str| name.is_none_or(|pattern| pattern.fits(text));
        let attributes: Vec<_> = self.attributes.iter().map(|(key, value)| (key.clone(), value.value())).collect();
        let query = SpanQuery {
            source: self.source.as_deref(),
            service: service.is_some().then_some(&fits_service),
            name: name.is_some().then_some(&fits_name),
            attributes: &attributes,
            status: self.status,
            duration_above: self.duration_above.map(DurationText::get),
            duration_below: self.duration_below.map(DurationText::get),
            injected: &injected,
            nodes: &nodes,
            ..SpanQuery::all(window)
        };
        cx.services().get::<SpanStore>().find(query)
    }

    fn judged(&self, window: Window, found: &FoundSpans) -> Observation {
        let answer = self.count.judge(found.count, found.missing.is_none());
        let mut detail = format!("{} {} fit", found.count, if found.count == 1 { "span" } else { "spans" });
        if let Some(first) = &found.first {
            // Writing to a string does not fail.
            let _ =
                write!(detail, ", the first {:.3} s after the start: {}", window.seconds_to(first.start), shown(first));
        }
        match (answer, self.count.at_most) {
            (Answer::No, Some(most)) if found.count > most => {
                let _ = write!(detail, "; contradicted: at most {most} expected");
            }
            (Answer::No | Answer::Unknown, _) if found.count < self.count.least() => {
                let _ = write!(detail, "; at least {} expected", self.count.least());
            }
            _ => {}
        }
        if found.from_injected > 0 {
            let _ = write!(detail, "; {} more of the injected node do not count", found.from_injected);
        }
        if let Some(missing) = found.missing.as_ref().filter(|_| answer == Answer::Unknown) {
            let _ = write!(detail, "; {missing}");
        }
        let seen = |seen: &Option<SpanSeen>| seen.as_ref().map(|seen| value(seen, window));
        let value = json!({
            "count": found.count,
            "from_injected": found.from_injected,
            "first": seen(&found.first),
            "last": seen(&found.last),
        });
        Observation { answer, value, detail }
    }
}

fn shown(seen: &SpanSeen) -> String {
    format!("`{}` of `{}` (trace {})", seen.name, seen.service, seen.trace_id)
}

fn value(seen: &SpanSeen, window: Window) -> Value {
    json!({
        "trace_id": seen.trace_id.to_string(),
        "span_id": seen.span_id.to_string(),
        "service": seen.service,
        "name": seen.name,
        "after_seconds": window.seconds_to(seen.start),
        "arrived_after_seconds": window.seconds_to(seen.arrival),
    })
}
