//! The run service that keeps samples of metrics, within bounds.

mod exponential;
mod origin;
mod query;
mod refused;
mod sample;
mod series;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use exponential::ExponentialBuckets;
pub use query::{MetricAnswer, MetricQuery, SeriesAnswer};
pub use sample::{Batch, MetricKind, Reading, Recorded, Sample};
pub use series::Ask;

use self::origin::Origin;
use self::refused::Refused;
use self::series::Series;
use crate::losses::Losses;
use crate::{Moment, Text, Texts};

/// Samples that are kept where no source says otherwise: about 40 MB.
pub const DEFAULT_SAMPLES: usize = 1_000_000;
/// Series that are kept: about 40 MB.
const MOST_SERIES: usize = 100_000;
/// Targets, nodes and services that are told apart.
const MOST_ORIGINS: usize = 10_000;
/// Bytes of names, labels and their values.
const TEXT_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of one name, or of the name or value of one label.
const LONGEST_TEXT: usize = 4096;
/// Labels of one series.
const MOST_LABELS: usize = 128;
/// Samples with an own time that are this close, and equal, are one that was told twice.
const SAME_NANOS: u64 = 1_000_000;

/// The samples of a run.
///
/// At most [`MetricStore::set_bound`] samples are kept: the oldest of all goes first, and what is asked of a time of which
/// samples are gone has no upper bound. A series or a string beyond the bounds is not taken in; that is counted for its
/// source, and answers that rest on that source in that time are no better than what was kept.
#[derive(Debug, Default)]
pub struct MetricStore(Mutex<State>);

#[derive(Debug)]
struct State {
    texts: Texts,
    origins: Vec<Origin>,
    origin_numbers: HashMap<(Text, String), usize>,
    series: Vec<Series>,
    numbers: HashMap<SeriesKey, u32>,
    /// The series of each metric.
    by_name: HashMap<Text, Vec<u32>>,
    /// The series of every sample, in the order in which they came.
    order: VecDeque<u32>,
    /// Buckets of exponential histograms that are kept with them; each counts as a sample.
    buckets: usize,
    most: Option<usize>,
    losses: BTreeMap<String, Losses>,
    /// Sources that take in no more: from when on, and why.
    closed: BTreeMap<String, (Moment, String)>,
}

/// A series by its origin, its name and its labels.
type SeriesKey = (usize, Text, Box<[(Text, Text)]>);

impl Default for State {
    fn default() -> Self {
        Self {
            texts: Texts::new(TEXT_BYTES),
            origins: Vec::new(),
            origin_numbers: HashMap::new(),
            series: Vec::new(),
            numbers: HashMap::new(),
            by_name: HashMap::new(),
            order: VecDeque::new(),
            buckets: 0,
            most: None,
            losses: BTreeMap::new(),
            closed: BTreeMap::new(),
        }
    }
}

impl MetricStore {
    /// Sets how many samples are kept in all; of several bounds the highest holds. At least 1.
    pub fn set_bound(&self, samples: usize) {
        let mut state = self.lock();
        state.most = Some(state.most.unwrap_or(0).max(samples).max(1));
    }

    /// Makes a target known that has not answered yet: what is asked of all targets is unknown until it has.
    pub fn expect(&self, source: &str, origin: &str) {
        self.lock().origin(source, origin);
    }

