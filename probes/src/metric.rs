//! The probe that asks for metrics.

mod histogram;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chaos_core::{
    Answer, EvidenceKind, EvidenceNeed, Observation, PluginError, Probe, Reach, RunContext, Seconds, register_probe,
};
use chaos_evidence::{Ask, Bounds, MetricAnswer, MetricQuery, MetricStore, SeriesAnswer, Since, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::left_out::left_out;

/// Holds a metric against a limit.
///
/// # What it reads
/// The samples that sources of evidence took in, from `since` on: by default since the fault of the probe's own entry came into
/// force, and outside an entry since the start of the run. While that fault acts on a node, samples of that node don't
/// count, unless `from_injected` is set: that a fault was noticed must come from others.
///
/// `value: value` is the last sample in the window. `increase` is how far a counter rose in it, and `rate` how far a second:
/// from sample to sample, without extrapolation; one that falls has started anew at zero, as in Prometheus. A counter that
/// an earlier scrape of the same target did not have was zero then. What it did between the last sample before the window and
/// the first in it may have been before the window, so it counts as possible only.
///
/// Of several series the sum counts for `increase` and `rate`; for `value` name what counts with `aggregate`, where more than
/// one matches. With `quantile`, `metric` is a histogram: the quantile of what its buckets counted between the first
/// and the last sample in the window, over all series that match.
///
/// # Answers
/// Yes when every limit holds. No when one does not. Unknown when what was seen decides neither: too few samples, a target that
/// did not answer, samples that were dropped, a counter that started anew (it has risen by at least what was seen), no such
/// series, a number that is not a number, or a quantile whose bucket has the limit inside. The observation's value is the
/// number, or the bounds between which it lies.
///
/// # Example
/// ```yaml
/// type: metric
/// metric: etcd_server_leader_changes_seen_total
/// value: increase
/// above: 0
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// The name of the metric.
    pub metric: String,
    /// Labels that a series must have; it may have more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The source that is asked; all that take in metrics where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The target, node or service that is asked; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What of it is held against the limit.
    #[serde(default)]
    pub value: MetricValue,
    /// How several series are one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<Aggregate>,
    /// Of a histogram, the quantile from 0 to 1, such as 0.99.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub quantile: Option<f64>,
    /// It must be more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// It must be less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// It must be exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<f64>,
    /// From when on samples count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
    /// Only samples of the last so many seconds count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<Seconds>,
    /// Whether samples count of nodes that the entry's own fault acts on.
    #[serde(default)]
    pub from_injected: bool,
}

/// What of a metric is held against a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricValue {
    /// Its last sample.
    #[default]
    Value,
    /// How far it rose.
    Increase,
    /// How far it rose a second.
    Rate,
}

/// How several series are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// The greatest.
    Max,
    /// The least.
    Min,
    /// The limits must hold for one of them.
    Any,
    /// The limits must hold for each of them.
    All,
}

impl Probe for Metric {
    async fn observe(&self, cx: &RunContext) -> Observation {
        if let Err(error) = self.reach() {
            return Observation::unknown(error.to_string());
        }
        let window = match Window::now(self.since, self.window_seconds, cx) {
            Ok(window) => window,
            Err(not_yet) => return Observation::unknown(not_yet.to_string()),
        };
        let without = left_out(self.since, self.from_injected, cx);
        let name = match self.quantile {
            Some(_) if !self.metric.ends_with("_bucket") => format!("{}_bucket", self.metric),
            _ => self.metric.clone(),
        };
        let ask = match self.value {
            _ if self.quantile.is_some() => Ask::Increase,
            MetricValue::Value => Ask::Value,
            MetricValue::Increase => Ask::Increase,
            MetricValue::Rate => Ask::Rate,
        };
        let (source, origin) = (self.source.as_deref(), self.target.as_deref());
        let query = MetricQuery { name: &name, labels: &self.labels, source, origin, without: &without, ask, window };
        self.judge(&cx.services().get::<MetricStore>().ask(&query))
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        let refused = |why: &str| Err(PluginError::refused(why.to_owned()));
        let limits = [self.above, self.below, self.equals];
        if limits.iter().all(Option::is_none) {
            return refused("`metric` has no limit; write one, such as `above: 0`");
        }
        if limits.iter().flatten().any(|limit| limit.is_nan()) {
            return refused("a limit of `metric` is not a number");
        }
        if self.quantile.is_some_and(|quantile| !(0.0..=1.0).contains(&quantile)) {
            return refused("`quantile` is out of bounds; write a number from 0 to 1, such as 0.99");
        }
        Ok(Reach::evidence(EvidenceNeed { kind: EvidenceKind::Metrics, source: self.source.clone() }))
    }
}

