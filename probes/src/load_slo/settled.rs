//! Whether a load has come to rest: readings of its figures over time, and the band in which they stay.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chaos_core::{Answer, RunContext, Seconds};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Readings closer to each other are one: the last figures of a load come at once with its end, and few requests are no rate.
const APART: Duration = Duration::from_millis(500);

/// A load whose figures have not changed for this long has ended; they are refreshed each second.
const STALE: Duration = Duration::from_secs(5);

/// For how long the figures of a load must have stayed in which band.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Settled {
    /// Seconds, 2 or more: a rate takes a second to be read.
    pub for_seconds: SettlingTime,
    /// How far from their mean over that time the figures may be, in percent of it.
    pub within_percent: Percent,
}

/// A time of 2 s or more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Seconds", into = "Seconds")]
pub struct SettlingTime(Seconds);

/// A time that is too short for two readings of a rate.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("invalid time of {0} s: expected 2 or more")]
pub struct SettlingTimeError(f64);

impl TryFrom<Seconds> for SettlingTime {
    type Error = SettlingTimeError;

    fn try_from(time: Seconds) -> Result<Self, SettlingTimeError> {
        if time.get() < Duration::from_secs(2) {
            Err(SettlingTimeError(time.get().as_secs_f64()))
        } else {
            Ok(Self(time))
        }
    }
}

impl From<SettlingTime> for Seconds {
    fn from(time: SettlingTime) -> Self {
        time.0
    }
}

impl JsonSchema for SettlingTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SettlingTime".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Seconds::json_schema(generator);
        schema.insert("minimum".to_owned(), 2.into());
        schema
    }
}

/// A share in percent, above 0 and up to 100.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Percent(f64);

/// A number that is out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("invalid percentage `{0}`: expected a number above 0, 100 at the most")]
pub struct PercentError(f64);

impl TryFrom<f64> for Percent {
    type Error = PercentError;

    fn try_from(percent: f64) -> Result<Self, PercentError> {
        if percent > 0.0 && percent <= 100.0 { Ok(Self(percent)) } else { Err(PercentError(percent)) }
    }
}

impl From<Percent> for f64 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

impl JsonSchema for Percent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": 0.0, "maximum": 100.0 })
    }
}

/// What was read of a load at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    /// How long the load had gone on.
    pub(super) at: Option<Duration>,
    pub(super) completed: u64,
    /// The percentiles that have limits, by name.
    pub(super) percentiles: Vec<(&'static str, Option<Duration>)>,
}

/// The run service that keeps the readings of each probe, by its position.
#[derive(Debug, Default)]
pub(super) struct Readings(Mutex<BTreeMap<String, Series>>);

/// The readings of one probe, oldest first.
#[derive(Debug, Default)]
struct Series {
    kept: VecDeque<(Duration, Reading)>,
    /// When the last one came, on the run's clock.
    fresh: Duration,
}

impl Series {
    /// Keeps a reading that is a new one, and of the older ones only what the window needs.
    fn take(&mut self, reading: Reading, now: Duration, window: Duration) {
        let Some(at) = reading.at.filter(|at| !at.is_zero()) else { return };
        if self.kept.back().is_some_and(|(last, _)| at.saturating_sub(*last) < APART) {
            return;
        }
        self.fresh = now;
        self.kept.push_back((at, reading));
        while self.kept.get(1).is_some_and(|(second, _)| at.saturating_sub(*second) >= window) {
            self.kept.pop_front();
        }
    }

    /// How long the readings that there are cover.
    fn covered(&self) -> Duration {
        match (self.kept.front(), self.kept.back()) {
            (Some((first, _)), Some((last, _))) => last.saturating_sub(*first),
            _ => Duration::ZERO,
        }
    }

    fn rates(&self) -> Vec<f64> {
        let pairs = self.kept.iter().zip(self.kept.iter().skip(1));
        pairs.map(|(one, next)| rate(one, next)).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
fn rate(one: &(Duration, Reading), next: &(Duration, Reading)) -> f64 {
    next.1.completed.saturating_sub(one.1.completed) as f64 / next.0.saturating_sub(one.0).as_secs_f64()
}

impl Settled {
    /// Takes a reading, and says whether the load has come to rest.
    pub(super) fn judge(&self, readings: &Readings, cx: &RunContext, reading: Reading) -> (Answer, String) {
        let now = cx.clock().now();
        // It stays usable whatever panicked while holding it.
        let mut all = readings.0.lock().unwrap_or_else(PoisonError::into_inner);
        let series = all.entry(cx.path().to_owned()).or_default();
        series.take(reading, now, self.for_seconds.0.get());
        self.of(series, now)
    }

    fn of(&self, series: &Series, now: Duration) -> (Answer, String) {
        let (window, covered) = (self.for_seconds.0.get(), series.covered());
        let seconds = window.as_secs_f64();
        if covered < window {
            return (Answer::Unknown, format!("read for {:.1} of {seconds} s", covered.as_secs_f64()));
        }
        let rates = series.rates();
        if rates.len() < 2 {
            return (Answer::Unknown, format!("read {} times in {seconds} s: ask it more often", series.kept.len()));
        }
        if now.saturating_sub(series.fresh) > STALE {
            return (Answer::Unknown, format!("no new figures for {} s: the load has ended", STALE.as_secs()));
        }
        let (first, last) = (series.kept.front(), series.kept.back());
        let mean = first.zip(last).map_or(0.0, |(first, last)| rate(first, last));
        if mean <= 0.0 {
            return (Answer::No, format!("no request has ended in {seconds} s"));
        }
        let (mut answer, mut words) = self.band("rate", "/s", &rates, mean);
        let names = last.into_iter().flat_map(|(_, reading)| reading.percentiles.iter().map(|(name, _)| *name));
        for (index, name) in names.enumerate() {
            let values = series.kept.iter().filter_map(|(_, reading)| reading.percentiles.get(index)?.1);
            let values: Vec<f64> = values.map(|value| value.as_secs_f64() * 1e3).collect();
            if values.len() < series.kept.len() {
                return (Answer::Unknown, format!("{name} was not known for {seconds} s"));
            }
            #[expect(clippy::cast_precision_loss, reason = "a reading a second")]
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let (its, more) = self.band(name, " ms", &values, mean);
            (answer, words) = (answer.and(its), format!("{words}, {more}"));
        }
        (answer, format!("{words}, over {seconds} s"))
    }

    /// Whether all values are in the band around their mean.
    fn band(&self, name: &str, unit: &str, values: &[f64], mean: f64) -> (Answer, String) {
        let far = values.iter().map(|value| (value - mean).abs()).fold(0.0, f64::max);
        let percent = if mean > 0.0 { far / mean * 100.0 } else { 0.0 };
        let answer = if percent <= self.within_percent.0 { Answer::Yes } else { Answer::No };
        (answer, format!("{name} {mean:.1}{unit} ± {percent:.1} % (allowed {} %)", self.within_percent.0))
    }
}