    /// Keeps the samples of a batch.
    pub fn record<'a>(&self, batch: Batch<'_>, samples: impl IntoIterator<Item = Sample<'a>>) -> Recorded {
        let mut state = self.lock();
        let mut recorded = Recorded::default();
        let Some(origin) = state.origin(batch.source, batch.origin) else {
            let dropped = samples.into_iter().fold(0, |count: u64, _| count + 1);
            state.lose(batch.source, dropped, batch.at, Refused::Full.why());
            return Recorded { taken: 0, dropped };
        };
        if let Some(known) = state.origins.get_mut(origin) {
            known.answered(batch.at, batch.whole);
        }
        for sample in samples {
            match state.keep(origin, batch, &sample) {
                Ok(()) => recorded.taken += 1,
                Err(refused) => {
                    recorded.dropped += 1;
                    let from = sample.at.unwrap_or(batch.at).min(batch.at);
                    let losses = state.losses.entry(batch.source.to_owned()).or_default();
                    losses.add(1, from, batch.at, refused.why());
                }
            }
        }
        recorded
    }

    /// Notes that a target did not answer: until it does, its values are unknown.
    pub fn gap(&self, source: &str, origin: &str, at: Moment, why: &str) {
        let mut state = self.lock();
        if let Some(number) = state.origin(source, origin)
            && let Some(origin) = state.origins.get_mut(number)
        {
            origin.failed(at, why);
        }
    }

    /// Counts samples that came and could not be read.
    pub fn lost(&self, source: &str, count: u64, at: Moment, why: &str) {
        self.lock().lose(source, count, at, why);
    }

    /// Says that a source takes in no more from `at` on, and why: what is asked of that time is unknown.
    pub fn close(&self, source: &str, at: Moment, why: &str) {
        self.lock().closed.entry(source.to_owned()).or_insert_with(|| (at, why.to_owned()));
    }

    /// What of a source was lost so far.
    pub fn losses(&self, source: &str) -> Losses {
        self.lock().losses.get(source).cloned().unwrap_or_default()
    }

    /// How many samples are kept at the most.
    pub fn bound(&self) -> usize {
        self.lock().most.unwrap_or(DEFAULT_SAMPLES)
    }

    /// How many samples are kept.
    pub fn len(&self) -> usize {
        self.lock().order.len()
    }

    /// Whether none are.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // It stays usable whatever panicked while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lose(&mut self, source: &str, count: u64, at: Moment, why: &str) {
        self.losses.entry(source.to_owned()).or_default().add(count, at, at, why);
    }

    /// The number of an origin, which is made known; `None` where there is no room.
    fn origin(&mut self, source: &str, name: &str) -> Option<usize> {
        let source = self.texts.keep(source)?;
        let key = (source, name.to_owned());
        if let Some(number) = self.origin_numbers.get(&key) {
            return Some(*number);
        }
        if self.origins.len() >= MOST_ORIGINS || name.len() > LONGEST_TEXT {
            return None;
        }
        self.origins.push(Origin::new(source, name));
        self.origin_numbers.insert(key, self.origins.len() - 1);
        Some(self.origins.len() - 1)
    }

    fn keep(&mut self, origin: usize, batch: Batch<'_>, sample: &Sample<'_>) -> Result<(), Refused> {
        let number = self.series_of(origin, batch, sample)?;
        let at = sample.at.map_or(batch.at, |at| at.min(batch.at));
        let Some(series) = self.series.get_mut(number as usize) else { return Err(Refused::Full) };
        series.seen = batch.at;
        let last = series.samples.back().copied();
        let (value, spread) = series.read(&sample.reading)?;
        let is_whole = matches!(sample.reading, Reading::Is(_) | Reading::Spread(_));
        if let Some((last_at, last_value)) = last.filter(|_| is_whole) {
            let apart = last_at.0.abs_diff(at.0);
            let told_twice = apart == 0 || sample.at.is_some() && apart <= SAME_NANOS;
            if told_twice && value.to_bits() == last_value.to_bits() {
                return Ok(());
            }
        }
        if last.is_some_and(|(last_at, _)| at < last_at || at == last_at && is_whole) {
            return Err(Refused::OutOfOrder);
        }
        series.total = value;
        if let Reading::AddsSpread(_) = sample.reading {
            series.spread.clone_from(&spread);
        }
        let zero = zero_before(sample, series.kind, at, last.map(|(at, _)| at));
        if let Some(zero) = zero {
            series.push(zero, 0.0, None);
            self.order.push_back(number);
        }
        self.buckets += spread.as_ref().map_or(0, |spread| spread.len());
        series.push(at, value, spread);
        self.order.push_back(number);
        self.make_room();
        Ok(())
    }

    /// Drops the oldest samples of all beyond the bound.
    fn make_room(&mut self) {
        while self.order.len() + self.buckets > self.most.unwrap_or(DEFAULT_SAMPLES) {
            let Some(number) = self.order.pop_front() else { return };
            let Some(series) = self.series.get_mut(number as usize) else { continue };
            self.buckets = self.buckets.saturating_sub(series.pop());
        }
    }

    /// The number of a series, which is made known.
    fn series_of(&mut self, origin: usize, batch: Batch<'_>, sample: &Sample<'_>) -> Result<u32, Refused> {
        let long = |text: &str| text.len() > LONGEST_TEXT;
        let labels = &sample.labels;
        if long(&sample.name)
            || labels.len() > MOST_LABELS
            || labels.iter().any(|(key, value)| long(key) || long(value))
        {
            return Err(Refused::TooLong);
        }
        let mut sorted: Vec<(&str, &str)> = labels.iter().map(|(key, value)| (&**key, &**value)).collect();
        sorted.sort_unstable();
        let mut keep = |text: &str| self.texts.keep(text).ok_or(Refused::Full);
        let name = keep(&sample.name)?;
        let labels: Box<[(Text, Text)]> =
            sorted.into_iter().map(|(key, value)| Ok((keep(key)?, keep(value)?))).collect::<Result<_, Refused>>()?;
        let key = (origin, name, labels);
        if let Some(number) = self.numbers.get(&key) {
            return Ok(*number);
        }
        let number = u32::try_from(self.series.len()).ok().filter(|_| self.series.len() < MOST_SERIES);
        let (Some(number), Some(known)) = (number, self.origins.get(origin)) else { return Err(Refused::Full) };
        let mut series = Series {
            source: known.source,
            origin,
            labels: key.2.clone(),
            kind: sample.kind,
            samples: VecDeque::new(),
            spreads: VecDeque::new(),
            spread: None,
            total: 0.0,
            seen: batch.at,
            lost_until: None,
        };
        if let Some(before) = known.whole_before().filter(|_| batch.whole && sample.kind == MetricKind::Counter) {
            // The origin has said all that it had, and this was not among it.
            series.push(before, 0.0, None);
            self.order.push_back(number);
        }
        self.series.push(series);
        self.by_name.entry(name).or_default().push(number);
        self.numbers.insert(key, number);
        Ok(number)
    }
}

/// When the counter was at zero after its last sample, where the source says so.
fn zero_before(sample: &Sample<'_>, kind: MetricKind, at: Moment, last: Option<Moment>) -> Option<Moment> {
    let began = sample.began.filter(|_| kind == MetricKind::Counter)?;
    (began < at && last.is_none_or(|last| began > last)).then_some(began)
}
