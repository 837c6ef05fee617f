//! fortio's histogram: coarse buckets that grow with the value, and percentiles
//! interpolated inside them.

use serde::{Deserialize, Serialize};

/// Upper ends of the buckets, in units of the resolution.
const ENDS: [u32; 56] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100, 120, 140,
    160, 180, 200, 250, 300, 350, 400, 450, 500, 600, 700, 800, 900, 1000, 2000, 3000, 4000, 5000, 7500, 10_000,
    20_000, 30_000, 40_000, 50_000, 75_000, 100_000,
];

/// Values this close above a bucket's start, in units, belong to the bucket before.
const TOLERANCE: f64 = 1e-12;

/// Sums of the values seen, without buckets.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Counter {
    pub(crate) count: u64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) sum: f64,
    squares: f64,
}

impl Counter {
    pub(crate) fn record(&mut self, value: f64) {
        self.count += 1;
        if self.count == 1 {
            (self.min, self.max) = (value, value);
        } else if value < self.min {
            self.min = value;
        } else if value > self.max {
            self.max = value;
        }
        self.sum += value;
        self.squares += value * value;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.squares += other.squares;
    }

    #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 calls")]
    pub(crate) fn average(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    /// Deviation of the population, not of a sample.
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 calls")]
    pub(crate) fn deviation(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        let count = self.count as f64;
        ((self.squares - self.sum * self.sum / count) / count).max(0.0).sqrt()
    }
}

/// Values in fortio's buckets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Histogram {
    offset: f64,
    unit: f64,
    pub(crate) counter: Counter,
    buckets: [u64; ENDS.len() + 1],
}

impl Histogram {
    /// Makes an empty one; `unit` is the width of the smallest buckets.
    pub(crate) fn new(offset: f64, unit: f64) -> Self {
        Self { offset, unit, counter: Counter::default(), buckets: [0; ENDS.len() + 1] }
    }

    pub(crate) fn record(&mut self, value: f64) {
        self.counter.record(value);
        self.buckets[self.bucket(value)] += 1;
    }

    /// Adds the values of another with the same buckets.
    pub(crate) fn add(&mut self, other: &Self) {
        self.counter.add(&other.counter);
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            *mine += theirs;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.counter = Counter::default();
        self.buckets = [0; ENDS.len() + 1];
    }

    /// How many values lie at or below the offset.
    pub(crate) fn below(&self) -> u64 {
        self.buckets[0]
    }

    fn bucket(&self, value: f64) -> usize {
        let scaled = (value - self.offset) / self.unit;
        if scaled <= 0.0 {
            return 0;
        }
        if scaled > f64::from(ENDS[ENDS.len() - 1]) {
            return ENDS.len();
        }
        let whole = scaled.floor();
        // A bucket is open at its start: a value right on it belongs to the one before.
        let place = if scaled - whole < TOLERANCE { whole - 1.0 } else { whole };
        ENDS.partition_point(|end| f64::from(*end) <= place)
    }

    /// Gives what the result file holds, with the asked percentiles.
    pub(crate) fn export(&self, percentiles: &[f64]) -> HistogramData {
        let mut data = HistogramData {
            count: self.counter.count,
            min: self.counter.min,
            max: self.counter.max,
            sum: self.counter.sum,
            avg: self.counter.average(),
            std_dev: self.counter.deviation(),
            data: self.rows(),
            percentiles: None,
        };
        if data.data.is_some() && !percentiles.is_empty() {
            let row = |&p: &f64| PercentileRow { percentile: p, value: data.percentile(p) };
            data.percentiles = Some(percentiles.iter().map(row).collect());
        }
        data
    }

    #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 calls")]
    fn rows(&self) -> Option<Vec<BucketRow>> {
        let count = self.counter.count as f64;
        let edge = |end: u32| self.unit * f64::from(end) + self.offset;
        let mut rows: Vec<BucketRow> = Vec::new();
        let mut total = 0;
        for (index, &here) in self.buckets.iter().enumerate().filter(|(_, here)| **here > 0) {
            total += here;
            let start = ENDS[index.saturating_sub(1)];
            let start = if rows.is_empty() { self.counter.min } else { edge(start) };
            let end = ENDS.get(index).map_or(self.counter.max, |end| edge(*end));
            rows.push(BucketRow { start, end, percent: 100.0 * total as f64 / count, count: here });
        }
        rows.last_mut()?.end = self.counter.max;
        Some(rows)
    }
}

/// A histogram as it stands in a result file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct HistogramData {
    /// Number of values.
    #[serde(deserialize_with = "crate::liberal::count")]
    pub count: u64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Sum of the values.
    pub sum: f64,
    /// Their mean.
    pub avg: f64,
    /// Their standard deviation, of the population.
    pub std_dev: f64,
    /// The buckets that hold something; `None` when there is no value.
    pub data: Option<Vec<BucketRow>>,
    /// Percentiles, where they were asked for and there is a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentiles: Option<Vec<PercentileRow>>,
}

impl HistogramData {
    /// Interpolates a percentile from the buckets, as fortio does; 0 without values.
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 calls")]
    pub fn percentile(&self, percentile: f64) -> f64 {
        let rows = self.data.as_deref().unwrap_or_default();
        if rows.is_empty() {
            return 0.0;
        }
        if percentile >= 100.0 {
            return self.max;
        }
        // The smallest value alone covers this much.
        let mut before = 100.0 / self.count as f64;
        if percentile <= before {
            return self.min;
        }
        for row in rows {
            if percentile <= row.percent {
                return row.start + (percentile - before) / (row.percent - before) * (row.end - row.start);
            }
            before = row.percent;
        }
        self.max
    }
}

