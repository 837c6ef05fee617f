//! What is asked of the store.

use std::collections::{BTreeMap, BTreeSet};

use super::series::{Ask, Said, Series};
use super::{MetricStore, State};
use crate::{Bounds, Text, Window};

/// Which series are asked for, and what of them.
#[derive(Debug, Clone, Copy)]
pub struct MetricQuery<'a> {
    /// The name of the metric.
    pub name: &'a str,
    /// Labels that a series must have; it may have more.
    pub labels: &'a BTreeMap<String, String>,
    /// The only source that counts; all where absent.
    pub source: Option<&'a str>,
    /// The only origin that counts; all where absent.
    pub origin: Option<&'a str>,
    /// Origins that do not count.
    pub without: &'a [String],
    /// What is asked of each.
    pub ask: Ask,
    /// In which time.
    pub window: Window,
}

/// What one series says.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesAnswer {
    /// Where it comes from.
    pub origin: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What it says.
    pub bounds: Bounds,
    /// On how many samples of the window this rests.
    pub samples: usize,
    /// Why it is not exact, where a reason is known.
    pub why: Option<&'static str>,
}

/// What the store says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricAnswer {
    /// What each series says.
    pub series: Vec<SeriesAnswer>,
    /// Why there may be more series than these, or more to say of them: a source lost something, or a target has not
    /// answered.
    pub holes: Vec<String>,
}

impl MetricStore {
    /// Asks.
    pub fn ask(&self, query: &MetricQuery<'_>) -> MetricAnswer {
        self.lock().ask(query)
    }
}

impl State {
    fn ask(&self, query: &MetricQuery<'_>) -> MetricAnswer {
        let mut answer = MetricAnswer { series: Vec::new(), holes: self.holes(query) };
        let Some(numbers) = self.texts.find(query.name).and_then(|name| self.by_name.get(&name)) else { return answer };
        // A label that was never seen is on no series.
        let wanted = query.labels.iter().map(|(key, value)| Some((self.texts.find(key)?, self.texts.find(value)?)));
        let Some(wanted) = wanted.collect::<Option<Vec<_>>>() else { return answer };
        for series in numbers.iter().filter_map(|number| self.series.get(*number as usize)) {
            answer.series.extend(self.answer_of(series, &wanted, query));
        }
        answer
    }

    fn answer_of(&self, series: &Series, wanted: &[(Text, Text)], query: &MetricQuery<'_>) -> Vec<SeriesAnswer> {
        let Some(origin) = self.origins.get(series.origin) else { return Vec::new() };
        if !query.counts(self.texts.get(series.source), &origin.name)
            || !wanted.iter().all(|label| series.labels.contains(label))
        {
            return Vec::new();
        }
        let text = |text: &Text| self.texts.get(*text).to_owned();
        let answer = |said: Said, end: Option<f64>| {
            let end =
                end.map(|end| ("le".to_owned(), if end.is_finite() { format!("{end:?}") } else { "+Inf".to_owned() }));
            let labels = series.labels.iter().map(|(key, value)| (text(key), text(value)));
            let (bounds, samples, why) = (said.bounds, said.samples, said.why);
            SeriesAnswer { origin: origin.name.to_string(), labels: labels.chain(end).collect(), bounds, samples, why }
        };
        if series.spreads.is_empty() {
            let said = series.say(query.ask, query.window, origin);
            return said.into_iter().map(|said| answer(said, None)).collect();
        }
        let of_buckets = series.say_of_buckets(query.ask, query.window, origin).into_iter();
        of_buckets.map(|(end, said)| answer(said, Some(end))).collect()
    }

    /// What may be missing.
    fn holes(&self, query: &MetricQuery<'_>) -> Vec<String> {
        let mut holes = Vec::new();
        for (source, losses) in &self.losses {
            if query.source.is_none_or(|wanted| wanted == source) && losses.touch(query.window) {
                holes.push(format!("the source `{source}` lost {} samples: {}", losses.count(), losses.why()));
            }
        }
        for (source, (at, why)) in &self.closed {
            if query.source.is_none_or(|wanted| wanted == source) && query.window.to >= *at {
                holes.push(format!("the source `{source}` is down: {why}"));
            }
        }
        let silent = self.origins.iter().filter(|origin| !origin.has_answered());
        let silent = silent.filter(|origin| query.counts(self.texts.get(origin.source), &origin.name));
        for origin in silent {
            let why = if origin.why().is_empty() { "" } else { ": " };
            holes.push(format!("`{}` has not answered yet{why}{}", origin.name, origin.why()));
        }
        holes
    }

    /// Every name of which a metric is kept, sorted.
    fn names(&self) -> BTreeSet<&str> {
        self.by_name.keys().map(|name| self.texts.get(*name)).collect()
    }
}

impl MetricStore {
    /// The names of all metrics, sorted.
    pub fn names(&self) -> Vec<String> {
        self.lock().names().into_iter().map(str::to_owned).collect()
    }
}

impl MetricQuery<'_> {
    fn counts(&self, source: &str, origin: &str) -> bool {
        self.source.is_none_or(|wanted| wanted == source)
            && self.origin.is_none_or(|wanted| wanted == origin)
            && !self.without.iter().any(|without| without == origin)
    }
}