register_probe!(Metric, "metric");

impl Metric {
    fn what(&self) -> String {
        match (self.quantile, self.value) {
            (Some(quantile), _) => format!("quantile {quantile} of `{}`", self.metric),
            (None, MetricValue::Value) => format!("`{}`", self.metric),
            (None, MetricValue::Increase) => format!("increase of `{}`", self.metric),
            (None, MetricValue::Rate) => format!("rate of `{}`", self.metric),
        }
    }

    fn judge(&self, seen: &MetricAnswer) -> Observation {
        let holes = seen.holes.join("; ");
        if seen.series.is_empty() {
            let why = if holes.is_empty() { "no such series in the window" } else { &holes };
            return Observation::unknown(format!("{}: {why}", self.what()));
        }
        let aggregate = match self.aggregate {
            Some(aggregate) => aggregate,
            None if self.value != MetricValue::Value || seen.series.len() == 1 || self.quantile.is_some() => {
                Aggregate::Sum
            }
            None => {
                let why = format!(
                    "{} series match; narrow them by `labels` or `target`, or write `aggregate`",
                    seen.series.len()
                );
                return Observation::unknown(format!("{}: {why}", self.what()));
            }
        };
        // What may be missing may be anything of its kind.
        let hole = if self.value == MetricValue::Value { Bounds::ANY } else { Bounds::NOT_NEGATIVE };
        let holes_of = (!seen.holes.is_empty()).then_some(hole);
        let each = || seen.series.iter().map(|series| series.bounds).chain(holes_of);
        let one = |all: fn(Bounds, Bounds) -> Bounds| each().reduce(all).unwrap_or(Bounds::ANY);
        let bounds = match (self.quantile, aggregate) {
            (Some(_), _) if holes_of.is_some() => Bounds::ANY,
            (Some(quantile), _) => histogram::quantile(quantile, &seen.series),
            (None, Aggregate::Sum) => one(Bounds::plus),
            (None, Aggregate::Max | Aggregate::Any | Aggregate::All) => one(Bounds::max),
            (None, Aggregate::Min) => one(Bounds::min),
        };
        let answer = match aggregate {
            Aggregate::Any if self.quantile.is_none() => each().fold(Answer::No, |sum, each| sum.or(self.holds(each))),
            Aggregate::All if self.quantile.is_none() => {
                each().fold(Answer::Yes, |sum, each| sum.and(self.holds(each)))
            }
            _ => self.holds(bounds),
        };
        let mut detail = format!("{} is {}", self.what(), self.shown(aggregate, bounds, seen));
        let why = seen.series.iter().find_map(|series| series.why.map(|why| format!("`{}`: {why}", series.origin)));
        for why in why.into_iter().chain(seen.holes.iter().cloned()).filter(|_| answer == Answer::Unknown) {
            detail = format!("{detail}; {why}");
        }
        Observation { answer, value: value(bounds), detail }
    }

    fn shown(&self, aggregate: Aggregate, bounds: Bounds, seen: &MetricAnswer) -> String {
        let listed = |series: &SeriesAnswer| format!("{} of `{}`", series.bounds, series.origin);
        match (seen.series.as_slice(), aggregate) {
            ([one], _) if seen.holes.is_empty() && self.quantile.is_none() => listed(one),
            (all, Aggregate::Any | Aggregate::All) => all.iter().take(8).map(listed).collect::<Vec<_>>().join(", "),
            (all, _) => format!("{bounds} over {} series", all.len()),
        }
    }

    fn holds(&self, bounds: Bounds) -> Answer {
        let above = self.above.map_or(Answer::Yes, |limit| bounds.above(limit));
        let below = self.below.map_or(Answer::Yes, |limit| bounds.below(limit));
        above.and(below).and(self.equals.map_or(Answer::Yes, |value| bounds.equals(value)))
    }
}

fn value(bounds: Bounds) -> serde_json::Value {
    // JSON has no number that is not finite; it is `null` then.
    match bounds.low.partial_cmp(&bounds.high) {
        Some(std::cmp::Ordering::Equal) => json!(bounds.low),
        _ => json!({"low": bounds.low, "high": bounds.high}),
    }
}