/// One bucket that holds something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct BucketRow {
    /// Its start; values on it belong to the bucket before.
    pub start: f64,
    /// Its end; values on it belong to it.
    pub end: f64,
    /// Share of all values up to its end, in percent.
    pub percent: f64,
    /// Values in it.
    #[serde(deserialize_with = "crate::liberal::count")]
    pub count: u64,
}

/// One percentile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct PercentileRow {
    /// Which one, above 0 and below 100.
    pub percentile: f64,
    /// Its value.
    pub value: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64], offset: f64, unit: f64) -> HistogramData {
        let mut histogram = Histogram::new(offset, unit);
        for value in values {
            histogram.record(*value);
        }
        histogram.export(&[50.0])
    }

    #[test]
    fn percentiles_follow_the_known_vectors() {
        let three = of(&[10.0, 20.0, 30.0], 0.0, 10.0);
        for (p, value) in [(50.0, 15.0), (75.0, 22.5), (99.0, 29.7), (99.9, 29.970_000_000_000_002)] {
            assert_eq!(three.percentile(p).to_bits(), f64::to_bits(value), "p{p}");
        }
        let five = of(&[1.0, 251.0, 501.0, 751.0, 1001.0], 0.0, 10.0);
        for (p, value) in
            [(20.0, 1.0), (20.01, 250.025), (50.0, 550.0), (75.0, 775.0), (90.0, 1000.5), (99.9, 1000.995)]
        {
            assert!((five.percentile(p) - value).abs() < 1e-9, "p{p}: {}", five.percentile(p));
        }
        let tiny = of(&[500.1, 500.2, 500.3, 500.4], 0.0, 1e-6);
        for (p, value) in [(50.0, 500.2), (75.0, 500.3), (90.0, 500.36), (99.0, 500.396), (99.9, 500.3996)] {
            assert!((tiny.percentile(p) - value).abs() < 1e-9, "p{p}: {}", tiny.percentile(p));
        }
    }

    #[test]
    fn a_run_of_fortio_1_57_gives_its_own_percentiles() {
        // Calls in each bucket of a published run: end of the bucket in ms, and how many.
        let buckets = [
            (5, 5),
            (6, 5),
            (7, 4),
            (8, 5),
            (9, 5),
            (10, 4),
            (11, 5),
            (12, 3),
            (14, 12),
            (16, 7),
            (18, 10),
            (20, 9),
            (25, 11),
            (30, 8),
            (35, 5),
            (40, 1),
        ];
        let mut histogram = Histogram::new(0.0, 0.001);
        histogram.record(0.004_223_875);
        histogram.record(0.040_490_042);
        for (end, calls) in buckets {
            let inside = f64::from(end) * 0.001 - 0.000_1;
            (0..calls - u32::from(end == 5)).for_each(|_| histogram.record(inside));
        }
        let data = histogram.export(&[]);
        let expected = [
            (50.0, 0.014_571_428_571_428_572),
            (75.0, 0.020_454_545_454_545_454),
            (90.0, 0.028_125),
            (95.0, 0.032),
            (99.0, 0.04),
            (99.9, 0.040_441_037_8),
        ];
        assert_eq!(data.count, 100);
        for (p, value) in expected {
            assert_eq!(data.percentile(p).to_bits(), f64::to_bits(value), "p{p}: {}", data.percentile(p));
        }
    }

    #[test]
    fn a_value_on_a_boundary_belongs_to_the_lower_bucket() {
        for end in ENDS {
            let histogram = Histogram::new(0.0, 0.001);
            let on = histogram.bucket(f64::from(end) * 0.001);
            assert_eq!(ENDS[on], end);
            let above = histogram.bucket(f64::from(end) * 0.001 + 1e-9);
            assert_eq!(above, on + 1, "just above {end}");
        }
    }

    #[test]
    fn an_empty_histogram_has_no_data_and_no_percentiles() {
        let empty = of(&[], 0.0, 0.001);
        assert_eq!((empty.data.as_ref(), empty.percentiles.as_ref()), (None, None));
        assert_eq!(empty.percentile(50.0).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn values_at_or_below_the_offset_share_the_first_bucket() {
        let data = of(&[0.5, 1.0, 1.5], 1.0, 1.0).data.unwrap();
        assert_eq!((data[0].start, data[0].end, data[0].count), (0.5, 1.0, 2));
        assert_eq!((data[1].start, data[1].end, data[1].count), (1.0, 1.5, 1));
    }

    #[test]
    fn buckets_sum_up_and_hold_the_nearest_rank() {
        let mut random = crate::random::Random::new(11, 0);
        for _ in 0..50 {
            #[expect(clippy::cast_precision_loss, reason = "below 2^52")]
            let mut values: Vec<f64> =
                (0..random.between(1, 400)).map(|_| random.between(0, 200_000_000) as f64 / 1e6).collect();
            let data = of(&values, 0.0, 0.001);
            values.sort_by(f64::total_cmp);
            let rows = data.data.as_ref().unwrap();
            assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), data.count);
            assert!((rows.last().unwrap().percent - 100.0).abs() < 1e-9);
            for p in [10.0, 50.0, 90.0, 99.0] {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss,
                    reason = "a rank"
                )]
                let rank = ((p / 100.0 * values.len() as f64).ceil() as usize).max(1) - 1;
                let row = rows.iter().find(|row| p <= row.percent + 1e-9).unwrap();
                assert!(values[rank] >= row.start - 1e-9 && values[rank] <= row.end + 1e-9, "p{p}");
                assert!(data.percentile(p) >= row.start - 1e-9 && data.percentile(p) <= row.end + 1e-9, "p{p}");
            }
        }
    }
}
