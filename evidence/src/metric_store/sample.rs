//! What a source hands to the store.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::exponential::ExponentialBuckets;
use crate::{Moment, number};

/// What a number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// It is not known.
    #[default]
    Unknown,
    /// It goes up and down.
    Gauge,
    /// It counts from zero, and only falls when what counts starts anew. The buckets, the count and the sum of a histogram
    /// are counters.
    Counter,
}

/// The number of a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// The number itself.
    Is(#[serde(with = "number")] f64),
    /// What came on top since the last one (delta temporality); the store adds it up from zero.
    Adds(#[serde(with = "number")] f64),
    /// What an exponential histogram has counted. Its sample is called `NAME_bucket` and has no label `le`: which buckets there
    /// are is told when it is asked.
    Spread(Box<ExponentialBuckets>),
    /// What it has counted since the last one.
    AddsSpread(Box<ExponentialBuckets>),
}

/// One number of one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample<'a> {
    /// The name of the metric; a bucket of a histogram ends in `_bucket` and has the label `le`.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Its labels, in any order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// What the number means.
    #[serde(default)]
    pub kind: MetricKind,
    /// The number.
    pub reading: Reading,
    /// The moment that it belongs to, where the source says; otherwise that of the batch.
    #[serde(rename = "at_ns", default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// When the counter was at zero, where the source says.
    #[serde(rename = "began_ns", default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Moment>,
}

/// Where samples that came together come from.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The name of the source.
    pub source: &'a str,
    /// The target, node or service that says so.
    pub origin: &'a str,
    /// When they arrived.
    pub at: Moment,
    /// Whether this is everything that the origin has to say, as a scrape is. A counter that was not in an earlier whole
    /// batch of its origin was zero then, and a series that is not in the last one is over.
    pub whole: bool,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Samples that were kept, or that repeat one that is kept.
    pub taken: u64,
    /// Samples that were not.
    pub dropped: u64,
}
