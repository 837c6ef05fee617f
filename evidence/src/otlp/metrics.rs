//! Metrics of OTLP as samples: one for each number that a point carries, in the manner of Prometheus.

use std::borrow::Cow;

use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint,
    SummaryDataPoint,
};

use super::convert::{self, Arrival};
use crate::metric_store::{ExponentialBuckets, MetricKind, Reading, Sample};
use opentelemetry_proto::tonic::common::v1::KeyValue;

/// A point whose flags have this bit says only that there is no value.
const NO_VALUE: u32 = 1;

/// What its points have in common.
#[derive(Debug, Clone, Copy)]
struct Points<'a> {
    name: &'a str,
    kind: MetricKind,
    /// Whether each says what came on top, not the whole.
    delta: bool,
    arrival: Arrival,
}

/// The times of a point.
#[derive(Debug, Clone, Copy)]
struct Times {
    start: u64,
    time: u64,
}

/// The samples of a metric, and how many of its points can't be kept.
pub(super) fn samples<'a>(metric: &'a Metric, arrival: Arrival, into: &mut Vec<Sample<'a>>) -> u64 {
    let points = |kind, delta| Points { name: &metric.name, kind, delta, arrival };
    match &metric.data {
        Some(Data::Gauge(gauge)) => points(MetricKind::Gauge, false).numbers(&gauge.data_points, into),
        Some(Data::Sum(sum)) => {
            let kind = if sum.is_monotonic { MetricKind::Counter } else { MetricKind::Gauge };
            let Some(delta) = is_delta(sum.aggregation_temporality) else { return sum.data_points.len() as u64 };
            points(kind, delta).numbers(&sum.data_points, into)
        }
        Some(Data::Histogram(histogram)) => {
            let all = &histogram.data_points;
            let Some(delta) = is_delta(histogram.aggregation_temporality) else { return all.len() as u64 };
            let points = points(MetricKind::Counter, delta);
            all.iter().filter(|point| point.flags & NO_VALUE == 0).for_each(|point| points.histogram(point, into));
            0
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            let all = &histogram.data_points;
            let Some(delta) = is_delta(histogram.aggregation_temporality) else { return all.len() as u64 };
            let points = points(MetricKind::Counter, delta);
            all.iter().filter(|point| point.flags & NO_VALUE == 0).for_each(|point| points.exponential(point, into));
            0
        }
        Some(Data::Summary(summary)) => {
            let points = points(MetricKind::Counter, false);
            let all = summary.data_points.iter().filter(|point| point.flags & NO_VALUE == 0);
            all.for_each(|point| points.summary(point, into));
            0
        }
        None => 1,
    }
}

/// `None` where it is not said, so that the numbers mean nothing.
fn is_delta(temporality: i32) -> Option<bool> {
    match AggregationTemporality::try_from(temporality) {
        Ok(AggregationTemporality::Delta) => Some(true),
        Ok(AggregationTemporality::Cumulative) => Some(false),
        _ => None,
    }
}

