//! The figures of a run that two runs are compared by.

use chaos_core::{ChaosResult, LatencyReport, LoadReport};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Percentiles that are compared. A higher one is left out: it moves between two runs of the same system.
const PERCENTILES: [f64; 4] = [50.0, 75.0, 90.0, 99.0];

/// The unit of a figure; in all of them less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FigureUnit {
    /// A response time, in milliseconds.
    Milliseconds,
    /// A time to detect or to recover, in seconds.
    Seconds,
    /// A share, in percent.
    Percent,
}

impl FigureUnit {
    /// A value with its unit.
    pub fn words(self, value: f64) -> String {
        match self {
            Self::Milliseconds => format!("{value:.1} ms"),
            Self::Seconds => format!("{value:.3} s"),
            Self::Percent => format!("{value:.2} %"),
        }
    }
}

/// One figure of an entry.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) unit: FigureUnit,
    pub(super) value: f64,
}

impl Figure {
    fn seconds(name: &str, value: f64) -> Self {
        Self { name: name.to_owned(), unit: FigureUnit::Seconds, value }
    }
}

/// The figures of an entry, each name once.
pub(super) fn of_entry(entry: &ChaosResult) -> Vec<Figure> {
    let detect = entry.time_to_detect_seconds.map(|time| Figure::seconds("time to detect", time));
    let recover = entry.time_to_recover_seconds.map(|time| Figure::seconds("time to recover", time));
    let abort = entry.time_to_abort_seconds.map(|time| Figure::seconds("time to abort", time));
    let load = entry.load.as_deref().map(of_load).unwrap_or_default();
    detect.into_iter().chain(recover).chain(abort).chain(load).collect()
}

/// The times are those of requests that were answered well, so that failing fast is not an improvement; how many failed is a
/// figure beside them. What a warm-up covers is left out.
fn of_load(load: &LoadReport) -> Vec<Figure> {
    let (response, failed) = match &load.measured {
        Some(measured) => (&measured.ok_response, share(measured.errors, measured.ok + measured.errors)),
        None => (&load.ok_response, share(load.counts.errors, load.counts.completed)),
    };
    let mut figures: Vec<Figure> = PERCENTILES.iter().filter_map(|p| percentile(response, *p)).collect();
    figures.extend(failed.map(|value| Figure { name: "failed requests".into(), unit: FigureUnit::Percent, value }));
    figures
}

/// Of too few requests a percentile is the longest time, and says nothing.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
fn percentile(response: &LatencyReport, percentile: f64) -> Option<Figure> {
    let beyond = response.count as f64 * (100.0 - percentile) / 100.0;
    let value = response.percentile(percentile).filter(|_| beyond >= 1.0)?;
    Some(Figure { name: format!("response p{percentile}"), unit: FigureUnit::Milliseconds, value })
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}