impl<'a> Points<'a> {
    fn numbers(self, points: &'a [NumberDataPoint], into: &mut Vec<Sample<'a>>) -> u64 {
        let mut bad = 0;
        for point in points.iter().filter(|point| point.flags & NO_VALUE == 0) {
            let value = match point.value {
                Some(Value::AsDouble(double)) => double,
                #[expect(clippy::cast_precision_loss, reason = "metrics are floating point everywhere else, too")]
                Some(Value::AsInt(int)) => int as f64,
                None => {
                    bad += 1;
                    continue;
                }
            };
            let times = Times { start: point.start_time_unix_nano, time: point.time_unix_nano };
            into.push(self.sample(Cow::Borrowed(self.name), labels(&point.attributes), times, value));
        }
        bad
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are floating point everywhere else, too")]
    fn histogram(self, point: &'a HistogramDataPoint, into: &mut Vec<Sample<'a>>) {
        let times = Times { start: point.start_time_unix_nano, time: point.time_unix_nano };
        let bounds = point.explicit_bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        let mut below: u64 = 0;
        for (count, bound) in point.bucket_counts.iter().zip(bounds) {
            below = below.saturating_add(*count);
            let mut labels = labels(&point.attributes);
            labels.push((Cow::Borrowed("le"), Cow::Owned(bound)));
            into.push(self.sample(Cow::Owned(format!("{}_bucket", self.name)), labels, times, below as f64));
        }
        self.count_and_sum(&point.attributes, times, point.count, point.sum, into);
        self.extremes(&point.attributes, times, [point.min, point.max], into);
    }

    fn exponential(self, point: &'a ExponentialHistogramDataPoint, into: &mut Vec<Sample<'a>>) {
        let times = Times { start: point.start_time_unix_nano, time: point.time_unix_nano };
        let run = |buckets: Option<&Buckets>| {
            let of = |buckets: &Buckets| {
                let indices = i64::from(buckets.offset)..;
                indices.zip(buckets.bucket_counts.iter().copied()).filter(|(_, count)| *count > 0).collect()
            };
            buckets.map(of).unwrap_or_default()
        };
        let spread = Box::new(ExponentialBuckets {
            scale: point.scale,
            zero_count: point.zero_count,
            zero_threshold: point.zero_threshold,
            positive: run(point.positive.as_ref()),
            negative: run(point.negative.as_ref()),
        });
        let name = Cow::Owned(format!("{}_bucket", self.name));
        let sample = self.sample(name, labels(&point.attributes), times, 0.0);
        into.push(Sample {
            reading: if self.delta { Reading::AddsSpread(spread) } else { Reading::Spread(spread) },
            ..sample
        });
        self.count_and_sum(&point.attributes, times, point.count, point.sum, into);
        self.extremes(&point.attributes, times, [point.min, point.max], into);
    }

    /// The least and the greatest number that was counted, where that is said.
    fn extremes(self, attributes: &'a [KeyValue], times: Times, both: [Option<f64>; 2], into: &mut Vec<Sample<'a>>) {
        // Each is what it is, also of an increment.
        let gauge = Self { kind: MetricKind::Gauge, delta: false, ..self };
        for (which, value) in ["min", "max"].into_iter().zip(both) {
            let name = || Cow::Owned(format!("{}_{which}", self.name));
            into.extend(value.map(|value| gauge.sample(name(), labels(attributes), times, value)));
        }
    }

    fn summary(self, point: &'a SummaryDataPoint, into: &mut Vec<Sample<'a>>) {
        let times = Times { start: point.start_time_unix_nano, time: point.time_unix_nano };
        for quantile in &point.quantile_values {
            let mut labels = labels(&point.attributes);
            labels.push((Cow::Borrowed("quantile"), Cow::Owned(quantile.quantile.to_string())));
            let gauge = Self { kind: MetricKind::Gauge, ..self };
            into.push(gauge.sample(Cow::Borrowed(self.name), labels, times, quantile.value));
        }
        self.count_and_sum(&point.attributes, times, point.count, Some(point.sum), into);
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are floating point everywhere else, too")]
    fn count_and_sum(
        self,
        attributes: &'a [KeyValue],
        times: Times,
        count: u64,
        sum: Option<f64>,
        into: &mut Vec<Sample<'a>>,
    ) {
        into.push(self.sample(Cow::Owned(format!("{}_count", self.name)), labels(attributes), times, count as f64));
        if let Some(sum) = sum {
            into.push(self.sample(Cow::Owned(format!("{}_sum", self.name)), labels(attributes), times, sum));
        }
    }

    fn sample(
        self,
        name: Cow<'a, str>,
        labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
        Times { start, time }: Times,
        value: f64,
    ) -> Sample<'a> {
        let moment = |unix_nanos: u64| (unix_nanos > 0).then(|| self.arrival.moment(unix_nanos));
        let counts = self.kind == MetricKind::Counter && !self.delta;
        Sample {
            name,
            labels,
            kind: self.kind,
            reading: if self.delta { Reading::Adds(value) } else { Reading::Is(value) },
            at: moment(time),
            began: moment(start).filter(|_| counts),
        }
    }
}

fn labels(attributes: &[KeyValue]) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    convert::attributes(attributes).into_iter().map(|(key, value)| (key, value.into_text())).collect()
}
